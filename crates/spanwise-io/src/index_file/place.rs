//! Where the spans of an index are, batch by batch.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use spanwise::frame::Block;
use spanwise::index::{IndexError, RowSet, SpanLookup};
use spanwise::{DecodeOptions, Decoder, Limits, SpanBatch, SpanRef};

use super::bytes::{Reader, put, put_bytes};
use super::container::{Container, Extent, are_apart};
use super::error::IndexFileError;
use super::source_file::SourceFile;

/// Batches that are kept for the next row that is asked for: those that were asked for last.
const KEPT: usize = 16;

/// Where the block that a batch was decoded from stands in its source: what it takes to decode it again.
#[derive(Debug, Clone)]
pub struct BlockPlace {
    offset: u64,
    len: usize,
    sum: u32,
    recipe: Box<[u8]>,
}

impl BlockPlace {
    /// The place of a block. Costs reading it once, for a checksum.
    pub fn of(block: &Block) -> Self {
        let own = block.own();
        let (offset, len, sum) = (block.range().start, own.len(), crc32fast::hash(own));
        Self { offset, len, sum, recipe: block.recipe().into() }
    }
}

/// Rows that are in one batch, of those that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchRows {
    /// The number of the batch.
    pub number: usize,
    /// The number of each row's span in the batch, ascending, and the place that the row has among all that were asked for.
    pub spans: Vec<(u32, usize)>,
}

/// Where the spans of one batch are.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In memory.
    Held(Arc<SpanBatch>),
    /// A block of a source.
    Source(u32, BlockPlace),
    /// In an index file, as canonical JSON.
    Embedded(Arc<Container>, Extent),
}

/// The places of batches, in the order of their rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// The row that each begins with.
    starts: Vec<u32>,
    all: Vec<Place>,
    end: u32,
    /// Blocks of sources without spans: what is asked is only whether they are what they were.
    without: Vec<Place>,
}

impl Places {
    pub(super) fn push(&mut self, place: Place, spans: u32) {
        if spans > 0 {
            self.starts.push(self.end);
            self.all.push(place);
            self.end = self.end.saturating_add(spans);
        } else if matches!(place, Place::Source(..)) {
            self.without.push(place);
        }
    }

    /// Spans of all batches.
    pub(super) fn spans(&self) -> u32 {
        self.end
    }

    fn spans_of(&self, number: usize) -> u32 {
        let start = self.starts.get(number).copied().unwrap_or(self.end);
        self.starts.get(number + 1).copied().unwrap_or(self.end) - start
    }

    /// Each with its number of spans, those without any behind the others.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Place, u32)> {
        let all = self.all.iter().enumerate().map(|(number, place)| (place, self.spans_of(number)));
        all.chain(self.without.iter().map(|place| (place, 0)))
    }

    pub(super) fn put(
        &self,
        embedded: &mut dyn FnMut(&Place) -> Result<Extent, IndexFileError>,
    ) -> Result<Vec<u8>, IndexFileError> {
        let mut out = Vec::new();
        put(&mut out, (self.all.len() + self.without.len()) as u64);
        for (place, spans) in self.iter() {
            put(&mut out, spans.into());
            match place {
                Place::Source(source, place) => {
                    put(&mut out, u64::from(*source) + 1);
                    put(&mut out, place.offset);
                    put(&mut out, place.len as u64);
                    put(&mut out, place.sum.into());
                    put_bytes(&mut out, &place.recipe);
                }
                Place::Held(_) | Place::Embedded(..) => {
                    put(&mut out, 0);
                    embedded(place)?.put(&mut out);
                }
            }
        }
        Ok(out)
    }

    pub(super) fn of_stored(bytes: &[u8], container: &Arc<Container>, sources: usize) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut places = Self::default();
        for _ in 0..reader.number()? {
            let spans = u32::try_from(reader.number()?).ok()?;
            places.end.checked_add(spans)?;
            let place = match reader.number()?.checked_sub(1) {
                None if spans == 0 => return None,
                None => Place::Embedded(Arc::clone(container), Extent::read(&mut reader)?),
                Some(source) => {
                    let source = u32::try_from(source).ok().filter(|source| (*source as usize) < sources)?;
                    let (offset, len) = (reader.number()?, usize::try_from(reader.number()?).ok()?);
                    let sum = u32::try_from(reader.number()?).ok()?;
                    Place::Source(source, BlockPlace { offset, len, sum, recipe: reader.bytes()?.into() })
                }
            };
            places.push(place, spans);
        }
        let embedded = places.all.iter().filter_map(|place| match place {
            Place::Embedded(_, extent) => Some(*extent),
            _ => None,
        });
        let is_good = reader.is_at_end() && are_apart(embedded);
        is_good.then_some(places)
    }
}

/// The spans of an index. Those of files are read when they are asked for.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) sources: Vec<Arc<SourceFile>>,
    places: OnceLock<Places>,
    /// Where the places are read from if they are not there.
    stored: Option<(Arc<Container>, Extent)>,
    /// In the order in which they were asked for.
    kept: Mutex<Vec<(usize, Arc<SpanBatch>)>>,
}

impl Spans {
    pub(super) fn stored(sources: Vec<Arc<SourceFile>>, container: Arc<Container>, places: Extent) -> Self {
        Self { sources, stored: Some((container, places)), ..Self::default() }
    }

    pub(super) fn places(&self) -> Result<&Places, IndexFileError> {
        if let Some(places) = self.places.get() {
            return Ok(places);
        }
        let places = match &self.stored {
            None => Places::default(),
            Some((container, extent)) => {
                let bytes = container.read(*extent)?;
                Places::of_stored(&bytes, container, self.sources.len()).ok_or(IndexFileError::Damaged)?
            }
        };
        Ok(self.places.get_or_init(|| places))
    }

