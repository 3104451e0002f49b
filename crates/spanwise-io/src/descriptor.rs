//! Paths that name what the process has open already, such as `/dev/stdout`.
//!
//! What they lead to may be a file, and still it is not theirs to be replaced: others write to it, before and after, and know
//! it by the descriptor alone.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use crate::source::Source;

/// Links that are followed, at most; the system follows as many.
const LINKS: usize = 40;

/// The number of the open descriptor that a path names: `/dev/stdout`, `/dev/fd/3`, or a link to such. `None` of all other paths,
/// also of the file that the descriptor is of.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert_eq!(spanwise_io::descriptor("/dev/stdout".as_ref()), Some(1));
/// assert_eq!(spanwise_io::descriptor("out.csv".as_ref()), None);
/// ```
pub fn descriptor(path: &Path) -> Option<u32> {
    if !cfg!(unix) {
        return None;
    }
    let is_folder_of_them = |folder: &Path| {
        let all = ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"];
        all.iter().any(|of_them| Path::new(of_them).canonicalize().is_ok_and(|of_them| of_them == folder))
    };
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        if is_folder_of_them(&folder) {
            return path.file_name()?.to_str()?.parse().ok();
        }
        path = folder.join(path.read_link().ok()?);
    }
    None
}

/// The same descriptor once more: what is written goes on where others left off, and they go on behind it. `path` is one that names it.
pub(crate) fn open(number: u32, path: &Path) -> io::Result<File> {
    if let Some(again) = again(number) {
        return again;
    }
    // The same file at least, with all that it holds.
    File::options().append(true).open(path)
}

/// `None` where there is no way to have it.
#[cfg(unix)]
fn again(number: u32) -> Option<io::Result<File>> {
    use std::os::fd::AsFd as _;
    let owned = match number {
        0 => io::stdin().as_fd().try_clone_to_owned(),
        1 => io::stdout().as_fd().try_clone_to_owned(),
        2 => io::stderr().as_fd().try_clone_to_owned(),
        _ => return other(number).map(Ok),
    };
    Some(owned.map(File::from))
}

#[cfg(not(unix))]
fn again(_: u32) -> Option<io::Result<File>> {
    None
}

/// Linux lets a process have a descriptor of another by its number, itself included; some containers do not.
#[cfg(target_os = "linux")]
fn other(number: u32) -> Option<File> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    let process = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
    let owned = pidfd_getfd(process, number.try_into().ok()?, PidfdGetfdFlags::empty()).ok()?;
    Some(File::from(owned))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn other(_: u32) -> Option<File> {
    None
}

/// The file that standard output goes to. Who reads it meanwhile reads what is written there, too.
///
/// ```
/// use spanwise_io::{FileOfStdout, Source};
/// let is_written = |source: &Source| FileOfStdout::new().is_some_and(|file| file.is(source));
/// assert!(!is_written(&Source::File("no-such-file".into())));
/// ```
#[derive(Debug)]
pub struct FileOfStdout(Metadata);

impl FileOfStdout {
    /// `None` where it goes to no file.
    pub fn new() -> Option<Self> {
        metadata(1).filter(Metadata::is_file).map(Self)
    }

    /// Whether a source is this file, by whatever name. Costs a look at the file.
    pub fn is(&self, source: &Source) -> bool {
        let source = match source {
            Source::File(path) => path.metadata().ok(),
            Source::Stdin => metadata(0),
            Source::Bytes(_) | Source::Reader(_) => None,
        };
        source.is_some_and(|source| is_same(&self.0, &source))
    }
}

fn metadata(number: u32) -> Option<Metadata> {
    again(number)?.ok()?.metadata().ok()
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_descriptor_has_names_and_a_file_none_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink("/dev/stdout", path("link")).unwrap();
        symlink("loop", path("loop")).unwrap();
        symlink("/dev/fd", path("all")).unwrap();
        std::fs::write(path("1"), "").unwrap();
        for (name, number) in [
            ("/dev/stdout", Some(1)),
            ("/dev/../dev/stderr", Some(2)),
            ("/dev/stdin", Some(0)),
            ("/dev/fd/17", Some(17)),
            ("/proc/self/fd/1", Some(1)),
            ("/proc/thread-self/fd/1", Some(1)),
            (&format!("/proc/{}/fd/1", std::process::id()), Some(1)),
            (path("link").to_str().unwrap(), Some(1)),
            (path("all/1").to_str().unwrap(), Some(1)),
            (path("loop").to_str().unwrap(), None),
            (path("1").to_str().unwrap(), None),
            ("/dev/fd", None),
            ("/dev/fd/..", None),
            ("/dev/null", None),
            ("/", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(descriptor(Path::new(name)), number, "{name}");
        }
    }

    #[test]
    fn what_is_written_stands_between_what_others_write() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before ").unwrap();
        let number = file.as_raw_fd();
        let path = format!("/dev/fd/{number}");
        let Some(Ok(mut again)) = again(number.try_into().unwrap()) else {
            // Not everywhere it can be had again; then it is written to at its end.
            let mut end = open(number.try_into().unwrap(), path.as_ref()).unwrap();
            return end.write_all(b"behind").unwrap();
        };
        again.write_all(b"here ").unwrap();
        file.write_all(b"behind").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "before here behind");
    }
}
