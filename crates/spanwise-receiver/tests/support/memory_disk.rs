//! A file system in memory that can be full, broken, or lose its power at any operation.
//!
//! A crash keeps what was synced and nothing else that it need not keep: the bytes of a file as they were at its last sync (and,
//! as the test says, some of those written after), and the entries of folders as they were at the folder's last sync. So a sync
//! that is missing in the store loses something here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use spanwise_receiver::{Disk, DiskFile, Entry};

type Shared = Arc<Mutex<State>>;

/// What goes wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The operations from the first number on fail, up to before the second, with this error of the system.
    Errors(u64, u64, i32),
    /// The power is gone at this operation.
    Crash(u64),
    /// This operation and all behind it panic.
    Panic(u64),
}

#[derive(Debug, Clone)]
struct File {
    bytes: Arc<Mutex<Vec<u8>>>,
    marks: Arc<Mutex<Marks>>,
}

/// Where the writer of a file is. Zeros, or what the file held before, may stand behind that.
#[derive(Debug, Clone, Default)]
struct Marks {
    written: usize,
    /// Of what was written.
    synced: usize,
    /// The file at its last sync.
    stable: Vec<u8>,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<PathBuf, File>,
    durable_files: BTreeMap<PathBuf, File>,
    folders: BTreeSet<PathBuf>,
    durable_folders: BTreeSet<PathBuf>,
    operations: u64,
    fault: Fault,
    free: u64,
    /// Bytes that all files may have together.
    capacity: usize,
    /// No folder can be made below this one.
    refusing: Option<PathBuf>,
    /// How often a file was opened to be written over.
    reopened: u64,
    /// Folders cannot be removed: their files go, but for the last.
    clinging: bool,
    /// This file cannot be removed.
    kept: Option<PathBuf>,
    /// The next time that this file is opened, it cannot be read.
    unreadable: Option<PathBuf>,
    /// The next file that comes to a place below this folder makes the disk panic.
    panicking: Option<PathBuf>,
    /// The folder of the next file that comes to a place below this one is removed just before.
    losing: Option<PathBuf>,
    /// No file comes to a place below this folder, for this reason.
    blocked: Option<(PathBuf, io::ErrorKind)>,
    /// Who moves a file to a place below this folder waits.
    stalled: Option<PathBuf>,
    /// It is another's, or away.
    is_away: bool,
}

