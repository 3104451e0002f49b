//! A closed segment becomes Parquet files, exactly once, wherever a crash comes.
//!
//! 1. The files are written into `staging/ID`, and synced.
//! 2. A manifest that names them and their places is written beside them and takes its name by a rename: from here on the
//!    segment counts as sealed.
//! 3. The files are renamed to their places.
//! 4. The segment becomes the spare one, which the next segment is written over, then `staging/ID` is removed.
//!
//! A crash before 2 leaves a folder that recovery throws away, and the segment is sealed again. After 2, recovery goes on
//! at 3: what is no longer in `staging/ID` is in its place already. Where 3 or 4 fail, now or then, they are tried again later on,
//! and the segments behind go on meanwhile: this one is read no more.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hasher as _;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arrow_array::{RecordBatch, UInt32Array};
use arrow_schema::SchemaRef;
use arrow_select::take::take_record_batch;
use bytes::{Bytes, BytesMut};
use spanwise::llm::Requests;
use spanwise::{DecodeOptions, Decoder, Framing, SpanBatch, ValueRef};
use spanwise_arrow::write::{FileFormat, TableWriter};
use spanwise_arrow::{Converter, RequestMarks, Telling};
use tracing::warn;
use twox_hash::XxHash3_64;

use super::blocks::{BLOCK_BYTES, Blocks};
use super::damaged;
use super::disk::{Disk, DiskFile};
use super::key_file::{DEDUP, STAGED_KEYS, keys_name, write_keys};
use super::manifest::{Manifest, SPANS, STAGING};
use super::partition::{OTHER_SERVICES, Partition, Spread, day, service_folder};
use super::queue::Closed;
use super::record::Record;
use super::seal_error::{SealError, broken_table};
use super::writer::{LOG, segment_name};
use crate::delivery::SpanKey;
use crate::pipeline::{repeats_too_much, taken_already};

/// A text that grew beyond this is not kept for the next block.
const KEPT_TEXT: usize = 2 * BLOCK_BYTES;
/// Spans among which requests are told, at least and about, with those that are remembered: what is noted of each takes memory.
const TOLD_TOGETHER: usize = 1 << 18;
/// Spans that are remembered for the segments behind, at most.
const REMEMBERED: usize = 1 << 16;

/// What became of a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) files: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Records, and ends of segments, that were set aside since they could not be read.
    pub(crate) damaged: u64,
}

type Output = BufWriter<Counted>;

/// A file that knows how long it is.
struct Counted {
    file: Box<dyn DiskFile>,
    len: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Turns segments into files. Keeps its buffers from one to the next.
pub(crate) struct Sealer<'a> {
    disk: &'a dyn Disk,
    converter: Converter,
    spread: Spread,
    /// Hashes of spans are kept for the window of duplicates.
    remembers: bool,
    /// What was told of the segments before.
    recent: &'a Mutex<Requests>,
    decoder: Decoder,
    batch: SpanBatch,
    /// Of the block at hand.
    text: BytesMut,
}

/// One segment on its way.
struct Sealing {
    segment: Closed,
    folder: PathBuf,
    spread: Spread,
    partitions: HashMap<Partition, usize>,
    writers: Vec<(Partition, TableWriter<Output>)>,
    /// What is remembered of duplicates, without those that were.
    keys: Vec<SpanKey>,
    received: u64,
    /// Of the rows that come, where they have any.
    marks: Option<RequestMarks>,
    /// A hash of all that was read.
    mark: XxHash3_64,
    /// Records that were kept in `damaged`.
    kept: u64,
    sealed: Sealed,
}

impl<'a> Sealer<'a> {
    pub(crate) fn new(
        disk: &'a dyn Disk,
        converter: Converter,
        spread: Spread,
        remembers: bool,
        recent: &'a Mutex<Requests>,
    ) -> Self {
        let decoder = Decoder::new(DecodeOptions::default().with_limits(taken_already()));
        let converter = converter.telling(Telling::Later);
        let (batch, text) = (SpanBatch::new(), BytesMut::new());
        Self { disk, converter, spread, remembers, recent, decoder, batch, text }
    }

