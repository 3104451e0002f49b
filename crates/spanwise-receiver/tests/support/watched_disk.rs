//! A disk in memory on which somebody looks at what is opened, listed and moved, and may say otherwise.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use spanwise_receiver::{Disk, DiskFile, Entry};

use super::memory_disk::MemoryDisk;

type File = Box<dyn Read + Send>;
/// What is opened or listed, or moved from where to where. Gives another file, or an error, or neither.
type Look = dyn FnMut(&Path, Option<&Path>) -> io::Result<Option<File>> + Send;

pub(crate) struct WatchedDisk {
    disk: MemoryDisk,
    look: Mutex<Box<Look>>,
}

impl WatchedDisk {
    pub(crate) fn new(
        disk: MemoryDisk,
        look: impl FnMut(&Path, Option<&Path>) -> io::Result<Option<File>> + Send + 'static,
    ) -> Self {
        Self { disk, look: Mutex::new(Box::new(look)) }
    }

    fn look(&self, path: &Path, to: Option<&Path>) -> io::Result<Option<File>> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)(path, to)
    }
}

impl fmt::Debug for WatchedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl Disk for WatchedDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create(path)
    }

    fn reopen(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        self.disk.reopen(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        match self.look(path, None)? {
            Some(other) => Ok(other),
            None => self.disk.open(path),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.look(path, None)?;
        self.disk.list(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.look(from, Some(to))?;
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }
}
