//! Output files that appear whole or not at all.
//!
//! What is written goes to a new file beside the one that is meant, which takes its place at the end. A run that fails
//! leaves what was there, and an output may be one of the inputs. What is no regular file (a pipe, a terminal) is written
//! as it is.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// An output file while it is written.
pub(crate) struct Target {
    path: PathBuf,
    file: Inner,
}

enum Inner {
    New(BufWriter<NamedTempFile>),
    There(BufWriter<File>),
}

impl Target {
    /// Begins to write the file at `path`.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        // Where a link leads, so that the link stays one.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let metadata = path.metadata().ok();
        if metadata.as_ref().is_some_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
            let file = File::options().write(true).open(&path)?;
            return Ok(Self { path, file: Inner::There(BufWriter::new(file)) });
        }
        if metadata.is_some_and(|metadata| metadata.is_dir()) {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".spanwise-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any new file; the process's mask takes from it.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
        Ok(Self { path, file: Inner::New(BufWriter::new(file)) })
    }

    /// Puts the file where it is meant to be.
    pub(crate) fn finish(self) -> io::Result<()> {
        match self.file {
            Inner::New(file) => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.persist(self.path).map(|_| ()).map_err(|error| error.error)
            }
            Inner::There(mut file) => file.flush(),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Inner::New(file) => file.write(bytes),
            Inner::There(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Inner::New(file) => file.flush(),
            Inner::There(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        for text in ["first", "second"] {
            let mut target = Target::create(&path).unwrap();
            target.write_all(text.as_bytes()).unwrap();
            target.finish().unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let mut target = Target::create(&path).unwrap();
        target.write_all(b"third").unwrap();
        drop(target);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_a_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Target::create(folder.path()).is_err());
        assert!(Target::create(&folder.path().join("missing/out.json")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("there.json"), folder.path().join("link.json"));
        std::fs::write(&path, "before").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut target = Target::create(&link).unwrap();
        target.write_all(b"after").unwrap();
        target.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
        assert!(link.is_symlink());
        let mut target = Target::create(Path::new("/dev/null")).unwrap();
        target.write_all(b"gone").unwrap();
        target.finish().unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    }
}
