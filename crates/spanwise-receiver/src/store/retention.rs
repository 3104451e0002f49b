//! What is too old or too much goes: whole Parquet files, the oldest first.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::disk::{Disk, Entry};
use super::manifest::SPANS;
use super::partition::{Partition, day};

/// Which files stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Retention {
    /// Files older than this go, by when they were written.
    pub(crate) age: Option<Duration>,
    /// The oldest files go until the rest is no larger.
    pub(crate) bytes: Option<u64>,
}

/// What was deleted, and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Swept {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) left: u64,
}

impl Retention {
    /// Deletes what is not to stay at `now`, and folders of other days that are empty then. A folder that cannot be read and a file that cannot be deleted do not keep others
    /// from going; the first such error is given beside.
    pub(crate) fn sweep(self, disk: &dyn Disk, now: SystemTime) -> (Swept, Option<io::Error>) {
        let mut problem = None;
        let mut files = Vec::new();
        // How much is in each folder.
        let mut inside = BTreeMap::new();
        for date in folders(disk, Path::new(SPANS), &mut problem) {
            let services = entries(disk, &date, &mut problem);
            inside.insert(date.clone(), services.len());
            for service in services.into_iter().filter(|entry| entry.is_dir) {
                let service = date.join(service.name);
                let found = entries(disk, &service, &mut problem);
                inside.insert(service.clone(), found.len());
                for entry in found {
                    if !entry.is_dir && entry.name.ends_with(".parquet") {
                        files.push((entry.modified, service.join(entry.name), entry.len));
                    }
                }
            }
        }
        files.sort();
        let mut swept = Swept { left: files.iter().map(|(.., len)| len).sum(), ..Swept::default() };
        for (modified, path, len) in files {
            let age = now.duration_since(modified).unwrap_or_default();
            let old = self.age.is_some_and(|longest| age > longest);
            if !old && self.bytes.is_none_or(|most| swept.left <= most) {
                // All that follow are younger.
                break;
            }
            if let Err(error) = disk.remove_file(&path) {
                problem.get_or_insert(error);
                continue;
            }
            one_less(&mut inside, &path);
            swept.files += 1;
            swept.bytes += len;
            swept.left -= len;
        }
        if self != Self::default() {
            remove_empty(disk, inside, now, &mut problem);
        }
        (swept, problem)
    }
}

/// In the folder of this path there is one thing less.
fn one_less(inside: &mut BTreeMap<PathBuf, usize>, path: &Path) {
    if let Some(left) = path.parent().and_then(|folder| inside.get_mut(folder)) {
        *left = left.saturating_sub(1);
    }
}

/// Removes the folders of dates and their services that are empty. Those of today are about to be used; where another is used
/// meanwhile, it is made again.
fn remove_empty(
    disk: &dyn Disk,
    mut inside: BTreeMap<PathBuf, usize>,
    now: SystemTime,
    problem: &mut Option<io::Error>,
) {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let day = day(0, u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    let today = Path::new(SPANS).join(Partition { day, service: String::new() }.path());
    let today = today.parent();
    // What is in a folder before the folder itself.
    while let Some((folder, left)) = inside.pop_last() {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_ours = name.starts_with("date=") || name.starts_with("service=");
        if left > 0 || !is_ours || today.is_some_and(|today| folder.starts_with(today)) {
            continue;
        }
        match disk.remove_dir(&folder) {
            Ok(()) => one_less(&mut inside, &folder),
            // Something came there meanwhile.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) => {
                problem.get_or_insert(error);
            }
        }
    }
}

fn folders(disk: &dyn Disk, path: &Path, problem: &mut Option<io::Error>) -> Vec<PathBuf> {
    let entries = entries(disk, path, problem).into_iter();
    entries.filter(|entry| entry.is_dir).map(|entry| path.join(entry.name)).collect()
}

