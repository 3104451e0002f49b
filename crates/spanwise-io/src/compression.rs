//! Compression, recognised by the first bytes and never by a file's name.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// How a source is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip (RFC 1952), of any number of members.
    Gzip,
    /// Zstandard (RFC 8878), of any number of frames.
    Zstd,
    /// What the Collector's file exporter writes under `compression: zstd`: per message its length in four bytes, the most
    /// significant first, and a frame of Zstandard. Each message is a line.
    CollectorZstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd | Self::CollectorZstd => "zstd",
        })
    }
}

const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

impl Compression {
    /// How many first bytes [`Self::of`] wants to see.
    pub const HEAD: usize = 8;

    /// The compression that the first bytes of a source tell of.
    ///
    /// ```
    /// use spanwise_io::Compression;
    /// assert_eq!(Compression::of(b"\x1f\x8b\x08\x00"), Some(Compression::Gzip));
    /// assert_eq!(Compression::of(b"{\"resour"), None);
    /// ```
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A skippable frame may come first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ if head.starts_with(&ZSTD) => Some(Self::Zstd),
            _ if head.get(4..8) == Some(&ZSTD) => Some(Self::CollectorZstd),
            _ => None,
        }
    }

    /// The text of a source that is compressed so. `window` bounds the memory of Zstandard: frames that need a window of more
    /// than `1 << window` bytes are refused.
    pub(crate) fn reader(
        self,
        source: Box<dyn Read + Send>,
        window: u32,
    ) -> io::Result<Box<dyn Read + Send>> {
        let source = BufReader::with_capacity(BUFFER, source);
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(source)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(source)?;
                decoder.window_log_max(window)?;
                Box::new(decoder)
            }
            Self::CollectorZstd => Box::new(Messages { source, window, text: Vec::new(), at: 0 }),
        })
    }
}

/// Bytes of compressed data that are read at once.
const BUFFER: usize = 128 << 10;

/// Messages with their lengths before them, each given as a line.
struct Messages<R> {
    source: R,
    window: u32,
    /// The message that is being given.
    text: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Messages<R> {
    /// Reads the next message; `false` at the end.
    fn next(&mut self) -> io::Result<bool> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let mut length = [0; 4];
        self.source.read_exact(&mut length)?;
        let length = u64::from(u32::from_be_bytes(length));
        let mut decoder = zstd::Decoder::with_buffer(self.source.by_ref().take(length))?;
        decoder.window_log_max(self.window)?;
        self.text.clear();
        self.at = 0;
        decoder.read_to_end(&mut self.text)?;
        if !self.text.ends_with(b"\n") {
            self.text.push(b'\n');
        }
        Ok(true)
    }
}

impl<R: BufRead> Read for Messages<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            if !self.next()? {
                return Ok(0);
            }
        }
        let mut rest = self.text.get(self.at..).unwrap_or_default();
        let count = rest.read(out)?;
        self.at += count;
        Ok(count)
    }
}