    /// Makes the files of a segment, waits for `turn`, puts them in their places, and removes the
    /// segment. Where `turn` is an error nothing is put anywhere. Of a segment that is published no more than what is left to be done is.
    pub(crate) fn seal(
        &mut self,
        segment: Closed,
        is_published: bool,
        turn: &dyn Fn() -> Result<(), SealError>,
    ) -> Result<Sealed, SealError> {
        let id = segment.id;
        let folder = Path::new(STAGING).join(id.to_string());
        // An attempt before this one came as far as the manifest: the segment may be gone already.
        if let Some(manifest) = Manifest::read(self.disk, id)? {
            let made = segment.made.unwrap_or_default();
            let placed = manifest.carry_out(self.disk, id, segment.ours);
            return placed.map(|()| made).map_err(|error| SealError::Unplaced(error, made));
        }
        if is_published && !self.is_removed(id)? {
            let away = io::Error::new(io::ErrorKind::NotFound, "the manifest of a segment that has one");
            return Err(SealError::Unplaced(away, segment.made.unwrap_or_default()));
        }
        // Before anything is made: where all of the store is gone, it should not come back empty.
        let file = self.open(id)?;
        let told = if self.converter.tells_requests() { Some(self.tell(segment)?) } else { None };
        let (marks, requests) = told.unzip();
        // Left over where sealing failed before.
        self.disk.remove_dir_all(&folder)?;
        self.disk.create_dir_all(&folder)?;
        let mut sealing = Sealing {
            segment,
            folder: folder.clone(),
            spread: self.spread,
            partitions: HashMap::new(),
            writers: Vec::new(),
            keys: Vec::new(),
            received: 0,
            marks,
            mark: XxHash3_64::new(),
            kept: 0,
            sealed: Sealed::default(),
        };
        let sealed = self.read(file, &mut sealing).and_then(|()| self.publish(sealing, turn));
        // Without a manifest that may have its name, what was made is made again. Until then others need the room.
        if let Err(SealError::Io(_) | SealError::Later) = sealed
            && self.disk.check_held().is_ok()
            && let Err(error) = self.disk.remove_dir_all(&folder)
        {
            warn!(segment = id, kind = ?error.kind(), "cannot remove a staging folder");
        }
        if let (Ok(_), Some(requests)) = (&sealed, requests) {
            self.remember(requests);
        }
        sealed
    }

    /// Whether the staging folder of a published segment is gone, and not with all others: then it is made again, under the same
    /// names.
    fn is_removed(&self, id: u64) -> io::Result<bool> {
        let is_there = |folder: &str, name: &str| {
            let entries = self.disk.list(Path::new(folder))?;
            io::Result::Ok(entries.iter().any(|entry| entry.is_dir && entry.name == name))
        };
        self.disk.check_held()?;
        let is_removed =
            is_there("", STAGING)? && !is_there(STAGING, &id.to_string())? && is_there("", STAGING)?;
        self.disk.check_held()?;
        Ok(is_removed)
    }

    /// The file of a segment.
    fn open(&self, id: u64) -> Result<Box<dyn Read + Send>, SealError> {
        let path = Path::new(LOG).join(segment_name(id));
        let is_absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match self.disk.open(&path) {
            Err(error) if is_absent(&error) => {
                // All of the store may be what is away, and may come back with the segment: even since it was asked for.
                self.disk.check_held()?;
                self.disk
                    .open(&path)
                    .map_err(|error| if is_absent(&error) { SealError::Gone } else { error.into() })
            }
            other => Ok(other?),
        }
    }

    /// Which spans of a segment stand for a request: that is known when all have been seen, so it is read once for that alone. With
    /// it comes what was noted, for the segments behind. Nobody else has meanwhile what was noted before, and where it comes to
    /// nothing it is forgotten: a span that was noted and not stored would not count when it is noted again.
    fn tell(&mut self, segment: Closed) -> Result<(RequestMarks, Requests), SealError> {
        let mut requests = std::mem::take(&mut *self.recent.lock().unwrap_or_else(PoisonError::into_inner));
        let mut marks = RequestMarks::new(&Requests::default(), &self.converter);
        let mut blocks = Blocks::new(segment, self.open(segment.id)?)?;
        let (mut text, mut records) = (std::mem::take(&mut self.text), Vec::new());
        while blocks.next(&mut text, &mut records)? {
            let json = text.freeze();
            if self.decode_whole(&json, &records) {
                requests.add_batch(&self.batch);
            } else {
                for record in &records {
                    if self.decode_one(&json, record) {
                        requests.add_batch(&self.batch);
                    }
                }
            }
            text = self.give_back(json);
            if requests.spans() >= TOLD_TOGETHER {
                marks.settle(&mut requests);
                requests.keep_last(REMEMBERED);
            }
        }
        marks.settle(&mut requests);
        self.keep(text);
        Ok((marks, requests))
    }

    /// Remembers what was told of a segment that is published: the run of an agent may come minutes behind its calls. Of segments
    /// that become Parquet at the same time what was told of the last stays.
    fn remember(&self, mut requests: Requests) {
        requests.keep_last(REMEMBERED);
        *self.recent.lock().unwrap_or_else(PoisonError::into_inner) = requests;
    }

