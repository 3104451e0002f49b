//! Where a command writes to: a file that is there whole or not at all, so that an output may be one of the inputs.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use spanwise_io::{AtomicFile, FileId, descriptor, policy};

/// Whether an output is standard output, by whatever name.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-" || descriptor(path) == Some(1)
}

/// Whether two paths name one file, which need not be there yet; where it is, also by links and descriptors of it.
pub(crate) fn is_same_file(one: &Path, other: &Path) -> bool {
    one == other
        || FileId::of(one).is_some_and(|one| FileId::of(other) == Some(one))
        || matches!((place(one), place(other)), (Ok(one), Ok(other)) if one == other)
}

/// Where the file of this path is, or would be. A link that leads nowhere is none of these: it is not written through.
fn place(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize().or_else(|error| {
        let name = path.file_name().ok_or(error)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok(folder.unwrap_or(Path::new(".")).canonicalize()?.join(name))
    })
}

/// What is said where a policy would be written over.
pub(crate) const OVER_POLICY: &str = "the policy is in this file, or its key: write to another";

/// Whether one of these outputs, or standard output, is a file that policies of these names are made of.
pub(crate) fn overwrites_policy<'a>(
    policies: &[OsString],
    outputs: impl IntoIterator<Item = &'a Path>,
) -> bool {
    let files = policy::files(policies);
    let stdout = FileId::of_stdout();
    outputs.into_iter().any(|output| files.iter().any(|file| is_same_file(output, file)))
        || stdout.is_some_and(|stdout| files.iter().any(|file| FileId::of(file) == Some(stdout)))
}

/// An error of writing to `path`, which says so.
pub(crate) fn named(path: &Path, error: io::Error) -> io::Error {
    if is_unread(&error) {
        error
    } else {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    }
}

/// That nobody reads standard output any more. Of that it is no fault, as it is of a file or of standard error.
#[derive(Debug)]
struct Unread;

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads standard output any more")
    }
}

impl std::error::Error for Unread {}

/// The error which says that.
pub(crate) fn unread() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, Unread)
}

/// Whether an error says that.
pub(crate) fn is_unread(error: &io::Error) -> bool {
    error.get_ref().and_then(|error| error.downcast_ref::<Unread>()).is_some()
}

/// Says something of a file that is written and whole. That nobody reads this is no failure: the file is what was asked for.
pub(crate) fn tell_of_file(text: &[u8]) -> io::Result<()> {
    let mut stdout = Stdout::new();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if is_unread(&error) => Ok(()),
        told => told,
    }
}

/// Standard output, which says by an error of its own that nobody reads it any more.
#[derive(Debug)]
pub(crate) struct Stdout(io::Stdout);

impl Stdout {
    pub(crate) fn new() -> Self {
        Self(io::stdout())
    }

    fn told(error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::BrokenPipe { unread() } else { error }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(Self::told)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(Self::told)
    }
}

/// Where a command writes to.
pub(crate) enum Output {
    Stdout(Stdout),
    /// Takes its name at the end, unless it is no file but a pipe or a device, or is open already, which is written as it is.
    File(AtomicFile),
}

impl Output {
    /// Begins to write to `path`, which may be standard output.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if is_stdout(path) {
            return Ok(Self::Stdout(Stdout::new()));
        }
        AtomicFile::create(path).map(Self::File)
    }

    /// Whether it takes its name at the end, so that until then nothing is written to what has that name.
    pub(crate) fn takes_name(&self) -> bool {
        match self {
            Self::Stdout(_) => false,
            Self::File(file) => file.takes_name(),
        }
    }

    /// Makes what was written last, and gives it its name.
    pub(crate) fn commit(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush(),
            Self::File(file) => file.commit(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        std::fs::write(&path, "old").unwrap();
        let mut output = Output::create(&path).unwrap();
        output.write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        output.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_has_several_names_even_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("in")).unwrap();
        std::fs::write(path("a"), "a").unwrap();
        let pairs = [
            ("a", "a", true),
            ("a", "in/../a", true),
            ("new", "new", true),
            ("new", "./new", true),
            ("new", "in/../new", true),
            ("a", "new", false),
            ("new", "in/new", false),
            ("new", "newer", false),
            ("nowhere/new", "nowhere/newer", false),
        ];
        for (one, other, same) in pairs {
            assert_eq!(is_same_file(&path(one), &path(other)), same, "{one} {other}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_another_name_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("in")).unwrap();
        std::fs::write(path("a"), "a").unwrap();
        let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, path(name)).unwrap();
        link("a", "to_a");
        link("in", "to_in");
        link("loop", "loop");
        std::fs::hard_link(path("a"), path("hard")).unwrap();
        for (one, other, same) in [
            ("a", "to_a", true),
            ("a", "hard", true),
            ("a", "to_in/../to_a", true),
            ("in/new", "to_in/new", true),
            ("new", "to_in/new", false),
            ("loop", "new", false),
        ] {
            assert_eq!(is_same_file(&path(one), &path(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::create(&folder.path().join("out.csv")).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_a_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Output::create(folder.path()).is_err());
        assert!(Output::create(&folder.path().join("missing/out.json")).is_err());
    }
}