    pub(super) fn places_mut(&mut self) -> Result<&mut Places, IndexFileError> {
        self.places()?;
        self.places.get_mut().ok_or(IndexFileError::Damaged)
    }

    /// The number of the batch that a row is in, and the first row of it.
    pub(super) fn batch_of(&self, row: u32) -> Result<(usize, u32), IndexFileError> {
        let places = self.places()?;
        let number = places.starts.partition_point(|start| *start <= row).checked_sub(1);
        let found = number.and_then(|number| Some((number, *places.starts.get(number)?)));
        found.filter(|_| row < places.end).ok_or(IndexFileError::NoRow(row))
    }

    /// Rows, each with its place among them, by batch, in the order of the batches.
    pub(super) fn by_batch(&self, mut places: Vec<(u32, usize)>) -> Result<Vec<BatchRows>, IndexFileError> {
        places.sort_unstable();
        let mut rest = places.as_slice();
        let mut batches = Vec::new();
        while let Some((row, _)) = rest.first() {
            let (number, start) = self.batch_of(*row)?;
            let spans = self.places()?.spans_of(number);
            let (here, after) = rest.split_at(rest.partition_point(|(row, _)| row - start < spans));
            if here.is_empty() {
                return Err(IndexFileError::Damaged);
            }
            let spans = here.iter().map(|(row, place)| (row - start, *place)).collect();
            batches.push(BatchRows { number, spans });
            rest = after;
        }
        Ok(batches)
    }

    pub(super) fn batches(&self) -> Result<usize, IndexFileError> {
        Ok(self.places()?.all.len())
    }

    /// The spans of a batch.
    pub(super) fn batch(&self, number: usize) -> Result<Arc<SpanBatch>, IndexFileError> {
        let places = self.places()?;
        let place = places.all.get(number).ok_or(IndexFileError::NoBatch(number))?;
        if let Place::Held(batch) = place {
            return Ok(Arc::clone(batch));
        }
        if let Some(batch) = Self::kept(&mut self.lock(), number) {
            return Ok(batch);
        }
        let batch = Arc::new(self.decode(place)?);
        if batch.len() != places.spans_of(number) as usize {
            return Err(match place {
                Place::Source(source, _) => self.source(*source)?.changed(),
                _ => IndexFileError::Damaged,
            });
        }
        let mut kept = self.lock();
        // Another thread may have decoded it meanwhile.
        if let Some(batch) = Self::kept(&mut kept, number) {
            return Ok(batch);
        }
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((number, Arc::clone(&batch)));
        Ok(batch)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Arc<SpanBatch>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch that is kept. The last that was asked for is the last that goes.
    fn kept(kept: &mut Vec<(usize, Arc<SpanBatch>)>, number: usize) -> Option<Arc<SpanBatch>> {
        let at = kept.iter().position(|(found, _)| *found == number)?;
        let found = kept.remove(at);
        let batch = Arc::clone(&found.1);
        kept.push(found);
        Some(batch)
    }

    fn source(&self, number: u32) -> Result<&SourceFile, IndexFileError> {
        self.sources.get(number as usize).map(|source| &**source).ok_or(IndexFileError::Damaged)
    }

    fn decode(&self, place: &Place) -> Result<SpanBatch, IndexFileError> {
        let mut batch = SpanBatch::new();
        match place {
            Place::Held(_) => {}
            Place::Source(source, block) => {
                let source = self.source(*source)?;
                let own = source.read(block.offset, block.len, block.sum)?;
                let block = Block::remade(own.into(), &block.recipe).ok_or(IndexFileError::Damaged)?;
                Decoder::new(source.decode)
                    .decode_framed(block, &mut batch)
                    .map_err(|_| IndexFileError::Damaged)?;
            }
            Place::Embedded(container, extent) => {
                Decoder::new(embedded())
                    .decode(container.read(*extent)?, &mut batch)
                    .map_err(|_| IndexFileError::Damaged)?;
            }
        }
        Ok(batch)
    }

    /// Whether all that was indexed of these sources is there still. Their numbers ascend.
    pub(super) fn compare(&self, numbers: &[u32]) -> Result<(), IndexFileError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let mut blocks: Vec<(u32, &BlockPlace)> = Vec::new();
        for (place, _) in self.places()?.iter() {
            if let Place::Source(source, block) = place
                && numbers.binary_search(source).is_ok()
            {
                blocks.push((*source, block));
            }
        }
        // What is compressed is gone through once.
        blocks.sort_by_key(|(source, block)| (*source, block.offset));
        for (source, block) in blocks {
            self.source(source)?.read(block.offset, block.len, block.sum)?;
        }
        Ok(())
    }
}

/// How canonical JSON is read that was a batch before: within no bounds, since the batch was within its own.
fn embedded() -> DecodeOptions {
    DecodeOptions::default().with_limits(Limits {
        document_bytes: usize::MAX,
        depth: usize::MAX,
        spans: usize::MAX,
        attributes: usize::MAX,
        string_bytes: usize::MAX,
        diagnostics: 0,
    })
}

impl SpanLookup for Spans {
    fn spans(&self, rows: &RowSet, each: &mut dyn FnMut(u32, SpanRef<'_>)) -> Result<(), IndexError> {
        let mut rows = rows.iter().peekable();
        while let Some(row) = rows.next() {
            let (number, start) = self.batch_of(row)?;
            let batch = self.batch(number)?;
            let mut row = Some(row);
            while let Some(here) = row {
                let span = batch.span((here - start) as usize).ok_or(IndexFileError::Damaged)?;
                each(here, span);
                row = rows.next_if(|row| ((row - start) as usize) < batch.len());
            }
        }
        Ok(())
    }
}
