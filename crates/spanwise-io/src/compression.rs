//! Compression, recognised by the first bytes and never by a file's name.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Take};

use flate2::bufread::GzDecoder;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;

/// How a source is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
        f.pad(match self {
            Self::Gzip => "gzip",
            Self::Zstd | Self::CollectorZstd => "zstd",
        })
    }
}

const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The length of a Collector's message without text.
const NO_TEXT: [u8; 4] = [0; 4];

impl Compression {
    /// How many first bytes [`Self::of`] wants to see: eight, and more where a Collector's messages without text come first.
    pub const HEAD: usize = 64;

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
            _ => {
                let mut head = head;
                while let Some(behind) = head.strip_prefix(&NO_TEXT) {
                    head = behind;
                }
                (head.get(4..8) == Some(&ZSTD)).then_some(Self::CollectorZstd)
            }
        }
    }

    /// The compression of a source, and the first bytes that were read of it to know. Of a source that tells at once no more than
    /// eight: those behind may be long in coming.
    pub(crate) fn of_source(source: &mut impl Read) -> io::Result<(Vec<u8>, Option<Self>)> {
        const FIRST: usize = 8;
        let mut head = Vec::with_capacity(Self::HEAD);
        source.take(FIRST as u64).read_to_end(&mut head)?;
        if head.starts_with(&NO_TEXT) {
            source.take((Self::HEAD - FIRST) as u64).read_to_end(&mut head)?;
        }
        let compression = Self::of(&head);
        Ok((head, compression))
    }

    /// The text of a source that is compressed so. `window` bounds the memory of Zstandard: frames that need a window of more
    /// than `1 << window` bytes are refused.
    pub(crate) fn reader(
        self,
        source: Box<dyn Read + Send>,
        window: u32,
    ) -> io::Result<Box<dyn Read + Send>> {
        let source = BufReader::with_capacity(BUFFER, source);
        let window = possible_window(window);
        Ok(match self {
            Self::Gzip => Pieces::boxed(Members { decoder: Some(GzDecoder::new(source)), within: true }),
            Self::Zstd => Pieces::boxed(zstd_decoder(source, window)?),
            Self::CollectorZstd => Pieces::boxed(Messages { place: Place::Between(source), window }),
        })
    }
}

/// Fills `bytes` as far as a reader goes: how many there were, and what it failed with before they were full.
pub(crate) fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

/// Bytes of text that a decoder is asked for at once.
const PIECE: usize = 32 << 10;

/// Asks a decoder for pieces of one length, whoever reads them in whatever pieces. How much of a text comes before a fault depends
/// on that: what a call has made that then fails is lost. All readings of a source are to come to the same end.
struct Pieces<R> {
    decoder: R,
    piece: Box<[u8]>,
    filled: usize,
    taken: usize,
    /// What comes behind the piece.
    error: Option<io::Error>,
}

impl<R: Read + Send + 'static> Pieces<R> {
    fn boxed(decoder: R) -> Box<dyn Read + Send> {
        Box::new(Self { decoder, piece: vec![0; PIECE].into(), filled: 0, taken: 0, error: None })
    }
}

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.filled && self.error.is_none() && !out.is_empty() {
            let (filled, result) = fill(&mut self.decoder, &mut self.piece);
            (self.filled, self.taken, self.error) = (filled, 0, result.err());
        }
        let held = self.piece.get(self.taken..self.filled).unwrap_or_default();
        if held.is_empty()
            && !out.is_empty()
            && let Some(error) = self.error.take()
        {
            return Err(error);
        }
        let count = held.len().min(out.len());
        if let (Some(out), Some(held)) = (out.get_mut(..count), held.get(..count)) {
            out.copy_from_slice(held);
        }
        self.taken += count;
        Ok(count)
    }
}

fn zstd_decoder<R: BufRead>(source: R, window: u32) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(source)?;
    decoder.window_log_max(window)?;
    Ok(decoder)
}

/// What the library takes for a bound on windows. No frame has a smaller one, and it reads none with a larger one.
const LEAST_WINDOW: u32 = 10;
const MOST_WINDOW: u32 = if cfg!(target_pointer_width = "64") { 31 } else { 30 };

/// The nearest bound on windows that there is.
pub(crate) fn possible_window(log: u32) -> u32 {
    log.clamp(LEAST_WINDOW, MOST_WINDOW)
}

/// Whether a frame that may be whole asks for more than the bound.
pub(crate) fn wants_more(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<zstd::Error>());
    inner.is_some_and(|inner| inner.is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge))
}

/// Bytes of compressed data that are read at once.
const BUFFER: usize = 128 << 10;

/// Members of gzip, one behind the other. Zeros behind a member are padding, as gzip(1) has it: of tapes, say.
struct Members<R> {
    /// Of the member that is read, or was read last.
    decoder: Option<GzDecoder<R>>,
    within: bool,
}

/// What stands behind a member of gzip is none.
#[derive(Debug)]
pub(crate) struct Trailing;

impl fmt::Display for Trailing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no gzip")
    }
}

impl std::error::Error for Trailing {}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while let Some(decoder) = &mut self.decoder {
            if self.within {
                let count = decoder.read(out)?;
                if count > 0 {
                    return Ok(count);
                }
                self.within = false;
            }
            let source = decoder.get_mut();
            let held = source.fill_buf()?;
            if held.is_empty() {
                return Ok(0);
            }
            let zeros = held.iter().take_while(|byte| **byte == 0).count();
            let next = held.get(zeros).copied();
            source.consume(zeros);
            match next {
                None => {}
                Some(0x1f) => {
                    self.decoder = self.decoder.take().map(|decoder| GzDecoder::new(decoder.into_inner()));
                    self.within = true;
                }
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, Trailing)),
            }
        }
        Ok(0)
    }
}

/// Messages with their lengths before them, each given as a line. None is held: its text may be any number of times as long
/// as its frame.
struct Messages<R: BufRead> {
    place: Place<R>,
    window: u32,
}

enum Place<R: BufRead> {
    /// In a message of which the last byte that was given ends a line, or not.
    Within(zstd::Decoder<'static, Take<R>>, bool),
    Between(R),
    Ended,
}

impl<R: BufRead> Messages<R> {
    /// Goes from the end of a message to the next.
    fn leave(&mut self) -> io::Result<()> {
        if let Place::Within(decoder, _) = std::mem::replace(&mut self.place, Place::Ended) {
            let message = decoder.finish();
            if message.limit() > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.place = Place::Between(message.into_inner());
        }
        Ok(())
    }

    /// Goes into a message of so many bytes.
    fn enter(&mut self, length: u32) -> io::Result<()> {
        if let Place::Between(source) = std::mem::replace(&mut self.place, Place::Ended) {
            let decoder = zstd_decoder(source.take(length.into()), self.window)?;
            self.place = Place::Within(decoder, false);
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Messages<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.place {
                Place::Within(decoder, ends_line) => {
                    let count = decoder.read(out)?;
                    if let Some(last) = out.get(..count).and_then(<[u8]>::last) {
                        *ends_line = *last == b'\n';
                        return Ok(count);
                    }
                    let ends_line = *ends_line;
                    self.leave()?;
                    if !ends_line {
                        return (&b"\n"[..]).read(out);
                    }
                }
                Place::Between(source) => {
                    if source.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let mut length = [0; 4];
                    source.read_exact(&mut length)?;
                    match u32::from_be_bytes(length) {
                        // What the exporter's encoder makes of no text is no frame.
                        0 => return (&b"\n"[..]).read(out),
                        length => self.enter(length)?,
                    }
                }
                Place::Ended => return Ok(0),
            }
        }
    }
}
