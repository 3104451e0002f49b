//! Reads at a place of a file, which threads can do side by side.

use std::fs::File;
use std::io;

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
