//! Files that have no name while they are written, so that nothing is left of them however the process ends. Linux has them, on
//! most file systems.

use std::fs::File;
use std::io;
use std::path::Path;

/// Such a file in a folder, with these bits less the user's mask; `None` where there are none.
#[cfg(target_os = "linux")]
pub(crate) fn create(folder: &Path, mode: u32) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    // Without it there is no way to give the file a name.
    if !Path::new("/proc/self/fd").is_dir() {
        return None;
    }
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, Mode::from_raw_mode(mode)).ok().map(File::from)
}

/// Gives it a name that is not taken.
#[cfg(target_os = "linux")]
pub(crate) fn give_name(file: &File, path: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{AtFlags, CWD};
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, open, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn create(_: &Path, _: u32) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn give_name(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
