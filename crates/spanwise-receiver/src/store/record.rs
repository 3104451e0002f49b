//! The log's records: one request each, with the hashes of its spans.
//!
//! ```text
//! segment  header, then records
//! header   "SPWLOG01", id u64, id of the segment before u64, its length u64, checksum u64
//! record   checksum u64, length of the JSON u32, spans u32, received (Unix ns) u64,
//!          per span: content u128, ids u64,
//!          one bit a span, padded to bytes: set where the span was delivered before and is not to be stored,
//!          the JSON
//! ```
//!
//! Numbers are little-endian. A checksum is XXH3 (64 bits) of all that follows it, seeded with the segment's id, so that
//! no bytes of another segment pass for a record of this one, which may have been written over it. The header says how long
//! the segment before was when its last record was acknowledged: what stands behind that was answered with an error, and sent
//! again.

use std::hash::Hasher as _;
use std::io::{self, BufRead, Read};
use std::ops::Range;

use bytes::{Buf as _, BytesMut};
use twox_hash::XxHash3_64;

use crate::delivery::SpanKey;

const MAGIC: &[u8; 8] = b"SPWLOG01";
/// Bytes of a segment's header.
pub(crate) const HEADER: u64 = HEADER_LEN as u64;
const HEADER_LEN: usize = 40;
const PREFIX: usize = 24;
const KEY: usize = 24;
/// A record is at most what a batch can be decoded from, and its hashes; longer ones are damage.
const LONGEST: u64 = 1 << 33;
/// Bytes that are let go of at once while damage is passed over.
const SCANNED: usize = 64 << 10;
/// Bytes that may be hashed for each byte that is passed over, and at first: a number that is the same however much of a segment is
/// read, so that every reading finds the same.
const WORK: u64 = 8;
const FIRST_WORK: u64 = 1 << 30;

/// The segment before another, and how much of it was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Predecessor {
    pub(crate) id: u64,
    pub(crate) len: u64,
}

/// Appends the header of the segment `id`.
pub(crate) fn write_header(id: u64, before: Predecessor, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(MAGIC);
    for number in [id, before.id, before.len] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let checksum = XxHash3_64::oneshot(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Appends a record of the segment `id`. `skip` has a bit for each span.
pub(crate) fn write_record(
    id: u64,
    received: u64,
    keys: &[SpanKey],
    skip: &[u8],
    json: &[u8],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let length = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&length(json.len()));
    out.extend_from_slice(&length(keys.len()));
    out.extend_from_slice(&received.to_le_bytes());
    for key in keys {
        out.extend_from_slice(&key.content.to_le_bytes());
        out.extend_from_slice(&key.ids.to_le_bytes());
    }
    out.extend_from_slice(skip);
    out.extend_from_slice(json);
    let checksum = XxHash3_64::oneshot_with_seed(id, out.get(start + 8..).unwrap_or_default());
    if let Some(place) = out.get_mut(start..start + 8) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Bytes of a record.
pub(crate) fn record_len(spans: usize, json: usize) -> usize {
    PREFIX + spans * KEY + spans.div_ceil(8) + json
}

/// A record as it was read. Its JSON stands in the text that it was read into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) received: u64,
    pub(crate) keys: Vec<SpanKey>,
    pub(crate) skip: Vec<u8>,
    pub(crate) json: Range<usize>,
}

impl Record {
    /// Whether the span was delivered before.
    pub(crate) fn skips(&self, span: usize) -> bool {
        bit(&self.skip, span)
    }
}

/// The bit of `span`.
pub(crate) fn bit(bits: &[u8], span: usize) -> bool {
    bits.get(span / 8).is_some_and(|byte| byte >> (span % 8) & 1 == 1)
}

/// Why no record follows.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// What stands there is no record: half of one, or damaged.
    Damaged,
    /// It could not be read.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Damaged } else { Self::Io(error) }
    }
}

