//! Paths that name what the process has open already, such as `/dev/stdout`.
//!
//! What they lead to may be a file, and still it is not theirs to be replaced: others write to it, before and after, and know
//! it by the descriptor alone.

use std::fs::File;
use std::io;
use std::path::Path;

/// Links that are followed, at most; the system follows as many.
const LINKS: usize = 40;

/// The number of the open descriptor that a path names: `/dev/stdout`, `/dev/fd/3`, or a link to such. `None` of all other paths,
/// also of the file that the descriptor is of.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert_eq!(spanwise_io::descriptor("/dev/stdout"), Some(1));
/// assert_eq!(spanwise_io::descriptor("out.csv"), None);
/// ```
pub fn descriptor(path: impl AsRef<Path>) -> Option<u32> {
    number_of(path.as_ref())
}

fn number_of(path: &Path) -> Option<u32> {
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
            let name = path.file_name()?.to_str()?;
            // The system knows them by no other way to write the number.
            return name.parse().ok().filter(|number: &u32| number.to_string() == name);
        }
        path = folder.join(path.read_link().ok()?);
    }
    None
}

/// The same descriptor once more: what is written goes on where others left off, and they go on behind it. `path` is one that names it.
pub(crate) fn open(number: u32, path: &Path) -> io::Result<File> {
    again(number).unwrap_or_else(|| open_anew(number, path))
}

/// What a descriptor is of, opened where the descriptor itself cannot be had again. On Linux that has a place of its own in a file,
/// and what one wrote the other would write over, unless both write at its end.
fn open_anew(number: u32, path: &Path) -> io::Result<File> {
    if cfg!(target_os = "linux") && path.metadata()?.is_file() && !appends(number) {
        let why = "a file is open there, and not for appending: name the file, or use standard output";
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    File::options().append(true).open(path)
}

/// The descriptor of this number once more; `None` where there is no way to have it.
#[cfg(unix)]
pub(crate) fn again(number: u32) -> Option<io::Result<File>> {
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
pub(crate) fn again(_: u32) -> Option<io::Result<File>> {
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

/// Whether what is written to a descriptor goes to the end of its file.
#[cfg(target_os = "linux")]
fn appends(number: u32) -> bool {
    use rustix::fs::OFlags;
    let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = told.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or_default();
    let flags = OFlags::from_bits_retain(flags);
    flags.contains(OFlags::APPEND) && flags.intersects(OFlags::WRONLY | OFlags::RDWR)
}

#[cfg(not(target_os = "linux"))]
fn appends(_: u32) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read as _, Write as _};
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
            ("/dev/fd/01", None),
            ("/dev/fd/+1", None),
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        for (options, anew) in [
            (File::options().append(true), true),
            (File::options().read(true).append(true), true),
            (File::options().write(true), false),
            (File::options().read(true).write(true), false),
            (File::options().read(true), false),
        ] {
            std::fs::write(&path, "").unwrap();
            let mut file = options.open(&path).unwrap();
            let number: u32 = file.as_raw_fd().try_into().unwrap();
            let opened = open_anew(number, format!("/dev/fd/{number}").as_ref());
            assert_eq!(opened.is_ok(), anew, "{options:?}");
            let Ok(mut expected) = file.write_all(b"before ").map(|()| "before ".to_owned()) else {
                continue;
            };
            // Not everywhere the descriptor itself can be had.
            for mut again in opened.into_iter().chain(other(number)) {
                again.write_all(b"here ").unwrap();
                file.write_all(b"behind ").unwrap();
                expected += "here behind ";
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap(), expected, "{options:?}");
        }
    }

    #[test]
    fn a_pipe_is_written_to_whatever_its_number() {
        let (mut reader, writer) = io::pipe().unwrap();
        let number = writer.as_raw_fd().try_into().unwrap();
        let path = format!("/dev/fd/{number}");
        open(number, path.as_ref()).unwrap().write_all(b"through ").unwrap();
        open_anew(number, path.as_ref()).unwrap().write_all(b"it").unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through it");
    }
}
