//! What the store asks of a file system.
//!
//! All of the store goes through [`Disk`], so that a test can put one in its place that is full, broken, or gone at any
//! operation. Paths are relative to the store's folder.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
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

    /// Whether it is still what stands at the path that it was opened by. What is written to a file that was deleted or moved away
    /// meanwhile is not found again. Asked once for each group of deliveries.
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

    /// Makes a folder and those above it, unless they are there. Not the store's own: where that is not there, it is an error.
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

    /// An error where the folder is another than the one that was opened, or somebody else has it open, too: nothing may be written
    /// then. Asked twice for each group of deliveries. May do nothing.
    fn check_held(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A folder of the machine.
#[derive(Debug)]
pub struct LocalDisk {
    root: PathBuf,
    held: Mutex<Held>,
}

/// Held as long as the store is open: two receivers on one folder would deliver its segments twice, and write over each other's.
#[derive(Debug)]
struct Held {
    _lock: File,
    of_lock: Identity,
    of_root: Identity,
    /// Another receiver has, or had, the folder: what is known of it here is no longer so.
    lost: bool,
}

const LOCK: &str = "receiver.lock";

/// What tells a file or folder from another that took its name: device and inode.
type Identity = (u64, u64);

fn identity(metadata: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

impl Held {
    fn new(root: &Path, options: &mut OpenOptions) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{LOCK}: {error}"));
        let lock = options.write(true).open(root.join(LOCK)).map_err(named)?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another receiver has the store open")
            }
            fs::TryLockError::Error(error) => error,
        })?;
        let (of_lock, of_root) = (identity(&lock.metadata()?), identity(&fs::metadata(root)?));
        Ok(Self { _lock: lock, of_lock, of_root, lost: false })
    }

    fn check(&mut self, root: &Path) -> io::Result<()> {
        let found = fs::metadata(root.join(LOCK)).map(|metadata| identity(&metadata));
        match found {
            Ok(found) if found == self.of_lock && !self.lost => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let now = fs::metadata(root)
            .map_err(|error| io::Error::new(error.kind(), format!("the folder of the store: {error}")))?;
        if identity(&now) != self.of_root {
            // It may come back: a file system that is not mounted, say.
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "the folder of the store is another now",
            ));
        }
        if found.is_ok() {
            self.lost = true;
        }
        if self.lost {
            let taken = format!("{LOCK} is another now: another receiver may have the store open");
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, taken));
        }
        // It was removed, and nobody came since: it is made again, before somebody does.
        *self = Self::new(root, OpenOptions::new().create_new(true))?;
        Ok(())
    }
}

/// Makes a folder and those above it, and sees that the power takes none of them away with what will be in it.
fn create_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    above.map_or(Ok(()), create_durably)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        other => other?,
    }
    // Who may make something in a folder need not be one who may read it.
    let _ = File::open(above.unwrap_or(Path::new("."))).and_then(|above| above.sync_all());
    Ok(())
}

impl LocalDisk {
    /// Opens a folder, which is made if it is not there, and locks it.
    ///
    /// # Errors
    /// The folder cannot be made, or another process has it open ([`io::ErrorKind::WouldBlock`]).
    pub fn open(root: impl AsRef<Path>) -> io::Result<Self> {
        let root = root.as_ref().to_owned();
        create_durably(&root)?;
        let held = Held::new(&root, OpenOptions::new().create(true).truncate(false))?;
        Ok(Self { root, held: Mutex::new(held) })
    }
}

struct LocalFile {
    file: File,
    path: PathBuf,
    identity: Identity,
}

impl LocalFile {
    fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let identity = identity(&file.metadata()?);
        Ok(Self { file, path, identity })
    }
}

impl Write for LocalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DiskFile for LocalFile {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn is_linked(&self) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(metadata) => Ok(identity(&metadata) == self.identity),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn pad(&mut self, len: u64) -> io::Result<()> {
        use std::io::Seek as _;
        use std::os::unix::fs::FileExt as _;

        const ZEROS: &[u8] = &[0; 64 << 10];
        let (mut at, mut left) = (self.file.stream_position()?, len);
        while left > 0 {
            let zeros = usize::try_from(left).ok().and_then(|left| ZEROS.get(..left)).unwrap_or(ZEROS);
            self.file.write_all_at(zeros, at)?;
            at += zeros.len() as u64;
            left -= zeros.len() as u64;
        }
        Ok(())
    }
}

/// Whether it is room that is missing.
pub(crate) fn lacks_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
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
        let path = self.root.join(path);
        Ok(Box::new(LocalFile::new(File::create_new(&path)?, path)?))
    }

    fn reopen(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let path = self.root.join(path);
        let file = OpenOptions::new().write(true).open(&path)?;
        let len = file.metadata()?.len();
        Ok((Box::new(LocalFile::new(file, path)?), len))
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
        let whole = self.root.join(path);
        if fs::metadata(&whole).is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        let above = path.parent().ok_or(io::ErrorKind::NotFound)?;
        let created = match fs::create_dir(&whole) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_dir_all(above)?;
                fs::create_dir(&whole)
            }
            other => other,
        };
        match created {
            // Another thread made it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && whole.is_dir() => Ok(()),
            other => other,
        }
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

    fn check_held(&self) -> io::Result<()> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).check(&self.root)
    }
}