/// Reads the records of a segment, up to its end or to damage, and on behind that.
pub(crate) struct SegmentReader<R> {
    input: Again<R>,
    id: u64,
    before: Option<Predecessor>,
    /// Where the input is.
    at: u64,
    /// Behind the last record that was read.
    whole: u64,
    end: u64,
    /// What stands before the JSON of the record at hand.
    head: BytesMut,
    /// Bytes that may be hashed to find records behind damage.
    work: u64,
}

impl<R: BufRead> SegmentReader<R> {
    /// Reads the header of the segment `id`, of which `end` bytes count. One that is damaged is passed over: its records are told
    /// from others without it.
    pub(crate) fn new(mut input: R, id: u64, end: u64) -> Result<Self, ReadError> {
        if end < HEADER {
            return Err(ReadError::Damaged);
        }
        let mut header = [0; HEADER_LEN];
        input.read_exact(&mut header)?;
        let (text, checksum) = header.split_at(header.len() - 8);
        let mut numbers = text.get(8..).unwrap_or_default();
        let (own, before, len) = (number(&mut numbers), number(&mut numbers), number(&mut numbers));
        let is_whole =
            text.starts_with(MAGIC) && checksum == XxHash3_64::oneshot(text).to_le_bytes() && own == id;
        let before = is_whole.then_some(Predecessor { id: before, len });
        let input = Again { back: BytesMut::new(), input };
        Ok(Self {
            input,
            id,
            before,
            at: HEADER,
            whole: HEADER,
            end,
            head: BytesMut::new(),
            work: FIRST_WORK,
        })
    }

    /// The segment before; `None` where the header is damaged.
    pub(crate) fn before(&self) -> Option<Predecessor> {
        self.before
    }

    /// Where the last record ends that was read.
    pub(crate) fn position(&self) -> u64 {
        self.whole
    }

    /// The next record, its JSON appended to `text`; `None` at the end. Where it fails, a part may be appended, and where that is for
    /// damage, [`Self::skip_damage`] finds what stands behind it.
    pub(crate) fn next(&mut self, text: &mut BytesMut) -> Result<Option<Record>, ReadError> {
        let left = self.end.saturating_sub(self.at);
        if left == 0 {
            return Ok(None);
        }
        let mut prefix = [0; PREFIX];
        if left < PREFIX as u64 {
            return Err(ReadError::Damaged);
        }
        self.input.read_exact(&mut prefix)?;
        let start = text.len();
        self.head.clear();
        match self.read_behind(Prefix::of(&prefix), left, text) {
            Err(ReadError::Damaged) => {
                let json = text.get(start..).unwrap_or_default();
                self.input.give_back(&[&prefix, &self.head, json]);
                Err(ReadError::Damaged)
            }
            other => other.map(Some),
        }
    }

    /// The record of a prefix that is read already.
    fn read_behind(&mut self, prefix: Prefix, left: u64, text: &mut BytesMut) -> Result<Record, ReadError> {
        if !prefix.fits(left) {
            return Err(ReadError::Damaged);
        }
        let mut sum = prefix.sum(self.id);
        let start = text.len();
        append(&mut self.input, prefix.rest() - prefix.json, &mut self.head)?;
        sum.write(&self.head);
        append(&mut self.input, prefix.json, text)?;
        sum.write(text.get(start..).unwrap_or_default());
        if prefix.checksum != sum.finish() {
            return Err(ReadError::Damaged);
        }
        self.at += prefix.len();
        self.whole = self.at;
        let hashes = usize::try_from(prefix.hashes()).unwrap_or(usize::MAX);
        let (hashes, skip) = self.head.split_at(hashes.min(self.head.len()));
        let (received, keys) = (prefix.received, keys(hashes));
        Ok(Record { received, keys, skip: skip.to_vec(), json: start..text.len() })
    }

