//! What the store asks of a file system.
//!
//! All of the store goes through [`Disk`], so that a test can put one in its place that is full, broken, or gone at any
//! operation. Paths are relative to the store's folder.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file that is being written.
pub trait DiskFile: Write + Send {
    /// Returns when what was written is on stable storage.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file off after `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Puts `len` zeros behind what was written; what is written next goes over them. A sync then need not write down a new
    /// length of the file, which takes about as long as the bytes themselves where they are few. May do nothing.
    fn pad(&mut self, _len: u64) -> io::Result<()> {
        Ok(())
    }

    /// Whether it has a name still. What is written to a file that was deleted meanwhile is gone when it is closed. Asked once for each
    /// group of deliveries.
    fn is_linked(&self) -> io::Result<bool> {
        Ok(true)
    }
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the folder's. Names that are not UTF-8 are left out: no file of a store has one.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Bytes of a file.
    pub len: u64,
    /// When a file was last written.
    pub modified: SystemTime,
}

/// A folder in a file system.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Begins a file that must not exist.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to write over what it holds, from its beginning, and says how many bytes that is. A sync of bytes that have
    /// their place on the disk already need not write down where they are.
    fn reopen(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)>;

    /// Opens a file to read it from its beginning.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>>;

    /// The entries of a folder, in no order. A folder that is not there has none.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Makes a folder and those above it, unless they are there.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Gives a file or folder another place, replacing a file that is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. That it is gone already is no error.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder that is empty; one that is not stays, and that is an error. That it is gone already is none. May do nothing.
    fn remove_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Removes a folder and all that is in it. That it is gone already is no error.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Returns when the folder's entries (files made, renamed and removed) are on stable storage.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Bytes that can still be written.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// A folder of the machine.
#[derive(Debug)]
pub struct LocalDisk {
    root: PathBuf,
    /// Held as long as the store is open: two receivers on one folder would deliver its segments twice.
    _lock: File,
}

impl LocalDisk {
    /// Opens a folder, which is made if it is not there, and locks it.
    ///
    /// # Errors
    /// The folder cannot be made, or another process has it open ([`io::ErrorKind::WouldBlock`]).
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(root.join("receiver.lock"));
        let lock = lock.map_err(|error| io::Error::new(error.kind(), format!("receiver.lock: {error}")))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another receiver has the store open")
            }
            fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { root, _lock: lock })
    }
}

struct LocalFile(File);

impl Write for LocalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl DiskFile for LocalFile {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    #[cfg(unix)]
    fn is_linked(&self) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;
        Ok(self.0.metadata()?.nlink() > 0)
    }

    #[cfg(unix)]
    fn pad(&mut self, len: u64) -> io::Result<()> {
        use std::io::Seek as _;
        use std::os::unix::fs::FileExt as _;

        const ZEROS: &[u8] = &[0; 64 << 10];
        let (mut at, mut left) = (self.0.stream_position()?, len);
        while left > 0 {
            let zeros = usize::try_from(left).ok().and_then(|left| ZEROS.get(..left)).unwrap_or(ZEROS);
            self.0.write_all_at(zeros, at)?;
            at += zeros.len() as u64;
            left -= zeros.len() as u64;
        }
        Ok(())
    }
}

/// The result, except that it is no error where the file or folder is not there.
pub(crate) fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Disk for LocalDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(LocalFile(File::create_new(self.root.join(path))?)))
    }

    fn reopen(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let file = OpenOptions::new().write(true).open(self.root.join(path))?;
        let len = file.metadata()?.len();
        Ok((Box::new(LocalFile(file)), len))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.root.join(path))?))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let entries = match fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Somebody moved it away meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let modified = metadata.modified()?;
            found.push(Entry { name, is_dir: metadata.is_dir(), len: metadata.len(), modified });
        }
        Ok(found)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(self.root.join(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.root.join(from), self.root.join(to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        gone_is_fine(fs::remove_file(self.root.join(path)))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        gone_is_fine(fs::remove_dir(self.root.join(path)))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        gone_is_fine(fs::remove_dir_all(self.root.join(path)))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(self.root.join(path))?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = rustix::fs::statvfs(&self.root)?;
        Ok(state.f_bavail.saturating_mul(state.f_frsize))
    }
}
