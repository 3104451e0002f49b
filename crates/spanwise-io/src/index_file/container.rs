//! Blocks of bytes in one file, each compressed and with a checksum, found by a directory that a footer finds.
//!
//! ```text
//! magic (8) version (4) zeros (4) | block … block | directory | footer
//! footer: the directory's offset (8), bytes stored (8), bytes (8), checksum (4) | length of the file (8) | checksum of the
//!         footer so far (4) | magic (8)
//! ```
//!
//! Numbers are little-endian, checksums CRC-32 of what is stored. A block is Zstandard, unless that made it no smaller, and at
//! most [`RATIO`] times what is stored of it: what Zstandard makes smaller still is padded, by a frame that it skips. So nobody
//! can make a small file that takes much memory. Reads are positional, so any number of threads may share a file; a new file
//! takes the old one's name, and whoever has the old one open goes on reading it.

use std::fs::File;
use std::io::{self, Read as _, Write};

use super::bytes::{Reader, put};
use super::error::IndexFileError;

pub(crate) const MAGIC: [u8; 8] = *b"\x89SPWIDX\n";
const VERSION: u32 = 3;
const HEADER: usize = 16;
const FOOTER: usize = 48;

/// Of Zstandard: what ids and packed numbers leave it to do is quick at any level.
const LEVEL: i32 = 6;

/// Bytes of a block for each that is stored, at most.
const RATIO: u64 = 200;

/// What a frame of Zstandard that is skipped begins with; its length follows, in four bytes.
const SKIPPED: [u8; 4] = 0x184D_2A50u32.to_le_bytes();

/// Most that is reserved for a block before its bytes are there.
const RESERVED: usize = 1 << 26;

/// Where a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extent {
    offset: u64,
    stored: u64,
    /// Bytes of the block; as many as are stored if it is not compressed.
    len: u64,
    sum: u32,
}

impl Extent {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        for number in [self.offset, self.stored, self.len] {
            put(out, number);
        }
        out.extend_from_slice(&self.sum.to_le_bytes());
    }

    /// Bytes of the block.
    pub(super) fn len(self) -> u64 {
        self.len
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (offset, stored, len) = (reader.number()?, reader.number()?, reader.number()?);
        Some(Self { offset, stored, len, sum: reader.small()? })
    }
}

/// Whether no two blocks share a byte: what is written is in the file once, and one that is there for many would take memory
/// for each of them.
pub(super) fn are_apart(extents: impl IntoIterator<Item = Extent>) -> bool {
    let mut places: Vec<(u64, u64)> = extents
        .into_iter()
        .map(|extent| (extent.offset, extent.offset.saturating_add(extent.stored)))
        .collect();
    places.sort_unstable();
    places.is_sorted_by(|(_, end), (start, _)| end <= start)
}

/// The file, open.
#[derive(Debug)]
pub(super) struct Container {
    file: File,
    length: u64,
}

impl Container {
    /// Opens a file and finds its directory.
    pub(super) fn open(file: File) -> Result<(Self, Vec<u8>), IndexFileError> {
        let length = file.metadata()?.len();
        let container = Self { file, length };
        let mut head = [0; HEADER];
        let of_head = usize::try_from(length).unwrap_or(HEADER).min(HEADER);
        let Some(head_there) = head.get_mut(..of_head) else { return Err(IndexFileError::Foreign) };
        read_exact_at(&container.file, head_there, 0)?;
        if !begins_an_index(head_there) {
            return Err(IndexFileError::Foreign);
        }
        if of_head < HEADER {
            return Err(IndexFileError::Damaged);
        }
        let mut reader = Reader::new(head.get(MAGIC.len()..).unwrap_or_default());
        let (version, zeros) = (reader.small(), reader.small());
        let (Some(version), Some(0)) = (version, zeros) else { return Err(IndexFileError::Damaged) };
        if version != VERSION {
            return Err(IndexFileError::Version(version));
        }
        let start = length.checked_sub(FOOTER as u64).ok_or(IndexFileError::Damaged)?;
        let mut footer = [0; FOOTER];
        read_exact_at(&container.file, &mut footer, start)?;
        let extent = container.directory(&footer).ok_or(IndexFileError::Damaged)?;
        let directory = container.read(extent)?;
        Ok((container, directory))
    }

    fn directory(&self, footer: &[u8]) -> Option<Extent> {
        let mut reader = Reader::new(footer);
        let extent = Extent::read(&mut reader)?;
        let length = reader.number()?;
        let sum = crc32fast::hash(footer.get(..FOOTER - MAGIC.len() - 4)?);
        let whole = length == self.length && reader.small()? == sum && reader.raw(MAGIC.len())? == MAGIC;
        whole.then_some(extent)
    }

    /// A block as it is stored, checked.
    pub(super) fn stored(&self, extent: Extent) -> Result<Vec<u8>, IndexFileError> {
        let end = extent.offset.checked_add(extent.stored);
        let is_honest =
            end.is_some_and(|end| end <= self.length) && extent.len <= extent.stored.saturating_mul(RATIO);
        let stored = usize::try_from(extent.stored).ok().filter(|_| is_honest);
        let mut bytes = vec![0; stored.ok_or(IndexFileError::Damaged)?];
        read_exact_at(&self.file, &mut bytes, extent.offset)?;
        if crc32fast::hash(&bytes) != extent.sum {
            return Err(IndexFileError::Damaged);
        }
        Ok(bytes)
    }