fn entries(disk: &dyn Disk, path: &Path, problem: &mut Option<io::Error>) -> Vec<Entry> {
    disk.list(path).unwrap_or_else(|error| {
        problem.get_or_insert(error);
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LocalDisk;
    use crate::store::partition::Partition;
    use std::fs::{self, File};

    const HOUR: Duration = Duration::from_hours(1);

    /// Three files of 100 bytes, written 3, 2 and 1 hours before `now`, and something that is no Parquet file.
    fn store(now: SystemTime) -> (tempfile::TempDir, LocalDisk) {
        let folder = tempfile::tempdir().unwrap();
        for (service, hours) in [("b", 3), ("a", 2), ("c", 1)] {
            let path = folder.path().join(format!("spans/date=2026-11-25/service={service}"));
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("1.parquet"), [0; 100]).unwrap();
            let file = File::options().write(true).open(path.join("1.parquet")).unwrap();
            file.set_modified(now - HOUR * hours).unwrap();
            fs::write(path.join("notes.txt"), "mine").unwrap();
        }
        let disk = LocalDisk::open(folder.path()).unwrap();
        (folder, disk)
    }

    #[test]
    fn folders_go_with_their_last_file_but_not_those_of_today() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let day = crate::store::partition::day(0, u64::try_from(since.as_nanos()).unwrap());
        let today = Partition { day, service: "a".to_owned() }.path();
        let places = [
            &today,
            "date=2026-01-01/service=a",
            "date=2026-01-02/service=a",
            "date=2026-01-02/service=b",
            "mine/too",
        ];
        for place in places {
            let path = folder.path().join(SPANS).join(place);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("1.parquet"), [0; 100]).unwrap();
        }
        fs::write(folder.path().join(SPANS).join("date=2026-01-02/service=b/notes.txt"), "mine").unwrap();
        // Empty from before.
        fs::create_dir_all(folder.path().join(SPANS).join("date=2026-01-03/service=a")).unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let left = |places: &[&str]| -> Vec<bool> {
            places.iter().map(|place| folder.path().join(SPANS).join(place).exists()).collect()
        };
        Retention::default().sweep(&disk, now);
        assert_eq!(left(&["date=2026-01-03/service=a"]), [true]);
        let (swept, problem) = Retention { age: None, bytes: Some(0) }.sweep(&disk, now);
        assert_eq!((swept.files, problem.map(|error| error.to_string())), (5, None));
        assert_eq!(left(&places), [true, false, false, true, true]);
        assert_eq!(left(&["date=2026-01-01", "date=2026-01-02", "date=2026-01-03"]), [false, true, false]);
    }

    #[test]
    fn a_folder_that_is_used_meanwhile_stays_and_one_that_cannot_go_is_told() {
        let now = SystemTime::now();
        let (folder, disk) = store(now);
        let removed = |place: &str| {
            let mut problem = None;
            remove_empty(&disk, BTreeMap::from([(Path::new(SPANS).join(place), 0)]), now, &mut problem);
            problem.map(|error| error.kind())
        };
        assert_eq!(removed("date=2026-11-25/service=a"), None);
        assert!(folder.path().join("spans/date=2026-11-25/service=a/1.parquet").exists());
        fs::write(folder.path().join("spans/date=2026-11-24"), "mine").unwrap();
        assert_eq!(removed("date=2026-11-24"), Some(io::ErrorKind::NotADirectory));
    }

    #[test]
    fn the_oldest_go_first() {
        let now = SystemTime::now();
        for (age, bytes, gone) in [
            (None, None, &[][..]),
            (Some(HOUR * 4), Some(300), &[]),
            (Some(HOUR * 5 / 2), None, &["b"]),
            (None, Some(299), &["b"]),
            (None, Some(150), &["b", "a"]),
            (Some(HOUR * 3 / 2), Some(200), &["b", "a"]),
            (Some(Duration::ZERO), None, &["b", "a", "c"]),
        ] {
            let (folder, disk) = store(now);
            let (swept, problem) = Retention { age, bytes }.sweep(&disk, now);
            assert!(problem.is_none());
            let len = gone.len() as u64;
            assert_eq!(swept, Swept { files: len, bytes: len * 100, left: 300 - len * 100 });
            for service in ["a", "b", "c"] {
                let path = folder.path().join(format!("spans/date=2026-11-25/service={service}"));
                assert_eq!(
                    path.join("1.parquet").exists(),
                    !gone.contains(&service),
                    "{age:?} {bytes:?} {service}"
                );
                assert!(path.join("notes.txt").exists());
            }
        }
    }
}
