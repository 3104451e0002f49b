//! Sources that are read twice: what can be read only once is kept, and a file that changes in between is told.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::descriptor::again;
use crate::positional::{Failed, FileReader};
use crate::source::Source;

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

impl Source {
    /// The same source once more; `None` of what can be read only once: standard input, a reader, a pipe.
    ///
    /// ```
    /// use spanwise_io::Source;
    /// let again = |source: Source| source.again().map(|again| again.name());
    /// assert_eq!(again(Source::File("a.json".into())).as_deref(), Some("a.json"));
    /// assert_eq!(again(Source::Stdin), None);
    /// ```
    pub fn again(&self) -> Option<Self> {
        match self {
            // What is not there is told by whoever reads it.
            Self::File(path) => {
                let is_file = path.metadata().map_or(true, |there| there.is_file() || there.is_dir());
                is_file.then(|| Self::File(path.clone()))
            }
            Self::Bytes(bytes) => Some(Self::Bytes(bytes.clone())),
            Self::Kept(kept) => Some(kept.source()),
            Self::Stdin | Self::Reader(_) => None,
        }
    }
}

/// A source that can be read only once, as it is stored, in a file without a name that goes with the process. Standard input
/// that is a file is not copied.
///
/// ```
/// use spanwise_io::{Input, Kept, ReadSettings, Source};
/// let once = Source::Reader(Box::new(&b"{\"resourceSpans\":[]}\n"[..]));
/// let kept = Kept::of(once, |_| ())?;
/// for _ in 0..2 {
///     let mut text = Vec::new();
///     Input::open(kept.source(), &ReadSettings::default())?.read(&mut text, 100)?;
///     assert_eq!(text, b"{\"resourceSpans\":[]}\n");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Kept(FileReader);

impl Kept {
    /// Reads the source to its end, and tells `each` how many bytes came. Where it cannot be read, or not to its end, that comes of
    /// it as often as it is read again.
    ///
    /// # Errors
    /// It cannot be kept: there is no room in the system's folder for temporary files, say.
    pub fn of(source: Source, mut each: impl FnMut(u64)) -> io::Result<Self> {
        if let Some((file, begin)) = matches!(source, Source::Stdin).then(standard_input).flatten() {
            return Ok(Self(FileReader::new(Arc::new(file), begin, None)));
        }
        let mut file = tempfile::tempfile()?;
        let copied = match source {
            Source::Stdin => copy(&mut io::stdin().lock(), &mut file, &mut each),
            Source::File(path) => match File::open(path) {
                Ok(mut there) => copy(&mut there, &mut file, &mut each),
                Err(error) => Ok(Some(error.into())),
            },
            Source::Bytes(bytes) => copy(&mut &*bytes, &mut file, &mut each),
            Source::Kept(kept) => return Ok(kept),
            Source::Reader(mut reader) => copy(&mut reader, &mut file, &mut each),
        };
        Ok(Self(FileReader::new(Arc::new(file), 0, copied?)))
    }

    /// The source from its beginning.
    pub fn source(&self) -> Source {
        Source::Kept(self.clone())
    }

    /// The file from where it begins.
    pub(crate) fn reader(&self) -> FileReader {
        self.0.clone()
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> Option<u64> {
        let (file, begin) = self.0.place();
        Some(file.metadata().ok()?.len().saturating_sub(begin))
    }
}

/// Copies all, and gives back what it ended with. An error is one of keeping it.
fn copy(from: &mut dyn Read, to: &mut File, each: &mut dyn FnMut(u64)) -> io::Result<Option<Failed>> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Some(error.into())),
        };
        to.write_all(piece.get(..read).unwrap_or_default())?;
        each(read as u64);
    }
}

/// Standard input where it is a file, and how far that was read.
pub(crate) fn standard_input() -> Option<(File, u64)> {
    use std::io::Seek as _;
    let mut file = again(0)?.ok()?;
    let begin = file.metadata().ok()?.is_file().then(|| file.stream_position())?.ok()?;
    Some((file, begin))
}

/// How files look before they are read: to tell afterwards whether they were changed meanwhile.
#[derive(Debug)]
pub struct FileLooks(Vec<(PathBuf, Look)>);

/// Size, and when it was written last; `None` of what is no file, or is not there.
type Look = Option<(u64, Option<SystemTime>)>;

fn look(path: &Path) -> Look {
    let there = path.metadata().ok().filter(Metadata::is_file)?;
    Some((there.len(), there.modified().ok()))
}

impl FileLooks {
    /// The files among some sources, as they are now.
    pub fn of(sources: &[Source]) -> Self {
        let file = |source: &Source| match source {
            Source::File(path) => Some((path.clone(), look(path))),
            _ => None,
        };
        Self(sources.iter().filter_map(file).collect())
    }

    /// The first that has another size or time by now, or is gone.
    ///
    /// ```
    /// use spanwise_io::{FileLooks, Source};
    /// # let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("traces.jsonl");
    /// std::fs::write(&path, "{}\n")?;
    /// let looks = FileLooks::of(&[Source::File(path.clone())]);
    /// assert_eq!(looks.changed(), None);
    /// std::fs::write(&path, "{}\n{}\n")?;
    /// assert_eq!(looks.changed(), Some(&*path));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn changed(&self) -> Option<&Path> {
        let is_changed = |(path, before): &&(PathBuf, Look)| look(path) != *before;
        self.0.iter().find(is_changed).map(|(path, _)| path.as_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some bytes, and then an error.
    struct Broken(usize);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            let read = buffer.len().min(self.0).min(1000);
            buffer[..read].fill(b'x');
            self.0 -= read;
            Ok(read)
        }
    }

    fn read(source: Source) -> (usize, io::Result<()>) {
        let Source::Kept(kept) = source else { panic!("{source:?}") };
        let (mut reader, mut bytes) = (kept.reader(), Vec::new());
        let result = reader.read_to_end(&mut bytes).map(|_| ());
        (bytes.len(), result)
    }

    #[test]
    fn what_is_kept_is_read_as_often_as_wanted_with_what_it_ended_with() {
        let mut told = 0;
        let length = 3 * PIECE + 7;
        let kept = Kept::of(Source::Reader(Box::new(Broken(length))), |bytes| told += bytes).unwrap();
        assert_eq!(told, length as u64);
        for _ in 0..2 {
            let (found, result) = read(kept.source());
            assert_eq!((found, result.unwrap_err().kind()), (length, io::ErrorKind::ConnectionReset));
        }
        let kept = Kept::of(Source::Bytes("abc".into()), |_| ()).unwrap();
        // At once.
        let (mut one, mut other) = (kept.reader(), kept.reader());
        let mut byte = [0; 1];
        for expected in b"abc" {
            for reader in [&mut one, &mut other] {
                assert_eq!(reader.read(&mut byte).unwrap(), 1);
                assert_eq!(byte, [*expected]);
            }
        }
        assert_eq!(one.read(&mut byte).unwrap(), 0);
        let kept = Kept::of(Source::File("no-such-file".into()), |_| ()).unwrap();
        assert_eq!(read(kept.source()).1.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    #[cfg(unix)]
    fn pipes_are_read_once_and_files_again() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(Source::File(pipe).again().is_none());
        for path in [folder.path().to_owned(), folder.path().join("not-there")] {
            assert!(Source::File(path).again().is_some());
        }
        assert!(Source::Bytes("{}".into()).again().is_some());
        assert!(Source::Reader(Box::new(io::empty())).again().is_none());
    }
}