    /// After [`Self::next`] found damage: whether a whole record stands anywhere behind it. That is the next one then.
    ///
    /// Every byte may be where it begins. Eight times what is passed over is hashed at most, and 1 GiB, however many bytes look like
    /// the beginning of a long record: where somebody wrote a payload like that, a record close behind it may be passed over.
    pub(crate) fn skip_damage(&mut self) -> io::Result<bool> {
        let left = self.end.saturating_sub(self.at);
        let mut window = std::mem::take(&mut self.input.back);
        // From the beginning of what is no record: where in the window, and how far that is gone already.
        let (mut place, mut gone) = (1, 0);
        loop {
            let at = gone + place as u64;
            if !fill(&mut self.input.input, &mut window, place + PREFIX, left - gone)? {
                return Ok(false);
            }
            let found = window.get(place..).and_then(|text| text.first_chunk::<PREFIX>()).map(Prefix::of);
            let may_be =
                |prefix: &Prefix| prefix.has_json() && prefix.fits(left - at) && prefix.len() <= self.work;
            if let Some(prefix) = found.filter(may_be) {
                self.work -= prefix.len();
                let end = place + usize::try_from(prefix.len()).unwrap_or(usize::MAX);
                if fill(&mut self.input.input, &mut window, end, left - gone)?
                    && window.get(place + PREFIX..end).is_some_and(|text| prefix.is_of(self.id, text))
                {
                    // What was well spent may be spent again.
                    self.work += prefix.len();
                    window.advance(place);
                    self.input.back = window;
                    self.at += at;
                    return Ok(true);
                }
            }
            place += 1;
            self.work = self.work.saturating_add(WORK);
            if place >= SCANNED {
                window.advance(place);
                gone += place as u64;
                place = 0;
            }
        }
    }
}

/// What stands at the beginning of a record.
#[derive(Debug, Clone, Copy)]
struct Prefix {
    checksum: u64,
    lengths: u64,
    json: u64,
    spans: u64,
    received: u64,
}

impl Prefix {
    fn of(text: &[u8; PREFIX]) -> Self {
        let mut numbers = &text[..];
        let (checksum, lengths, received) =
            (number(&mut numbers), number(&mut numbers), number(&mut numbers));
        Self { checksum, lengths, json: lengths & u64::from(u32::MAX), spans: lengths >> 32, received }
    }

    fn hashes(self) -> u64 {
        self.spans * KEY as u64
    }

    /// Bytes behind the prefix.
    fn rest(self) -> u64 {
        self.hashes() + self.spans.div_ceil(8) + self.json
    }

    fn len(self) -> u64 {
        PREFIX as u64 + self.rest()
    }

    /// As every record does. Zeros, as a disk leaves them, do not.
    fn has_json(self) -> bool {
        self.json > 0
    }

    /// Whether so long a record may be there, where so much is left.
    fn fits(self, left: u64) -> bool {
        self.rest() <= LONGEST && self.len() <= left
    }

    /// The checksum so far, in a segment.
    fn sum(self, id: u64) -> XxHash3_64 {
        let mut sum = XxHash3_64::with_seed(id);
        sum.write(&self.lengths.to_le_bytes());
        sum.write(&self.received.to_le_bytes());
        sum
    }

    /// Whether this stands behind it.
    fn is_of(self, id: u64, text: &[u8]) -> bool {
        let mut sum = self.sum(id);
        sum.write(text);
        self.checksum == sum.finish()
    }
}

/// Input of which some can be read again.
struct Again<R> {
    back: BytesMut,
    input: R,
}

impl<R> Again<R> {
    /// Puts before what is to come what was read of it last.
    fn give_back(&mut self, read: &[&[u8]]) {
        let rest = std::mem::take(&mut self.back);
        for part in read {
            self.back.extend_from_slice(part);
        }
        self.back.extend_from_slice(&rest);
    }
}