impl State {
    /// Counts an operation, which fails if it is its turn.
    fn operate(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        match self.fault {
            Fault::Errors(from, to, error) if (from..to).contains(&number) => {
                Err(io::Error::from_raw_os_error(error))
            }
            Fault::Crash(at) if number >= at => Err(io::Error::other("the power is gone")),
            Fault::Panic(at) if number >= at => panic!("as the test wants it"),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct MemoryDisk(Shared);

impl MemoryDisk {
    pub(crate) fn new() -> Self {
        let root = BTreeSet::from([PathBuf::new()]);
        Self(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            durable_files: BTreeMap::new(),
            folders: root.clone(),
            durable_folders: root,
            operations: 0,
            fault: Fault::None,
            free: u64::MAX,
            capacity: usize::MAX,
            refusing: None,
            reopened: 0,
            clinging: false,
            kept: None,
            unreadable: None,
            panicking: None,
            losing: None,
            blocked: None,
            stalled: None,
            is_away: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        self.state().fault = fault;
    }

    pub(crate) fn set_free(&self, bytes: u64) {
        self.state().free = bytes;
    }

    /// From now on all files together have no more room than this.
    pub(crate) fn set_capacity(&self, bytes: usize) {
        self.state().capacity = bytes;
    }

    /// From now on no folder can be made below this one.
    pub(crate) fn refuse_below(&self, folder: Option<&str>) {
        self.state().refusing = folder.map(PathBuf::from);
    }

    /// From now on, folders cannot be removed, though most of what is in them can.
    pub(crate) fn cling_to_folders(&self, clinging: bool) {
        self.state().clinging = clinging;
    }

    /// From now on this file cannot be removed.
    pub(crate) fn cling_to(&self, path: &Path) {
        self.state().kept = Some(path.to_owned());
    }

    /// The next time that this file is opened, it cannot be read.
    pub(crate) fn break_once(&self, path: &Path) {
        self.state().unreadable = Some(path.to_owned());
    }

    /// The next file that comes to a place below this folder makes the disk panic.
    pub(crate) fn panic_once_below(&self, folder: &str) {
        self.state().panicking = Some(folder.into());
    }

    /// The folder of the next file that comes to a place below this one is removed just before.
    pub(crate) fn lose_once_below(&self, folder: &str) {
        self.state().losing = Some(folder.into());
    }

    /// From now on no file comes to a place below this folder, for this reason.
    pub(crate) fn block(&self, below: Option<(&str, io::ErrorKind)>) {
        self.state().blocked = below.map(|(folder, kind)| (folder.into(), kind));
    }

    /// From now on whoever moves a file to a place below this folder waits, until that is over.
    pub(crate) fn stall(&self, below: Option<&str>) {
        self.state().stalled = below.map(PathBuf::from);
    }

    /// Whether it is still what was opened.
    pub(crate) fn hold(&self, held: bool) {
        self.state().is_away = !held;
    }

    /// Puts a file in its place.
    pub(crate) fn put(&self, path: &Path, bytes: &[u8]) {
        let file = File { bytes: Arc::new(Mutex::new(bytes.to_vec())), marks: Arc::default() };
        self.state().files.insert(path.to_owned(), file);
    }

    /// Changes a byte of a file.
    pub(crate) fn damage(&self, path: &Path, at: usize) {
        lock(&self.state().files[path].bytes)[at] ^= 1;
    }

    /// Operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How often a file was opened to be written over so far.
    pub(crate) fn reopened(&self) -> u64 {
        self.state().reopened
    }

    /// What is there after the power was gone: of bytes that were not synced, `kept` of 100.
    pub(crate) fn after_crash(&self, kept: usize) -> Self {
        let disk = Self::new();
        let mut new = disk.state();
        let old = self.state();
        new.folders.clone_from(&old.durable_folders);
        new.durable_folders.clone_from(&old.durable_folders);
        for (path, file) in &old.durable_files {
            if !path.ancestors().skip(1).all(|folder| new.folders.contains(folder)) {
                continue;
            }
            let (bytes, marks) = (lock(&file.bytes), lock(&file.marks));
            let end = marks.synced + (marks.written.saturating_sub(marks.synced)) * kept / 100;
            let mut left = marks.stable.clone();
            if end > marks.synced {
                left.resize(left.len().max(end), 0);
                left[marks.synced..end].copy_from_slice(&bytes[marks.synced..end]);
            }
            let marks = Marks { written: left.len(), synced: left.len(), stable: left.clone() };
            let file = File { bytes: Arc::new(Mutex::new(left)), marks: Arc::new(Mutex::new(marks)) };
            new.files.insert(path.clone(), file.clone());
            new.durable_files.insert(path.clone(), file);
        }
        drop(new);
        disk
    }

    /// All files whose name ends so.
    pub(crate) fn files(&self, ending: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let state = self.state();
        let files = state.files.iter().filter(|(path, _)| path.to_string_lossy().ends_with(ending));
        files.map(|(path, file)| (path.clone(), lock(&file.bytes).clone())).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Open {
    file: File,
    path: PathBuf,
    disk: Shared,
}

impl Open {
    fn operate(&self) -> io::Result<()> {
        lock(&self.disk).operate()
    }

    /// Whether so many bytes behind what was written still have room.
    fn room(&self, bytes: usize) -> io::Result<()> {
        let state = lock(&self.disk);
        let taken: usize = state.files.values().map(|file| lock(&file.bytes).len()).sum();
        let end = lock(&self.file.marks).written + bytes;
        let more = end.saturating_sub(lock(&self.file.bytes).len());
        if more > state.capacity.saturating_sub(taken) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.operate().and_then(|()| self.room(bytes.len()));
        // A write that fails may have been done in part.
        let written = if result.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        let (mut content, mut marks) = (lock(&self.file.bytes), lock(&self.file.marks));
        let end = marks.written + written.len();
        let len = content.len().max(end);
        content.resize(len, 0);
        content[marks.written..end].copy_from_slice(written);
        marks.written = end;
        result.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for Open {
    fn sync(&mut self) -> io::Result<()> {
        self.operate()?;
        let (content, mut marks) = (lock(&self.file.bytes), lock(&self.file.marks));
        marks.synced = marks.written;
        marks.stable.clone_from(&content);
        Ok(())
    }

    fn pad(&mut self, len: u64) -> io::Result<()> {
        let result = self.operate();
        // Some of it may be there though it failed.
        let zeros = if result.is_ok() { len } else { len / 2 };
        let end = lock(&self.file.marks).written + usize::try_from(zeros).unwrap();
        let mut content = lock(&self.file.bytes);
        let len = content.len().max(end);
        content.resize(len, 0);
        result
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.operate()?;
        let len = usize::try_from(len).unwrap();
        lock(&self.file.bytes).truncate(len);
        let mut marks = lock(&self.file.marks);
        marks.written = marks.written.min(len);
        Ok(())
    }

    fn is_linked(&self) -> io::Result<bool> {
        let there = lock(&self.disk).files.get(&self.path).map(|file| Arc::clone(&file.bytes));
        Ok(there.is_some_and(|bytes| Arc::ptr_eq(&bytes, &self.file.bytes)))
    }
}

/// A file in a bad place of the disk.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::from_raw_os_error(5))
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for MemoryDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.operate()?;
        if !state.folders.contains(path.parent().unwrap()) {
            return Err(not_found());
        }
        if state.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = File { bytes: Arc::default(), marks: Arc::default() };
        state.files.insert(path.to_owned(), file.clone());
        Ok(Box::new(Open { file, path: path.to_owned(), disk: Arc::clone(&self.0) }))
    }

    fn reopen(&self, path: &Path) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let mut state = self.state();
        state.operate()?;
        let file = state.files.get(path).ok_or_else(not_found)?.clone();
        state.reopened += 1;
        let len = lock(&file.bytes).len() as u64;
        let mut marks = lock(&file.marks);
        (marks.written, marks.synced) = (0, 0);
        drop(marks);
        Ok((Box::new(Open { file, path: path.to_owned(), disk: Arc::clone(&self.0) }), len))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let mut state = self.state();
        state.operate()?;
        if state.unreadable.take_if(|broken| broken == path).is_some() {
            return Ok(Box::new(Broken));
        }
        let file = state.files.get(path).ok_or_else(not_found)?;
        Ok(Box::new(io::Cursor::new(lock(&file.bytes).clone())))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut state = self.state();
        state.operate()?;
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let inside = |entry: &&PathBuf| entry.parent() == Some(path);
        let files = state.files.iter().filter(|(file, _)| inside(file)).map(|(file, content)| Entry {
            name: name(file),
            is_dir: false,
            len: lock(&content.bytes).len() as u64,
            modified: SystemTime::now(),
        });
        let folders = state.folders.iter().filter(inside).map(|folder| Entry {
            name: name(folder),
            is_dir: true,
            len: 0,
            modified: SystemTime::now(),
        });
        Ok(files.chain(folders).collect())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if state.refusing.as_ref().is_some_and(|refusing| path != refusing && path.starts_with(refusing)) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        state.folders.extend(path.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        while self.state().stalled.as_ref().is_some_and(|folder| to.starts_with(folder)) {
            thread::sleep(Duration::from_millis(1));
        }
        let mut state = self.state();
        state.operate()?;
        if state.losing.take_if(|folder| to.starts_with(folder)).is_some() {
            state.folders.remove(to.parent().unwrap());
        }
        if !state.folders.contains(to.parent().unwrap()) {
            return Err(not_found());
        }
        if let Some((_, kind)) = state.blocked.as_ref().filter(|(folder, _)| to.starts_with(folder)) {
            return Err((*kind).into());
        }
        let panics = state.panicking.take_if(|folder| to.starts_with(folder)).is_some();
        assert!(!panics, "as the test wants it");
        let file = state.files.remove(from).ok_or_else(not_found)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if state.kept.as_deref() == Some(path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        state.files.remove(path);
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.files.retain(|file, _| !file.starts_with(path));
        if state.clinging && state.folders.contains(path) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.folders.retain(|folder| !folder.starts_with(path));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if !state.folders.contains(path) {
            return Err(not_found());
        }
        let State { files, durable_files, folders, durable_folders, .. } = &mut *state;
        let inside = |entry: &PathBuf| entry.parent() == Some(path);
        durable_files.retain(|file, _| !inside(file));
        durable_files
            .extend(files.iter().filter(|(file, _)| inside(file)).map(|(p, f)| (p.clone(), f.clone())));
        durable_folders.retain(|folder| !inside(folder));
        durable_folders.extend(folders.iter().filter(|folder| inside(folder)).cloned());
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.state().free)
    }

    fn check_held(&self) -> io::Result<()> {
        if self.state().is_away { Err(not_found()) } else { Ok(()) }
    }
}
