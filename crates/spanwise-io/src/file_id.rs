//! Which file a path, a source or a standard stream leads to.

use std::path::Path;

use crate::source::Source;

/// Which file it is, by whatever name or descriptor: two that are equal are one. Who reads one that is written to meanwhile reads what
/// is written there, too.
///
/// ```
/// use spanwise_io::{FileId, Source};
/// let folder = tempfile::tempdir()?;
/// let (file, link) = (folder.path().join("a.json"), folder.path().join("b.json"));
/// std::fs::write(&file, "{}")?;
/// std::fs::hard_link(&file, &link)?;
/// # #[cfg(any(unix, windows))]
/// assert!(FileId::of(&file).is_some());
/// assert_eq!(FileId::of(&file), FileId::of_source(&Source::File(link)));
/// assert_eq!(FileId::of("no-such-file"), None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    device: u64,
    number: u64,
}

impl FileId {
    /// That of a path, which may be one of a descriptor. `None` where no file is there, or no system that tells files apart. Costs a
    /// look at the file; on Windows it is opened.
    pub fn of(path: impl AsRef<Path>) -> Option<Self> {
        system::of_path(path.as_ref())
    }

    /// That of what a source is read from.
    pub fn of_source(source: &Source) -> Option<Self> {
        match source {
            Source::File(path) => Self::of(path),
            Source::Stdin => system::of_standard_input(),
            Source::Bytes(_) | Source::Kept(_) | Source::Reader(_) => None,
        }
    }

    /// That of what standard output goes to.
    pub fn of_stdout() -> Option<Self> {
        system::of_standard_output()
    }
}

#[cfg(unix)]
mod system {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::FileId;
    use crate::descriptor::again;

    pub(super) fn of_path(path: &Path) -> Option<FileId> {
        of_metadata(&path.metadata().ok()?)
    }

    pub(super) fn of_standard_input() -> Option<FileId> {
        of_metadata(&again(0)?.ok()?.metadata().ok()?)
    }

    pub(super) fn of_standard_output() -> Option<FileId> {
        of_metadata(&again(1)?.ok()?.metadata().ok()?)
    }

    fn of_metadata(metadata: &Metadata) -> Option<FileId> {
        metadata.is_file().then(|| FileId { device: metadata.dev(), number: metadata.ino() })
    }
}

#[cfg(windows)]
mod system {
    use std::path::Path;

    use winapi_util::file::{information, typ};
    use winapi_util::{AsHandleRef, Handle, HandleRef};

    use super::FileId;

    pub(super) fn of_path(path: &Path) -> Option<FileId> {
        // A folder cannot be opened so.
        of_handle(Handle::from_path(path).ok()?)
    }

    pub(super) fn of_standard_input() -> Option<FileId> {
        of_handle(HandleRef::stdin())
    }

    pub(super) fn of_standard_output() -> Option<FileId> {
        of_handle(HandleRef::stdout())
    }

    fn of_handle(handle: impl AsHandleRef) -> Option<FileId> {
        if !typ(&handle).ok()?.is_disk() {
            return None;
        }
        let information = information(&handle).ok()?;
        Some(FileId { device: information.volume_serial_number(), number: information.file_index() })
    }
}

#[cfg(not(any(unix, windows)))]
mod system {
    use std::path::Path;

    use super::FileId;

    pub(super) fn of_path(_: &Path) -> Option<FileId> {
        None
    }

    pub(super) fn of_standard_input() -> Option<FileId> {
        None
    }

    pub(super) fn of_standard_output() -> Option<FileId> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_known_by_each_of_its_names_and_descriptors() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "").unwrap();
        std::fs::write(path("b"), "").unwrap();
        std::fs::hard_link(path("a"), path("hard")).unwrap();
        symlink("a", path("soft")).unwrap();
        let open = File::open(path("a")).unwrap();
        let a = FileId::of(path("a"));
        for (name, same) in [
            (path("hard"), true),
            (path("soft"), true),
            (format!("/dev/fd/{}", open.as_raw_fd()).into(), true),
            (path("b"), false),
            (path("none"), false),
            (folder.path().to_owned(), false),
            ("/dev/null".into(), false),
        ] {
            assert_eq!(FileId::of_source(&Source::File(name.clone())) == a, same, "{name:?}");
        }
    }
}