    /// A block.
    pub(super) fn read(&self, extent: Extent) -> Result<Vec<u8>, IndexFileError> {
        let stored = self.stored(extent)?;
        if extent.len == extent.stored {
            return Ok(stored);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(extent.len).unwrap_or(RESERVED).min(RESERVED));
        let decoder = zstd::Decoder::with_buffer(&stored[..]);
        let read =
            decoder.and_then(|decoder| decoder.take(extent.len.saturating_add(1)).read_to_end(&mut bytes));
        if read.is_err() || bytes.len() as u64 != extent.len {
            return Err(IndexFileError::Damaged);
        }
        Ok(bytes)
    }
}

/// Whether these are the first bytes of an index, or all of one that was cut off within its magic.
pub(crate) fn begins_an_index(head: &[u8]) -> bool {
    !head.is_empty() && (head.starts_with(&MAGIC) || MAGIC.starts_with(head))
}

fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> Result<(), IndexFileError> {
    crate::positional::read_exact_at(file, bytes, offset).map_err(|error| match error.kind() {
        // It has become shorter since it was opened.
        io::ErrorKind::UnexpectedEof => IndexFileError::Damaged,
        _ => IndexFileError::Io(error),
    })
}

/// Writes such a file.
pub(super) struct ContainerWriter<W> {
    out: W,
    at: u64,
}

impl<W: Write> ContainerWriter<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&[0; 4])?;
        Ok(Self { out, at: HEADER as u64 })
    }

    /// Writes a block.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<Extent> {
        let mut compressed = zstd::encode_all(bytes, LEVEL)?;
        let least = usize::try_from((bytes.len() as u64).div_ceil(RATIO)).unwrap_or(usize::MAX);
        if let Some(short) = least.checked_sub(compressed.len()).filter(|short| *short > 0) {
            let padding = u32::try_from(short).unwrap_or(u32::MAX);
            compressed.extend_from_slice(&SKIPPED);
            compressed.extend_from_slice(&padding.to_le_bytes());
            compressed.resize(compressed.len() + padding as usize, 0);
        }
        let stored = if compressed.len() < bytes.len() { &compressed } else { bytes };
        self.put_stored(stored, bytes.len() as u64)
    }

    /// The same with a block as another file has it.
    pub(super) fn copy(&mut self, from: &Container, extent: Extent) -> Result<Extent, IndexFileError> {
        Ok(self.put_stored(&from.stored(extent)?, extent.len)?)
    }

    fn put_stored(&mut self, stored: &[u8], len: u64) -> io::Result<Extent> {
        self.out.write_all(stored)?;
        let extent =
            Extent { offset: self.at, stored: stored.len() as u64, len, sum: crc32fast::hash(stored) };
        self.at += stored.len() as u64;
        Ok(extent)
    }

    /// Writes the directory and what finds it.
    pub(super) fn finish(mut self, directory: &[u8]) -> io::Result<W> {
        let mut footer = Vec::with_capacity(FOOTER);
        self.put(directory)?.put(&mut footer);
        put(&mut footer, self.at + FOOTER as u64);
        let sum = crc32fast::hash(&footer);
        footer.extend_from_slice(&sum.to_le_bytes());
        footer.extend_from_slice(&MAGIC);
        self.out.write_all(&footer)?;
        Ok(self.out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::io::Seek as _;

    use super::*;

    /// A file of one block that is not its directory.
    fn of_block(put: impl FnOnce(&mut ContainerWriter<File>) -> Extent) -> (Container, Extent) {
        let mut writer = ContainerWriter::new(tempfile::tempfile().unwrap()).unwrap();
        let extent = put(&mut writer);
        let mut file = writer.finish(b"directory").unwrap();
        file.rewind().unwrap();
        let (container, directory) = Container::open(file).unwrap();
        assert_eq!(directory, b"directory");
        (container, extent)
    }

    #[test]
    fn what_is_alike_throughout_is_written_so_that_it_is_read() {
        for len in [0, 1, 199, 2600, 100_000, 3_000_000] {
            let bytes = vec![7; len];
            let (container, extent) = of_block(|writer| writer.put(&bytes).unwrap());
            assert!(container.read(extent).unwrap() == bytes, "{len}");
            assert!(
                extent.len <= RATIO * extent.stored && extent.stored <= (len as u64).div_ceil(RATIO) + 40
            );
        }
    }

    #[test]
    fn a_bomb_is_damage_however_it_is_told() {
        let (len, bomb) = (3_000_000, zstd::encode_all(&vec![0; 3_000_000][..], LEVEL).unwrap());
        assert!(bomb.len() < 1000);
        for said in [len, RATIO * bomb.len() as u64, RATIO * bomb.len() as u64 + 1, u64::MAX] {
            let (container, extent) = of_block(|writer| writer.put_stored(&bomb, said).unwrap());
            assert!(matches!(container.read(extent), Err(IndexFileError::Damaged)), "{said}");
        }
    }
}
