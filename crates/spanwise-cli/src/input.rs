//! Reading an input into batches. A file is one block; what is too large for one is read in blocks of whole lines.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;

use spanwise::{DecodeOptions, Decoder, Framing, SpanBatch, Text};

use crate::source::Source;

/// Where a block begins in its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    /// Lines before the block.
    pub(crate) lines: u64,
}

/// Decodes inputs, with buffers that it reuses.
pub(crate) struct Reading {
    decoder: Decoder,
    batch: SpanBatch,
    framing: Framing,
}

impl Reading {
    pub(crate) fn new(options: DecodeOptions, framing: Framing) -> Self {
        Self { decoder: Decoder::new(options), batch: SpanBatch::new(), framing }
    }

    /// Calls `each` for every block of `source`. After an error, blocks before it have been given.
    pub(crate) fn read(
        &mut self,
        source: &Source,
        mut each: impl FnMut(&SpanBatch, Place),
    ) -> Result<(), String> {
        self.read_while(source, |batch, place| {
            each(batch, place);
            ControlFlow::Continue(())
        })
    }

    /// The same, until `each` says that it is enough.
    pub(crate) fn read_while(
        &mut self,
        source: &Source,
        mut each: impl FnMut(&SpanBatch, Place) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let cannot_read = |error: io::Error| format!("cannot read: {error}");
        let mut blocks = match source {
            Source::Stdin => Blocks::new(Box::new(io::stdin().lock()), None, self.framing, Sizes::default()),
            Source::File(path) => {
                let file = File::open(path).map_err(cannot_read)?;
                let metadata = file.metadata().map_err(cannot_read)?;
                let length = metadata.is_file().then_some(metadata.len());
                Blocks::new(Box::new(file), length, self.framing, Sizes::default())
            }
        };
        while let Some(block) = blocks.next().transpose()? {
            self.decoder
                .decode_block(block.bytes, block.framing, &mut self.batch)
                .map_err(|error| error.diagnostic().message().to_owned())?;
            if each(&self.batch, block.place).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// How much is held at a time.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// The most that a block can be: what does not fit is cut at lines.
    whole: usize,
    /// A block of lines.
    lines: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { whole: Text::MAX, lines: 64 << 20 }
    }
}

#[derive(Debug, PartialEq)]
struct Block {
    bytes: Vec<u8>,
    framing: Framing,
    place: Place,
}

enum State {
    Start,
    Lines,
    End,
}

/// The blocks of one input.
struct Blocks<'a> {
    reader: Box<dyn Read + 'a>,
    /// How long the input says it is.
    length: Option<u64>,
    framing: Framing,
    sizes: Sizes,
    state: State,
    /// Bytes that have been read and not yet given.
    held: Vec<u8>,
    at_end: bool,
    place: Place,
}

impl<'a> Blocks<'a> {
    fn new(reader: Box<dyn Read + 'a>, length: Option<u64>, framing: Framing, sizes: Sizes) -> Self {
        let place = Place { offset: 0, lines: 0 };
        Self { reader, length, framing, sizes, state: State::Start, held: Vec::new(), at_end: false, place }
    }