impl<R: BufRead> Read for Again<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.back.is_empty() {
            return self.input.read(out);
        }
        let len = out.len().min(self.back.len());
        self.back.copy_to_slice(out.get_mut(..len).unwrap_or_default());
        Ok(len)
    }
}

impl<R: BufRead> BufRead for Again<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.back.is_empty() { self.input.fill_buf() } else { Ok(&self.back) }
    }

    fn consume(&mut self, len: usize) {
        if self.back.is_empty() {
            self.input.consume(len);
        } else {
            self.back.advance(len.min(self.back.len()));
        }
    }
}

/// Reads on until the window has `wanted` bytes, of which there are no more than `most`. Whether it has.
fn fill(input: &mut impl BufRead, window: &mut BytesMut, wanted: usize, most: u64) -> io::Result<bool> {
    if wanted as u64 > most {
        return Ok(false);
    }
    if window.len() < wanted {
        // As much more as may be used soon, so that it is not copied for each byte.
        let more = (wanted - window.len()).max(SCANNED) as u64;
        let more = more.min(most - window.len() as u64);
        match append(input, more, window) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            other => other?,
        }
    }
    Ok(window.len() >= wanted)
}

/// Appends the next `len` bytes.
fn append(input: &mut impl BufRead, len: u64, out: &mut BytesMut) -> io::Result<()> {
    let mut left = usize::try_from(len).unwrap_or(usize::MAX);
    out.reserve(left);
    while left > 0 {
        let bytes = match input.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = bytes.get(..left).unwrap_or(bytes);
        out.extend_from_slice(bytes);
        let read = bytes.len();
        input.consume(read);
        left -= read;
    }
    Ok(())
}

/// The hashes of spans, from their bytes.
pub(crate) fn keys(bytes: &[u8]) -> Vec<SpanKey> {
    let (chunks, _) = bytes.as_chunks::<KEY>();
    let key = |chunk: &[u8; KEY]| {
        let mut text = &chunk[..];
        let low = number(&mut text);
        let high = number(&mut text);
        SpanKey { content: u128::from(high) << 64 | u128::from(low), ids: number(&mut text) }
    };
    chunks.iter().map(key).collect()
}

