//! A disk whose errors say which file or folder they are about.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::disk::{Disk, DiskFile, Entry};
use super::manifest::SPANS;

/// Names what cannot be read or written. The kinds of errors stay, their numbers are in the text alone.
#[derive(Debug)]
pub(crate) struct Named<'a>(pub(crate) &'a dyn Disk);

/// The path as it may be told: below `spans` no more than the date. The folder there has the name of a service, which no log line
/// may hold.
fn shown(path: &Path) -> PathBuf {
    if path.starts_with(SPANS) { path.iter().take(2).collect() } else { path.to_owned() }
}

/// The error with the path before it.
fn name(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", shown(path).display()))
}

fn named<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| name(path, &error))
}

struct NamedFile<F> {
    file: F,
    path: PathBuf,
}

impl<F: Read> Read for NamedFile<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        named(&self.path, self.file.read(out))
    }
}

impl Write for NamedFile<Box<dyn DiskFile>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        named(&self.path, self.file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        named(&self.path, self.file.flush())
    }
}

impl DiskFile for NamedFile<Box<dyn DiskFile>> {
    fn sync(&mut self) -> io::Result<()> {
        named(&self.path, self.file.sync())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        named(&self.path, self.file.truncate(len))
    }

    fn pad(&mut self, len: u64) -> io::Result<()> {
        named(&self.path, self.file.pad(len))
    }

    fn is_linked(&self) -> io::Result<bool> {
        named(&self.path, self.file.is_linked())
    }
}

impl Disk for Named<'_> {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = named(path, self.0.create(path))?;
        Ok(Box::new(NamedFile { file, path: path.to_owned() }))
    }

    fn reopen(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let (file, len) = named(path, self.0.reopen(path))?;
        Ok((Box::new(NamedFile { file, path: path.to_owned() }), len))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let file = named(path, self.0.open(path))?;
        Ok(Box::new(NamedFile { file, path: path.to_owned() }))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        named(path, self.0.list(path))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        named(path, self.0.create_dir_all(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // Mostly it is the place that cannot be written.
        self.0.rename(from, to).map_err(|error| {
            let both = format!("{} to {}: {error}", shown(from).display(), shown(to).display());
            io::Error::new(error.kind(), both)
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        named(path, self.0.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        named(path, self.0.remove_dir(path))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        named(path, self.0.remove_dir_all(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        named(path, self.0.sync_dir(path))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.0.free_bytes()
    }

    fn check_held(&self) -> io::Result<()> {
        self.0.check_held()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LocalDisk;

    #[test]
    fn errors_name_the_path_and_no_service() {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let disk = Named(&disk);
        for (path, shown) in [
            ("log/00000000000001.log", "log/00000000000001.log: "),
            ("spans/date=2026-11-25/service=secret/1.parquet", "spans/date=2026-11-25: "),
        ] {
            let error = disk.open(Path::new(path)).err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            let text = error.to_string();
            assert!(text.starts_with(shown) && text.contains("os error"), "{text}");
        }
        let place = Path::new("spans/date=2026-11-25/service=secret/1.parquet");
        let text = disk.rename(Path::new("staging/1/0.parquet"), place).unwrap_err().to_string();
        assert!(text.starts_with("staging/1/0.parquet to spans/date=2026-11-25: "), "{text}");
    }
}
