//! A file whose spans are indexed: what tells that it is still the same, and its text again.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use spanwise::{DecodeOptions, Limits, Mode};

use super::bytes::{Reader, put, put_bytes};
use super::error::IndexFileError;
use crate::compression::Compression;
use crate::error::ReadError;
use crate::input::Input;
use crate::positional::read_exact_at;
use crate::settings::ReadSettings;
use crate::source::Source;

/// Compressed text is gone through in such pieces.
const PIECE: usize = 1 << 20;

/// See the module's head.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    size: u64,
    /// Nanoseconds since 1970.
    modified: i64,
    compressed: bool,
    /// An index file says so of it.
    stored: bool,
    /// How it was decoded.
    pub(super) decode: DecodeOptions,
    /// Of a compressed file, where its text was read up to.
    text: Mutex<Option<Text>>,
}

struct Text {
    input: Input,
    at: u64,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A path as it is written down: its bytes, which on Unix need not be UTF-8.
#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere not every path has such bytes")]
fn bytes_of(path: &Path) -> Option<&[u8]> {
    Some(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere not all bytes are a path")]
fn path_of(bytes: &[u8]) -> Option<&Path> {
    Some(Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Option<&[u8]> {
    path.to_str().map(str::as_bytes)
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Option<&Path> {
    std::str::from_utf8(bytes).ok().map(Path::new)
}

fn modified(metadata: &Metadata) -> i64 {
    let nanos = match metadata.modified().map(|time| time.duration_since(UNIX_EPOCH)) {
        Ok(Ok(after)) => i64::try_from(after.as_nanos()),
        Ok(Err(before)) => i64::try_from(before.duration().as_nanos()).map(|nanos| -nanos),
        Err(_) => Ok(0),
    };
    nanos.unwrap_or(i64::MAX)
}

impl SourceFile {
    /// The file as it is now.
    pub(super) fn of(source: &Source, decode: DecodeOptions) -> Result<Self, IndexFileError> {
        let Source::File(path) = source else { return Err(IndexFileError::Fleeting) };
        // A pipe that has a descriptor for a name leads to no path, and one that has a name waits for whoever writes.
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(IndexFileError::Fleeting);
        }
        let read = || {
            let path = path.canonicalize()?;
            let mut file = File::open(&path)?;
            let metadata = file.metadata()?;
            let compressed = metadata.is_file() && Compression::of_source(&mut file)?.1.is_some();
            Ok((path, metadata, compressed))
        };
        let (path, metadata, compressed) = read()
            .map_err(|error: io::Error| IndexFileError::Source(source.name(), Box::new(error.into())))?;
        if !metadata.is_file() {
            return Err(IndexFileError::Fleeting);
        }
        let (size, modified) = (metadata.len(), modified(&metadata));
        Ok(Self { path, size, modified, compressed, stored: false, decode, text: Mutex::default() })
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn error(&self, error: impl Into<ReadError>) -> IndexFileError {
        IndexFileError::Source(self.name(), Box::new(error.into()))
    }

    pub(super) fn changed(&self) -> IndexFileError {
        IndexFileError::SourceChanged(self.name())
    }

    /// Whether it is what it was by its size and time. Where only the time differs it may be the same still: a copy.
    pub(super) fn looks_the_same(&self) -> Result<bool, IndexFileError> {
        let metadata = self.path.metadata().map_err(|error| self.error(error))?;
        if metadata.len() != self.size || !metadata.is_file() {
            return Err(self.changed());
        }
        Ok(modified(&metadata) == self.modified)
    }

    /// An error unless it is still what it was, for an index file that is to be written.
    pub(super) fn check_unchanged(&self) -> Result<(), IndexFileError> {
        match self.looks_the_same() {
            Ok(true) => Ok(()),
            Ok(false) | Err(IndexFileError::SourceChanged(_)) if self.stored => Err(self.changed()),
            Ok(false) | Err(IndexFileError::SourceChanged(_)) => {
                Err(IndexFileError::SourceChanges(self.name()))
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the file as it is now for the one that was indexed: its text has been compared.
    pub(super) fn accept(&mut self) -> Result<(), IndexFileError> {
        let metadata = self.path.metadata().map_err(|error| self.error(error))?;
        self.modified = modified(&metadata);
        Ok(())
    }

    /// What its text has at a place, if that still has the checksum.
    pub(super) fn read(&self, offset: u64, len: usize, sum: u32) -> Result<Vec<u8>, IndexFileError> {
        let bytes =
            if self.compressed { self.read_text(offset, len)? } else { self.read_plain(offset, len)? };
        if crc32fast::hash(&bytes) != sum {
            return Err(self.changed());
        }
        Ok(bytes)
    }

    fn read_plain(&self, offset: u64, len: usize) -> Result<Vec<u8>, IndexFileError> {
        // Opened each time: an index may be of more files than a process may have open.
        let file = File::open(&self.path).map_err(|error| self.error(error))?;
        let length = file.metadata().map_err(|error| self.error(error))?.len();
        if length != self.size || offset.checked_add(len as u64).is_none_or(|end| end > length) {
            return Err(self.changed());
        }
        let mut bytes = vec![0; len];
        read_exact_at(&file, &mut bytes, offset).map_err(|error| self.error(error))?;
        Ok(bytes)
    }

    /// Goes on from where it was read to, or from its beginning.
    fn read_text(&self, offset: u64, len: usize) -> Result<Vec<u8>, IndexFileError> {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = if let Some(text) = text.take().filter(|text| text.at <= offset) {
            text
        } else {
            let settings = ReadSettings { inflated_bytes: u64::MAX, ..ReadSettings::default() };
            let input = Input::open(Source::File(self.path.clone()), &settings);
            Text { input: input.map_err(|error| self.error(error))?, at: 0 }
        };
        let mut bytes = Vec::new();
        while open.at < offset {
            let piece = usize::try_from(offset - open.at).unwrap_or(PIECE).min(PIECE);
            bytes.clear();
            open.at += self.piece(&mut open.input, &mut bytes, piece)?;
        }
        bytes.clear();
        while bytes.len() < len {
            let piece = (len - bytes.len()).min(PIECE);
            open.at += self.piece(&mut open.input, &mut bytes, piece)?;
        }
        *text = Some(open);
        Ok(bytes)
    }

    fn piece(&self, input: &mut Input, bytes: &mut Vec<u8>, piece: usize) -> Result<u64, IndexFileError> {
        let read = input.read(bytes, piece).map_err(|error| self.error(error))?;
        if read < piece { Err(self.changed()) } else { Ok(read as u64) }
    }

    /// Writes it down for an index file in `folder`: a path below it is told from there, so that both can be moved.
    pub(super) fn put(&self, folder: Option<&Path>, out: &mut Vec<u8>) -> Result<(), IndexFileError> {
        let below = folder.and_then(|folder| self.path.strip_prefix(folder).ok());
        let path = bytes_of(below.unwrap_or(&self.path));
        let path = path.ok_or_else(|| self.error(io::Error::from(io::ErrorKind::InvalidFilename)))?;
        out.push(u8::from(below.is_some()) | u8::from(self.compressed) << 1);
        put_bytes(out, path);
        put(out, self.size);
        put(out, self.modified.cast_unsigned());
        out.push(u8::from(self.decode.mode == Mode::Strict));
        let Limits { document_bytes, depth, spans, attributes, string_bytes, diagnostics } =
            self.decode.limits;
        for limit in [document_bytes, depth, spans, attributes, string_bytes, diagnostics] {
            put(out, limit as u64);
        }
        Ok(())
    }

    pub(super) fn of_stored(reader: &mut Reader<'_>, folder: &Path) -> Option<Self> {
        let [flags] = reader.raw(1)? else { return None };
        let path = path_of(reader.bytes()?)?;
        let path = if flags & 1 == 1 { folder.join(path) } else { path.to_owned() };
        let (size, modified) = (reader.number()?, reader.number()?.cast_signed());
        let mode = if reader.raw(1)? == [1] { Mode::Strict } else { Mode::Lenient };
        let mut limit = || Some(usize::try_from(reader.number()?).unwrap_or(usize::MAX));
        let limits = Limits {
            document_bytes: limit()?,
            depth: limit()?,
            spans: limit()?,
            attributes: limit()?,
            string_bytes: limit()?,
            diagnostics: limit()?,
        };
        let decode = DecodeOptions::default().with_mode(mode).with_limits(limits);
        let compressed = flags & 2 == 2;
        Some(Self { path, size, modified, compressed, stored: true, decode, text: Mutex::default() })
    }
}