/// Takes a number off the front.
fn number(text: &mut &[u8]) -> u64 {
    match text.split_first_chunk::<8>() {
        Some((bytes, rest)) => {
            *text = rest;
            u64::from_le_bytes(*bytes)
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> (Vec<u8>, Vec<usize>) {
        let mut out = Vec::new();
        write_header(7, Predecessor { id: 3, len: 99 }, &mut out);
        let mut ends = vec![out.len()];
        for spans in [0_u64, 1, 9] {
            let keys: Vec<_> =
                (0..spans).map(|n| SpanKey { content: u128::from(n) << 77 | 5, ids: n + 1 }).collect();
            let skip = vec![0b10; keys.len().div_ceil(8)];
            write_record(7, 1000 + spans, &keys, &skip, format!("{{\"n\":{spans}}}").as_bytes(), &mut out);
            assert_eq!(out.len() - ends.last().unwrap(), record_len(keys.len(), 7));
            ends.push(out.len());
        }
        (out, ends)
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let (bytes, _) = segment();
        // However little of it there is at a time.
        for at_once in [1, 7, 100_000] {
            records_are_read(&bytes, at_once);
        }
    }

    fn records_are_read(bytes: &[u8], at_once: usize) {
        let input = io::BufReader::with_capacity(at_once, bytes);
        let mut reader = SegmentReader::new(input, 7, bytes.len() as u64).unwrap();
        let mut text = BytesMut::from("before");
        assert_eq!(reader.before(), Some(Predecessor { id: 3, len: 99 }));
        for spans in [0, 1, 9_u64] {
            let record = reader.next(&mut text).unwrap().unwrap();
            assert_eq!((record.received, record.keys.len()), (1000 + spans, usize::try_from(spans).unwrap()));
            assert_eq!(text[record.json.clone()], format!("{{\"n\":{spans}}}").into_bytes());
            assert!(
                record
                    .keys
                    .iter()
                    .enumerate()
                    .all(|(n, key)| key.ids == n as u64 + 1 && key.content == (n as u128) << 77 | 5)
            );
            assert_eq!((record.skips(0), record.skips(1)), (false, spans == 9 || spans == 1));
        }
        assert_eq!(reader.next(&mut text).unwrap(), None);
        assert!(text.starts_with(b"before{"));
        assert_eq!(reader.position(), bytes.len() as u64);
    }

    #[test]
    fn a_torn_tail_ends_the_segment_at_the_record_before() {
        let (bytes, ends) = segment();
        for len in 0..bytes.len() {
            let Ok(mut reader) = SegmentReader::new(&bytes[..len], 7, len as u64) else {
                assert!(len < ends[0], "{len}");
                continue;
            };
            while let Ok(Some(_)) = reader.next(&mut BytesMut::new()) {}
            let whole = ends.iter().copied().rfind(|end| *end <= len).unwrap();
            assert_eq!(reader.position(), whole as u64, "{len}");
        }
    }

    /// It was cut since somebody looked how long it is.
    #[test]
    fn a_segment_that_ends_before_its_length_is_read_up_to_its_last_record() {
        let (bytes, ends) = segment();
        for len in ends[0]..bytes.len() {
            let mut reader = SegmentReader::new(&bytes[..len], 7, bytes.len() as u64).unwrap();
            let damage = loop {
                match reader.next(&mut BytesMut::new()) {
                    Ok(Some(_)) => {}
                    other => break other,
                }
            };
            assert!(matches!(damage, Err(ReadError::Damaged)), "{len}");
            assert!(!reader.skip_damage().unwrap(), "{len}");
            let whole = ends.iter().copied().rfind(|end| *end <= len).unwrap();
            assert_eq!(reader.position(), whole as u64, "{len}");
        }
    }

    /// An input whose every read fails `first`, and then gives a byte.
    struct Failing<'a> {
        rest: &'a [u8],
        first: Option<io::ErrorKind>,
        fails: bool,
    }

    impl io::Read for Failing<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.fails = !self.fails;
            match self.first.filter(|_| self.fails) {
                Some(kind) => Err(kind.into()),
                None => self.rest.read(&mut out[..1]),
            }
        }
    }

    #[test]
    fn a_read_that_was_interrupted_is_done_again_and_one_that_fails_is_no_damage() {
        let (bytes, _) = segment();
        let reader = |first| {
            let (head, rest) = bytes.split_at(HEADER_LEN + PREFIX);
            let input = io::Read::chain(head, Failing { rest, first: Some(first), fails: false });
            SegmentReader::new(io::BufReader::new(input), 7, bytes.len() as u64).unwrap()
        };
        let mut interrupted = reader(io::ErrorKind::Interrupted);
        for spans in [0, 1, 9] {
            let record = interrupted.next(&mut BytesMut::new()).unwrap().unwrap();
            assert_eq!(record.keys.len(), spans);
        }
        assert_eq!(interrupted.next(&mut BytesMut::new()).unwrap(), None);
        let failed = reader(io::ErrorKind::PermissionDenied).next(&mut BytesMut::new());
        assert!(
            matches!(&failed, Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::PermissionDenied),
            "{failed:?}"
        );
    }

    #[test]
    fn a_changed_byte_is_never_read() {
        let (bytes, ends) = segment();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let mut reader = SegmentReader::new(&damaged[..], 7, bytes.len() as u64).unwrap();
            assert_eq!(reader.before().is_none(), at < ends[0], "{at}");
            while let Ok(Some(_)) = reader.next(&mut BytesMut::new()) {}
            // The records need no header.
            let whole = ends.iter().copied().rfind(|end| *end <= at).unwrap_or(bytes.len());
            assert_eq!(reader.position(), whole as u64, "{at}");
        }
    }

    /// What is read of a segment with damage: how many spans each record has.
    fn read_on(bytes: &[u8]) -> (Vec<usize>, u64) {
        let input = io::BufReader::with_capacity(5, bytes);
        let mut reader = SegmentReader::new(input, 7, bytes.len() as u64).unwrap();
        let mut found = Vec::new();
        loop {
            match reader.next(&mut BytesMut::new()) {
                Ok(Some(record)) => found.push(record.keys.len()),
                Ok(None) => break,
                Err(ReadError::Damaged) => {
                    if !reader.skip_damage().unwrap() {
                        break;
                    }
                }
                Err(ReadError::Io(error)) => panic!("{error}"),
            }
        }
        (found, reader.position())
    }

    #[test]
    fn records_behind_damage_are_found() {
        let (bytes, ends) = segment();
        for at in ends[0]..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let hit = ends.iter().filter(|end| **end <= at).count() - 1;
            let mut expected = vec![0, 1, 9];
            expected.remove(hit);
            let end = if hit == 2 { ends[2] } else { bytes.len() };
            assert_eq!(read_on(&damaged), (expected, end as u64), "{at}");
            // Nothing of it is there, or more than was.
            damaged.splice(ends[hit]..ends[hit + 1], vec![b' '; at]);
            assert_eq!(read_on(&damaged).0.len(), 2, "{at}");
        }
        // What is left of an older segment, longer than what is let go of at once, and more of this one behind it.
        let mut older = Vec::new();
        for spans in 0..5000_usize {
            write_record(6, 1000, &vec![SpanKey { content: 1, ids: 1 }; spans % 7], &[0], b"{}", &mut older);
        }
        assert_eq!(read_on(&[&bytes[..], &older].concat()), (vec![0, 1, 9], bytes.len() as u64));
        let both = [&bytes[..], &older, &bytes[ends[0]..]].concat();
        assert_eq!(read_on(&both), (vec![0, 1, 9, 0, 1, 9], both.len() as u64));
    }

    #[test]
    fn what_looks_like_many_long_records_is_passed_over() {
        let (mut bytes, _) = segment();
        let good = bytes.clone();
        // At every eighth byte the beginning of a record of a megabyte. Were each read, it would take hours.
        bytes.extend_from_slice(&[0, 0, 16, 0, 0, 0, 0, 0].repeat(1 << 18));
        bytes.extend_from_slice(&good[HEADER_LEN..]);
        assert_eq!(read_on(&bytes), (vec![0, 1, 9, 0, 1, 9], bytes.len() as u64));
    }

    #[test]
    fn a_header_of_another_form_does_not_pass_though_its_checksum_does() {
        let (mut bytes, _) = segment();
        bytes[0] ^= 1;
        let sum = XxHash3_64::oneshot(&bytes[..HEADER_LEN - 8]).to_le_bytes();
        bytes[HEADER_LEN - 8..HEADER_LEN].copy_from_slice(&sum);
        let reader = SegmentReader::new(&bytes[..], 7, bytes.len() as u64).unwrap();
        assert_eq!(reader.before(), None);
    }

    #[test]
    fn records_of_another_segment_do_not_pass() {
        let (bytes, ends) = segment();
        let mut reader = SegmentReader::new(&bytes[..], 8, bytes.len() as u64).unwrap();
        assert_eq!(reader.before(), None);
        assert!(matches!(reader.next(&mut BytesMut::new()), Err(ReadError::Damaged)));
        let mut other = Vec::new();
        write_header(8, Predecessor::default(), &mut other);
        other.extend_from_slice(&bytes[ends[0]..]);
        let mut reader = SegmentReader::new(&other[..], 8, other.len() as u64).unwrap();
        assert!(matches!(reader.next(&mut BytesMut::new()), Err(ReadError::Damaged)));
    }
}