    /// Reads on until `size` bytes are held or the input ends.
    fn fill(&mut self, size: usize) -> Result<(), String> {
        let wanted = size.saturating_sub(self.held.len());
        let read = self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.held);
        self.at_end |= read.map_err(|error| format!("cannot read: {error}"))? < wanted;
        Ok(())
    }

    fn start(&mut self) -> Result<Block, String> {
        let is_large = self.length.is_some_and(|length| length > self.sizes.whole as u64);
        if let Some(length) = self.length.filter(|_| !is_large) {
            self.held.reserve_exact(usize::try_from(length).unwrap_or(0) + 1);
        }
        self.fill(if is_large { self.sizes.lines } else { self.sizes.whole + 1 })?;
        if let Some(compression) = compression(&self.held) {
            return Err(format!("compressed with {compression}; decompress it first"));
        }
        if self.at_end {
            self.state = State::End;
            return Ok(Block {
                bytes: std::mem::take(&mut self.held),
                framing: self.framing,
                place: self.place,
            });
        }
        let in_lines = match self.framing {
            Framing::Lines => true,
            Framing::Documents => false,
            Framing::Auto => self.begins_with_a_line()?,
        };
        if !in_lines {
            return Err("larger than 2 GiB − 1 and not in lines".to_owned());
        }
        self.state = State::Lines;
        self.lines()
    }

    /// Whether the first line that is not blank is a document of its own.
    fn begins_with_a_line(&mut self) -> Result<bool, String> {
        loop {
            let mut lines = self.held.split_inclusive(|byte| *byte == b'\n');
            let first = lines.find(|line| !line.trim_ascii().is_empty());
            if let Some(line) = first.filter(|line| line.ends_with(b"\n")) {
                let mut batch = SpanBatch::new();
                let read = Decoder::default().decode_block(line.to_vec(), Framing::Documents, &mut batch);
                return Ok(read.is_ok() && batch.bad_documents() == 0);
            }
            if self.at_end || self.held.len() >= self.sizes.whole {
                return Ok(false);
            }
            self.fill(self.held.len().saturating_mul(2).clamp(1, self.sizes.whole))?;
        }
    }

    /// As many whole lines as fit a block, at least one.
    fn lines(&mut self) -> Result<Block, String> {
        self.fill(self.sizes.lines)?;
        let end = loop {
            if self.at_end && self.held.len() <= self.sizes.whole {
                self.state = State::End;
                break self.held.len();
            }
            let reach = self.held.len().min(self.sizes.whole);
            let within = self.held.get(..reach).unwrap_or_default();
            if let Some(newline) = memchr::memrchr(b'\n', within) {
                break newline + 1;
            }
            if reach == self.sizes.whole {
                return Err("a line is larger than 2 GiB − 1".to_owned());
            }
            self.fill(self.held.len().saturating_mul(2).clamp(1, self.sizes.whole))?;
        };
        let rest = self.held.split_off(end);
        let bytes = std::mem::replace(&mut self.held, rest);
        let place = self.place;
        self.place.offset += bytes.len() as u64;
        self.place.lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        Ok(Block { bytes, framing: Framing::Lines, place })
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = match self.state {
            State::Start => self.start(),
            State::Lines => self.lines(),
            State::End => return None,
        };
        if block.is_err() {
            self.state = State::End;
        }
        Some(block)
    }
}

/// The compression that the first bytes tell of. The Collector's file exporter puts a length before zstd frames.
fn compression(bytes: &[u8]) -> Option<&'static str> {
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    match bytes {
        [0x1f, 0x8b, ..] => Some("gzip"),
        _ if bytes.starts_with(&ZSTD) || bytes.get(4..8) == Some(&ZSTD) => Some("zstd"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { whole: 40, lines: 16 };

    fn read(input: &str, length: bool, framing: Framing) -> Result<Vec<(String, u64, u64)>, String> {
        let length = length.then_some(input.len() as u64);
        Blocks::new(Box::new(input.as_bytes()), length, framing, SIZES)
            .map(|block| {
                let Block { bytes, place, .. } = block?;
                Ok((String::from_utf8(bytes).unwrap(), place.offset, place.lines))
            })
            .collect()
    }

    #[test]
    fn what_fits_is_one_block() {
        for input in ["", "{}", "0123456789012345678901234567890123456789"] {
            for length in [false, true] {
                assert_eq!(read(input, length, Framing::Auto), Ok(vec![(input.to_owned(), 0, 0)]));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_at_lines() {
        let input = "\n{}\n".to_owned() + &"{\"a\":[1]}\n".repeat(5) + "{\"last\":1}";
        for framing in [Framing::Auto, Framing::Lines] {
            for length in [false, true] {
                let blocks = read(&input, length, framing).unwrap();
                assert!(blocks.len() > 1);
                let mut place = (0, 0);
                for (text, offset, lines) in &blocks {
                    assert_eq!((*offset, *lines), place);
                    place = (place.0 + text.len() as u64, place.1 + text.matches('\n').count() as u64);
                }
                assert_eq!(blocks.iter().map(|block| block.0.as_str()).collect::<String>(), input);
                let (last, whole) = blocks.split_last().unwrap();
                assert!(whole.iter().all(|block| block.0.ends_with('\n')) && !last.0.ends_with('\n'));
            }
        }
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let document = "{\n\"a\": [1, 2, 3, 4, 5],\n\"b\": [1, 2, 3, 4, 5]\n}\n";
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(60));
        for length in [false, true] {
            for (input, framing) in
                [(document, Framing::Auto), (document, Framing::Documents), (line.as_str(), Framing::Auto)]
            {
                let error = read(input, length, framing).unwrap_err();
                assert_eq!(error, "larger than 2 GiB − 1 and not in lines");
            }
            let error = read(&line, length, Framing::Lines).unwrap_err();
            assert_eq!(error, "a line is larger than 2 GiB − 1");
        }
    }

    #[test]
    fn compressed_inputs_are_known_by_their_first_bytes() {
        assert_eq!(compression(b"\x1f\x8b\x08"), Some("gzip"));
        assert_eq!(compression(b"\x28\xb5\x2f\xfd"), Some("zstd"));
        assert_eq!(compression(b"\x00\x00\x01\x00\x28\xb5\x2f\xfd"), Some("zstd"));
        assert_eq!(compression(b"{}"), None);
    }
}
