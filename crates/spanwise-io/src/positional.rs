//! Reads at a place of a file, which threads can do side by side.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Fills `bytes` with what the file has from `offset` on.
pub(crate) fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    if read_at(file, bytes, offset)? < bytes.len() {
        return Err(became_shorter());
    }
    Ok(())
}

/// That a file which was `opened` bytes long ends at `end`, which it may where it is no shorter. One whose length is as it was
/// says so without having so many bytes, as those of some systems do that are no files on a disk.
pub(crate) fn check_end(file: &File, end: u64, opened: u64) -> io::Result<()> {
    if end < opened && file.metadata()?.len() != opened {
        return Err(became_shorter());
    }
    Ok(())
}

fn became_shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read")
}

/// Fills `bytes` as far as the file goes; returns how many bytes it had.
pub(crate) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match read_once_at(file, rest, offset + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(unix)]
fn read_once_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, offset)
}

/// Moves the place that others read on from: they have to go back to it.
#[cfg(windows)]
fn read_once_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, bytes, offset)
}

/// What a source ended with, which whoever reads it again is to find as well.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failed {
    System(i32),
    Kind(io::ErrorKind),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        error.raw_os_error().map_or(Self::Kind(error.kind()), Self::System)
    }
}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::System(number) => Self::from_raw_os_error(number),
            Failed::Kind(kind) => kind.into(),
        }
    }
}

/// A file, read from a place on: readers do not move each other.
#[derive(Debug, Clone)]
pub(crate) struct FileReader {
    file: Arc<File>,
    at: u64,
    /// What comes in place of the end.
    failed: Option<Failed>,
}

impl FileReader {
    pub(crate) fn new(file: Arc<File>, at: u64, failed: Option<Failed>) -> Self {
        Self { file, at, failed }
    }

    /// The file, and where it is read from.
    pub(crate) fn place(&self) -> (&Arc<File>, u64) {
        (&self.file, self.at)
    }

    /// What it ends with in place of the end.
    pub(crate) fn failed(&self) -> Option<Failed> {
        self.failed
    }

    /// The same, with an end in place of what failed.
    pub(crate) fn without_failure(self) -> Self {
        Self { failed: None, ..self }
    }

    /// Goes on behind so many bytes.
    pub(crate) fn skipping(mut self, bytes: u64) -> Self {
        self.at = self.at.saturating_add(bytes);
        self
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = read_at(&self.file, buffer, self.at)?;
        self.at += read as u64;
        match self.failed {
            Some(failed) if read == 0 && !buffer.is_empty() => Err(failed.into()),
            _ => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_far_as_it_goes() -> io::Result<()> {
        let path = tempfile::NamedTempFile::new()?.into_temp_path();
        std::fs::write(&path, "0123456789")?;
        let file = File::open(&path)?;
        let mut bytes = [b'.'; 4];
        for (offset, read, expected) in [(3, 4, b"3456"), (8, 2, b"8956"), (10, 0, b"8956"), (99, 0, b"8956")]
        {
            assert_eq!(read_at(&file, &mut bytes, offset)?, read);
            assert_eq!(&bytes, expected);
            assert_eq!(read_exact_at(&file, &mut bytes, offset).is_ok(), read == 4);
        }
        Ok(())
    }
}