    fn read(&mut self, file: Box<dyn Read + Send>, sealing: &mut Sealing) -> Result<(), SealError> {
        let segment = sealing.segment;
        let mut blocks = Blocks::new(segment, file)?;
        let (mut text, mut records) = (std::mem::take(&mut self.text), Vec::new());
        while blocks.next(&mut text, &mut records)? {
            let json = text.freeze();
            sealing.mark.write(&json);
            self.block(&json, &records, sealing)?;
            text = self.give_back(json);
        }
        if let Some(marks) = &sealing.marks {
            marks.finish()?;
        }
        if blocks.is_damaged() && !segment.told {
            damaged::copy_segment(self.disk, segment.id)?;
            sealing.sealed.damaged += 1;
        }
        self.keep(text);
        Ok(())
    }

    /// The text of a block, to be filled again: fresh memory costs as much as reading does.
    fn give_back(&mut self, json: Bytes) -> BytesMut {
        self.batch.clear();
        json.try_into_mut().unwrap_or_default()
    }

    /// Keeps it for the next segment.
    fn keep(&mut self, text: BytesMut) {
        self.text = if text.capacity() > KEPT_TEXT { BytesMut::new() } else { text };
    }

    /// Decodes records together. Whether they are what they were said to be, and one table can have them.
    fn decode_whole(&mut self, text: &Bytes, records: &[Record]) -> bool {
        let expected: usize = records.iter().map(|record| record.keys.len()).sum();
        let decoded = self.decoder.decode_block(text.clone(), Framing::Documents, &mut self.batch);
        decoded.is_ok()
            && self.batch.bad_documents() == 0
            && self.batch.len() == expected
            && !repeats_too_much(&self.batch)
    }

    /// Decodes a record of a block. Whether it is what it was said to be.
    fn decode_one(&mut self, text: &Bytes, record: &Record) -> bool {
        let decoded = self.decoder.decode(text.slice(record.json.clone()), &mut self.batch);
        decoded.is_ok() && self.batch.len() == record.keys.len()
    }

    /// Makes rows of records.
    fn block(&mut self, text: &Bytes, records: &[Record], sealing: &mut Sealing) -> Result<(), SealError> {
        let whole = self.decode_whole(text, records);
        if whole && let Ok(table) = self.table() {
            return self.rows(table, records, sealing);
        }
        // A payload that was taken leniently may not stand beside others, and all together may make too large a table:
        // then each is read as it came.
        for record in records {
            let one = self.decode_one(text, record);
            if one && let Ok(table) = self.table() {
                self.rows(table, std::slice::from_ref(record), sealing)?;
                continue;
            }
            if (whole || one)
                && let Some(marks) = &mut sealing.marks
            {
                marks.pass_over(record.keys.len());
            }
            // A fault of ours, or of whoever said that it is so many spans; the others need not suffer.
            let json = text.slice(record.json.clone());
            damaged::keep_record(self.disk, sealing.segment.id, sealing.kept, &json)?;
            sealing.kept += 1;
            sealing.sealed.damaged += u64::from(!sealing.segment.told);
        }
        Ok(())
    }

    /// The rows of the batch.
    fn table(&mut self) -> Result<RecordBatch, SealError> {
        Ok(self.converter.convert(&self.batch)?)
    }

    /// Writes the rows of the batch, which holds `records`, to their partitions, and remembers them.
    fn rows(
        &mut self,
        table: RecordBatch,
        records: &[Record],
        sealing: &mut Sealing,
    ) -> Result<(), SealError> {
        let table = match &mut sealing.marks {
            Some(marks) => marks.mark(table)?,
            None => table,
        };
        for record in records {
            sealing.received = sealing.received.max(record.received);
            let stored = record.keys.iter().enumerate().filter(|(index, _)| !record.skips(*index));
            sealing.keys.extend(stored.map(|(_, key)| *key));
        }
        let services = self.services();
        let mut rows: HashMap<usize, Vec<u32>> = HashMap::new();
        let marks = records
            .iter()
            .flat_map(|record| (0..record.keys.len()).map(|index| (record.received, record.skips(index))));
        let mut last: Option<(i32, u32, usize)> = None;
        for (row, (span, (received, skip))) in (0_u32..).zip(self.batch.span_rows().iter().zip(marks)) {
            if skip {
                continue;
            }
            let resource = self.batch.scope_rows().get(span.scope as usize).map_or(0, |scope| scope.resource);
            let day = day(span.start_time_unix_nano, received);
            let writer = match last {
                Some((same_day, same_resource, writer)) if (same_day, same_resource) == (day, resource) => {
                    writer
                }
                _ => {
                    let service = services.get(resource as usize).cloned().unwrap_or_default();
                    let writer = sealing.writer(
                        self.disk,
                        self.converter.schema(),
                        Partition { day, service },
                        received,
                    )?;
                    last = Some((day, resource, writer));
                    writer
                }
            };
            rows.entry(writer).or_default().push(row);
        }
        for (writer, rows) in rows {
            sealing.sealed.rows += rows.len() as u64;
            let part;
            let chosen = if rows.len() == table.num_rows() {
                &table
            } else {
                part = take_record_batch(&table, &UInt32Array::from(rows)).map_err(broken_table)?;
                &part
            };
            if let Some((_, writer)) = sealing.writers.get_mut(writer) {
                writer.write(chosen)?;
            }
        }
        Ok(())
    }

