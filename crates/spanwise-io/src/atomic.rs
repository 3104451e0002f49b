//! Files that are there whole or not at all. So an output may be one of the inputs.

use std::ffi::{OsStr, OsString};
#[cfg(unix)]
use std::fs::Permissions;
use std::fs::{File, Metadata};
use std::io::{self, Seek as _, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

use crate::descriptor::{self, descriptor};
use crate::unnamed;

/// A file that takes its name when it is whole. One that is dropped before leaves nothing, and on most file systems of Linux
/// neither does a process that is killed.
///
/// Where another file had the name, the new one has its owner, its group and its permissions, as far as the system lets this
/// process give them: what it cannot give to the old one's group it gives to no other. Access control lists are not kept: with one, the bits of
/// the group are its mask, and stay. What is no file, such as a pipe or a
/// device, is written as it is: it has no other form that could take its place. So is what the process has open, under names
/// such as `/dev/stdout`, be it a file: whoever opened it goes on to write there.
///
/// ```
/// use std::io::Write as _;
/// use spanwise_io::AtomicFile;
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("out.csv");
/// let mut file = AtomicFile::create(&path)?;
/// file.write_all(b"whole")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"whole");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the file is there when it is committed"]
pub struct AtomicFile {
    form: Form,
    path: PathBuf,
    written: u64,
}

/// What is written to until the name is taken.
#[derive(Debug)]
enum Form {
    /// A file without a name, which is gone with the process.
    Unnamed(File),
    /// A file beside the final place.
    Beside(NamedTempFile),
    /// What stands there, which is no file, or is open.
    There(File),
}

impl AtomicFile {
    /// Begins to write to `path`. Where that is a link, the file it leads to is replaced and the link stays.
    ///
    /// # Errors
    /// No file can be made in its folder; or it is a folder, or a link that leads nowhere.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::create_at(path.as_ref())
    }

    fn create_at(path: &Path) -> io::Result<Self> {
        if let Some(number) = descriptor(path) {
            let form = Form::There(descriptor::open(number, path)?);
            return Ok(Self { form, path: path.to_owned(), written: 0 });
        }
        let there = match path.metadata() {
            Ok(there) => Some(there),
            // In place of the link there would be a file where nobody wanted one.
            Err(error) if path.is_symlink() => return Err(error),
            // A name that no file can have is told before the work, not behind it.
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => return Err(error),
            Err(_) => None,
        };
        if there.as_ref().is_some_and(|there| !there.is_file() && !there.is_dir()) {
            let form = Form::There(File::options().write(true).open(path)?);
            return Ok(Self { form, path: path.to_owned(), written: 0 });
        }
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if there.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let access = Access::like(there);
        let form = match unnamed::create(folder(&path), access.mode) {
            Some(file) => {
                access.give(&file);
                Form::Unnamed(file)
            }
            None => Form::Beside(beside(&path, |part| access.create(part))?),
        };
        Ok(Self { form, path, written: 0 })
    }

    /// The folder of the file that is written, which links to it need not be in.
    pub(crate) fn folder(&self) -> &Path {
        folder(&self.path)
    }

    /// Whether it takes its name when it is committed, and leaves nothing when it is dropped. If not, what is written is there at
    /// once: it is no file, or open already.
    pub fn takes_name(&self) -> bool {
        !matches!(self.form, Form::There(_))
    }

    /// Bytes that were written.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Makes what was written last, and gives it its name.
    ///
    /// # Errors
    /// The system says so; then the file is as it was before.
    pub fn commit(self) -> io::Result<()> {
        let mut whole = match self.form {
            Form::There(mut file) => return file.flush(),
            Form::Unnamed(file) => {
                file.sync_all()?;
                named(&file, &self.path, |part| unnamed::give_name(&file, part))?
            }
            Form::Beside(file) => {
                file.as_file().sync_all()?;
                file.into_temp_path()
            }
        };
        // By the library's own way, Windows replaces no file that somebody has open.
        std::fs::rename(&whole, &self.path)?;
        whole.disable_cleanup(true);
        // A file system that cannot sync a folder still has the name.
        let _ = File::open(folder(&self.path)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// Who may read and write a file.
struct Access {
    /// The bits that it is made with; of a new file, less what the user's mask takes.
    mode: u32,
    /// The file that had the name.
    like: Option<Metadata>,
}

impl Access {
    fn like(like: Option<Metadata>) -> Self {
        // Nobody else's until it is known whose.
        let mode = if like.is_some() { 0o600 } else { 0o666 };
        Self { mode, like }
    }

    /// Gives it whose the other one is, and the bits of that. A file system that has no such things has no use for them.
    #[cfg(unix)]
    fn give(&self, file: &File) {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
        let Some(like) = &self.like else { return };
        let _ = fchown(file, None, Some(like.gid()));
        let _ = fchown(file, Some(like.uid()), None);
        let mut mode = like.mode() & 0o777;
        if file.metadata().is_ok_and(|file| file.gid() != like.gid()) {
            mode = of_no_group(mode);
        }
        let _ = file.set_permissions(Permissions::from_mode(mode));
    }

    #[cfg(not(unix))]
    fn give(&self, file: &File) {
        let like = self.like.as_ref().map(Metadata::permissions);
        if let Some(like) = like.filter(|like| !like.readonly()) {
            let _ = file.set_permissions(like);
        }
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, self.mode);
        let file = options.open(path)?;
        self.give(&file);
        Ok(file)
    }
}

/// Bits with which a group may do what all others may.
#[cfg(unix)]
const fn of_no_group(mode: u32) -> u32 {
    mode & 0o707 | (mode & 0o007) << 3
}

/// A name for a file that has none, beside `path`. Where it cannot be given one, a copy of it has the name.
fn named(file: &File, path: &Path, give_name: impl FnMut(&Path) -> io::Result<()>) -> io::Result<TempPath> {
    if let Ok(named) = beside(path, give_name) {
        return Ok(named.into_temp_path());
    }
    let access = Access::like(Some(file.metadata()?));
    let copy = beside(path, |part| access.create(part))?;
    let (mut from, mut to) = (file, copy.as_file());
    from.rewind()?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()?;
    Ok(copy.into_temp_path())
}

/// Characters that tell such names apart, and what they end with.
const RANDOM: usize = 6;
const PART: &str = ".part";
/// Bytes that a name beside another has more.
const ADDED: usize = 1 + RANDOM + PART.len();
/// Bytes of a name that is short enough to have those more on every file system.
const SHORT: usize = 64;

/// What `make` makes beside `path` under a name that is not taken.
fn beside<T>(path: &Path, mut make: impl FnMut(&Path) -> io::Result<T>) -> io::Result<NamedTempFile<T>> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    // No extension of a trace file: a run that is killed leaves nothing that is read by mistake.
    let mut prefix = OsString::from(".");
    // Where names may be no longer than it, this one is not.
    if name.len() > SHORT {
        prefix.push(begin(name, SHORT.max(name.len() - ADDED)));
    } else {
        prefix.push(name);
    }
    // Its own errors name the file that is made, which nobody knows of.
    let mut reason = None;
    let file = Builder::new()
        .prefix(&prefix)
        .rand_bytes(RANDOM)
        .suffix(PART)
        .make_in(folder(path), |part| make(part).inspect_err(|error| reason = error.raw_os_error()));
    file.map_err(|error| reason.map_or(error.kind().into(), io::Error::from_raw_os_error))
}

/// The first bytes of a name, whole characters where it is text.
fn begin(name: &OsStr, bytes: usize) -> OsString {
    if let Some(text) = name.to_str() {
        return text.get(..text.floor_char_boundary(bytes)).unwrap_or_default().into();
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        OsStr::from_bytes(name.as_bytes().get(..bytes).unwrap_or_default()).to_owned()
    }
    // Such names are counted in units of two bytes there, and what is no text is one of them, before and after.
    #[cfg(not(unix))]
    {
        let text = name.to_string_lossy();
        text.get(..text.floor_char_boundary(bytes)).unwrap_or_default().into()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.form {
            Form::Unnamed(file) | Form::There(file) => file.write(bytes),
            // The other one's own errors name a file that nobody knows of.
            Form::Beside(file) => file.as_file_mut().write(bytes),
        }?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.form {
            Form::Unnamed(file) | Form::There(file) => file.flush(),
            Form::Beside(file) => file.as_file_mut().flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        let mut file = AtomicFile::create(path)?;
        file.write_all(text.as_bytes())?;
        assert_eq!(file.written(), text.len() as u64);
        file.commit()
    }

    fn names(folder: &Path) -> Vec<OsString> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_that_is_read_is_replaced_and_the_reader_has_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        std::fs::write(&path, "old").unwrap();
        let reader = File::open(&path).unwrap();
        write(&path, "new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(io::read_to_string(reader).unwrap(), "old");
        assert_eq!(names(folder.path()).len(), 1);
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_no_other_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        std::fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 1));
        write(&path, "new").unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path()).len()), (b"new".to_vec(), 1));
    }

    #[test]
    fn a_file_that_gets_no_name_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"whole").unwrap();
        let path = folder.path().join("out.csv");
        let copy = named(&file, &path, |_| Err(io::ErrorKind::Unsupported.into())).unwrap();
        assert_eq!(copy.parent(), Some(folder.path()));
        copy.persist(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn no_error_names_a_file_that_nobody_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("none/out.csv"), "x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(".part"), "{error}");
        assert!(AtomicFile::create(folder.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn who_may_read_the_old_file_may_read_the_new_one_and_nobody_else() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
        let (path, plain) = (folder.path().join("out.csv"), folder.path().join("plain"));
        std::fs::write(&plain, "").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(mode(&path), mode(&plain));
        for bits in [0o600, 0o640, 0o666, 0o444, 0o755] {
            std::fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
            write(&path, "again").unwrap();
            assert_eq!(mode(&path), bits, "{bits:o}");
            // The way of file systems on which files have a name from the start.
            let access = Access::like(Some(path.metadata().unwrap()));
            let part = beside(&path, |part| access.create(part)).unwrap();
            assert_eq!(mode(part.path()), bits, "{bits:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_stays_whose_it_was() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        // Only to root this is given.
        if chown(&path, Some(4711), Some(4712)).is_ok() {
            write(&path, "new").unwrap();
            let there = path.metadata().unwrap();
            assert_eq!((there.uid(), there.gid(), there.mode() & 0o777), (4711, 4712, 0o640));
        }
        for (mode, without) in [(0o640, 0o600), (0o664, 0o644), (0o750, 0o700), (0o604, 0o644)] {
            assert_eq!(of_no_group(mode), without, "{mode:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_may_be_as_long_as_names_may_be() {
        use std::os::unix::ffi::OsStringExt as _;
        let folder = tempfile::tempdir().unwrap();
        for name in ["n".repeat(244), "n".repeat(255), "\u{fc}".repeat(127), "n".repeat(64)] {
            let path = folder.path().join(&name);
            write(&path, "whole").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"whole");
            let part = beside(&path, |part| File::create_new(part)).unwrap();
            let part = part.path().file_name().unwrap();
            assert!(part.len() <= name.len().max(SHORT + ADDED) && part.to_str().is_some(), "{part:?}");
        }
        // On systems to which names are bytes, those of other encodings are as long as they are.
        let bytes = OsString::from_vec(vec![0xe9; 255]);
        if File::create(folder.path().join(&bytes)).is_ok() {
            write(&folder.path().join(&bytes), "whole").unwrap();
        }
        // What no file can be called is told at once.
        let error = AtomicFile::create(folder.path().join("n".repeat(256))).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidFilename);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_stays_a_pipe_and_a_link_a_link() {
        use std::os::unix::fs::{FileTypeExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (pipe, file, link) =
            (folder.path().join("pipe"), folder.path().join("file"), folder.path().join("link"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read(pipe).unwrap()
        });
        write(&pipe, "through").unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(pipe.metadata().unwrap().file_type().is_fifo());
        symlink(&file, &link).unwrap();
        assert_eq!(write(&link, "nowhere").unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&file, "old").unwrap();
        write(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
    }

    /// As a process that is killed does it.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_forgotten_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        if unnamed::create(folder.path(), 0o600).is_none() {
            return;
        }
        let mut file = AtomicFile::create(folder.path().join("out.csv")).unwrap();
        file.write_all(b"half").unwrap();
        std::mem::forget(file);
        assert_eq!(names(folder.path()).len(), 0);
    }
}
