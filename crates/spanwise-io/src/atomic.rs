//! Files that are there whole or not at all. So an output may be one of the inputs.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A file that is written beside its final place under another name, which it takes at the end. One that is dropped before
/// leaves nothing.
///
/// ```
/// use std::io::Write as _;
/// use spanwise_io::AtomicFile;
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("out.csv");
/// let mut file = AtomicFile::create(&path)?;
/// file.write_all(b"whole")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"whole");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl AtomicFile {
    /// Begins to write to `path`. Where that is a link, the file it leads to is replaced and the link stays.
    ///
    /// # Errors
    /// No file can be made in its folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        // No extension of a trace file: a run that is killed leaves nothing that is read by mistake.
        let mut prefix = OsString::from(".");
        prefix.push(name);
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any other new file: less what the user's mask takes.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        Ok(Self { file: builder.tempfile_in(folder(path))?, path: path.to_owned() })
    }

    /// Bytes that were written.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.as_file().metadata()?.len())
    }

    /// Makes what was written last, and gives it its name.
    ///
    /// # Errors
    /// The system says so; then the file is as it was before.
    pub fn commit(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        // A file system that cannot sync a folder still has the name.
        let _ = File::open(folder(&self.path)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