    /// The folder of each resource of the batch.
    fn services(&self) -> Vec<String> {
        let folder = |resource: spanwise::ResourceRef<'_>| {
            let value = resource.attributes().get("service.name");
            service_folder(&value.map_or_else(Cow::default, text_of))
        };
        self.batch.resources().map(folder).collect()
    }

    /// Ends the files, makes their manifest, and carries it out.
    fn publish(
        &self,
        mut sealing: Sealing,
        turn: &dyn Fn() -> Result<(), SealError>,
    ) -> Result<Sealed, SealError> {
        let mut sealed = sealing.sealed;
        let mut manifest = Manifest::default();
        // The same however often it is made, and another for another segment: where the clock goes back, and nothing is left that
        // says which ids there were, one comes again.
        let name = format!("{:014}-{:08x}", sealing.segment.id, sealing.mark.finish() & 0xffff_ffff);
        for (index, (partition, writer)) in sealing.writers.drain(..).enumerate() {
            let mut output = writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            output.file.sync()?;
            sealed.files += 1;
            sealed.bytes += output.len;
            // Not the id alone: where case makes no difference, folders of two services are one.
            let place = format!("{SPANS}/{}/{name}-{index}.parquet", partition.path());
            manifest.add(format!("{index}.parquet"), place);
        }
        // Those without are never looked for.
        sealing.keys.retain(|key| key.ids != SpanKey::NO_IDS);
        if self.remembers && !sealing.keys.is_empty() {
            let mut file = self.disk.create(&sealing.folder.join(STAGED_KEYS))?;
            file.write_all(&write_keys(sealing.received, &sealing.keys))?;
            file.sync()?;
            manifest.add(STAGED_KEYS.to_owned(), format!("{DEDUP}/{}", keys_name(sealing.segment.id)));
        }
        turn()?;
        manifest.draft(self.disk, &sealing.folder)?;
        Manifest::name(self.disk, &sealing.folder).map_err(|error| SealError::Unsure(error, sealed))?;
        let placed = manifest.carry_out(self.disk, sealing.segment.id, sealing.segment.ours);
        placed.map(|()| sealed).map_err(|error| SealError::Unplaced(error, sealed))
    }
}

/// A value's text, as it stands in the column `service_name`.
fn text_of(value: ValueRef<'_>) -> Cow<'_, str> {
    match value {
        ValueRef::Empty => Cow::default(),
        ValueRef::String(text) => text,
        other => {
            let mut json = Vec::new();
            other.write_json(&mut json);
            // Bytes, and doubles that JSON has no number for.
            let text = json.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(&json);
            String::from_utf8_lossy(text).into_owned().into()
        }
    }
}

impl Sealing {
    /// The writer of a partition, begun if need be; beyond the bound on partitions, that of all other services.
    fn writer(
        &mut self,
        disk: &dyn Disk,
        schema: &SchemaRef,
        mut partition: Partition,
        received: u64,
    ) -> Result<usize, SealError> {
        if let Some(index) = self.partitions.get(&partition) {
            return Ok(*index);
        }
        if self.writers.len() >= self.spread.partitions() {
            OTHER_SERVICES.clone_into(&mut partition.service);
            if self.writers.len() >= self.spread.files() && !self.partitions.contains_key(&partition) {
                partition.day = day(0, received);
            }
            if let Some(index) = self.partitions.get(&partition) {
                return Ok(*index);
            }
        }
        let index = self.writers.len();
        let file = disk.create(&self.folder.join(format!("{index}.parquet")))?;
        let output = BufWriter::new(Counted { file, len: 0 });
        let writer = TableWriter::new(output, FileFormat::Parquet, schema)?;
        self.partitions.insert(partition.clone(), index);
        self.writers.push((partition, writer));
        Ok(index)
    }
}
