//! Indexes with their spans, in memory and in files.
//!
//! A file holds the index and says where the spans are: in the files that were indexed, by offset, or in itself. Opening one
//! reads its directory and looks whether the files are what they were; columns are read when a query asks for them, and spans
//! when they are to be shown or the index alone cannot tell.

mod bytes;
mod container;
mod error;
mod place;
mod source_file;

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use spanwise::index::{Index, IndexError, Order, Query, RowSet, Sections};
use spanwise::{DecodeOptions, SpanBatch};

use crate::atomic::AtomicFile;
use crate::source::Source;
use bytes::{Reader, put, put_bytes};
use container::{Container, ContainerWriter, Extent, are_apart, begins_an_index};
use place::{Place, Spans};
use source_file::SourceFile;

pub(crate) use container::MAGIC;
pub use error::IndexFileError;
pub use place::{BatchRows, BlockPlace};

/// An index, and where its spans are.
///
/// ```
/// use spanwise::index::{Order, Query};
/// use spanwise_io::SpanIndex;
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"tool"}]}]}]}"#;
/// let mut index = SpanIndex::default();
/// index.add(spanwise::decode(&body[..])?)?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("traces.idx");
/// index.save(&path)?;
///
/// let index = SpanIndex::open(&path)?;
/// let found = index.run(&Query::parse(r#"{ name = "tool" }"#)?)?;
/// assert_eq!(index.first(&found, Order::Latest, 10)?, [1]);
/// let (number, first) = index.batch_of(1)?;
/// let batch = index.batch(number)?;
/// assert_eq!(batch.span((1 - first) as usize).unwrap().name(), "tool");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct SpanIndex {
    index: Index,
    spans: Spans,
    left_out: LeftOut,
}

/// What could not be indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LeftOut {
    /// Documents that were rejected.
    pub bad_documents: u64,
    /// Spans that were, in strict mode.
    pub rejected_spans: u64,
}

/// The sections of an index in a file.
#[derive(Debug)]
struct Stored {
    container: Arc<Container>,
    extents: Vec<Extent>,
}

impl Sections for Stored {
    fn section(&self, number: u32) -> Result<Vec<u8>, IndexError> {
        let extent = self.extents.get(number as usize).ok_or(IndexError::Damaged)?;
        Ok(self.container.read(*extent)?)
    }

    fn bytes(&self, number: u32) -> Option<u64> {
        self.extents.get(number as usize).map(|extent| extent.len())
    }
}

/// What a file's directory says.
struct Directory {
    index: Vec<u8>,
    extents: Vec<Extent>,
    sources: Extent,
    places: Extent,
    left_out: LeftOut,
}

impl SpanIndex {
    /// Whether a file begins as an index file does, or ends before that could be told. Of what is no file, such as a pipe,
    /// nothing is read.
    pub fn is_index(path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        if !path.is_file() {
            return false;
        }
        let mut head = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
        read.is_ok() && begins_an_index(&head)
    }

    /// Opens an index file. What it reads is the directory, where each block of spans is, and the list of sources, whose size
    /// and time it looks at. A source whose time alone has changed is read and compared.
    ///
    /// # Errors
    /// The file is no index, or is damaged, or a source is not there or not what it was.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, IndexFileError> {
        Self::open_path(path.as_ref())
    }

    fn open_path(path: &Path) -> Result<Self, IndexFileError> {
        let (container, directory) = Container::open(File::open(path)?)?;
        let container = Arc::new(container);
        let directory = Directory::of_stored(&directory).ok_or(IndexFileError::Damaged)?;
        let path = path.canonicalize()?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        let sources =
            sources_of(&container.read(directory.sources)?, folder).ok_or(IndexFileError::Damaged)?;
        let mut spans = Spans::stored(sources, Arc::clone(&container), directory.places);
        let mut other_times = Vec::new();
        for (number, source) in (0..).zip(&spans.sources) {
            if !source.looks_the_same()? {
                other_times.push(number);
            }
        }
        spans.compare(&other_times)?;
        for number in other_times {
            if let Some(source) = spans.sources.get_mut(number as usize).and_then(Arc::get_mut) {
                source.accept()?;
            }
        }
        let blocks = directory.extents.len();
        let sections = Arc::new(Stored { container, extents: directory.extents });
        let index = Index::open(&directory.index, sections)?;
        if spans.places()?.spans() != index.len() || index.sections().count() != blocks {
            return Err(IndexFileError::Damaged);
        }
        Ok(Self { index, spans, left_out: directory.left_out })
    }

    /// Adds spans that are in memory. They are kept, and so shared with whoever has them in an [`Arc`] (an [`Index`] alone keeps none,
    /// and only reads the batch). In a file they are kept whole, as canonical JSON.
    ///
    /// # Errors
    /// There would be too many rows, or the index is of a file that cannot be read any more.
    pub fn add(&mut self, batch: impl Into<Arc<SpanBatch>>) -> Result<(), IndexFileError> {
        let batch = batch.into();
        self.spans.places()?;
        self.index.add(&batch)?;
        self.leave_out(&batch);
        let spans = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.spans.places_mut()?.push(Place::Held(batch), spans);
        Ok(())
    }

    /// Makes known a file whose blocks are added next, and gives its number. Blocks are decoded with `decode`.
    ///
    /// # Errors
    /// It cannot be read, or is no file, so that it could not be read again.
    pub fn add_source(&mut self, source: &Source, decode: DecodeOptions) -> Result<u32, IndexFileError> {
        let source = SourceFile::of(source, decode)?;
        let number = u32::try_from(self.spans.sources.len()).map_err(|_| IndexFileError::TooManyRows)?;
        self.spans.sources.push(Arc::new(source));
        Ok(number)
    }

    /// Adds a block of a source, decoded. The spans are not kept: they are read again when they are wanted.
    ///
    /// # Errors
    /// As [`Self::add`], and [`Self::add_source`] gave no such number.
    pub fn add_block(
        &mut self,
        source: u32,
        place: BlockPlace,
        batch: &SpanBatch,
    ) -> Result<(), IndexFileError> {
        if source as usize >= self.spans.sources.len() {
            return Err(IndexFileError::NoSource(source));
        }
        self.spans.places()?;
        self.index.add(batch)?;
        self.leave_out(batch);
        let spans = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.spans.places_mut()?.push(Place::Source(source, place), spans);
        Ok(())
    }

    fn leave_out(&mut self, batch: &SpanBatch) {
        self.left_out.bad_documents += batch.bad_documents();
        self.left_out.rejected_spans += batch.rejected_spans();
    }

    /// Adds the rows of another index after these.
    ///
    /// # Errors
    /// There would be too many rows or sources, or one of the two is of a file that cannot be read any more, or is damaged.
    /// Nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), IndexFileError> {
        let (before, more) = (self.spans.sources.len(), other.spans.sources.len());
        u32::try_from(before + more).map_err(|_| IndexFileError::TooManyRows)?;
        let before = u32::try_from(before).map_err(|_| IndexFileError::TooManyRows)?;
        let theirs = other.spans.places()?;
        self.spans.places()?;
        self.index.merge(&other.index)?;
        let ours = self.spans.places_mut()?;
        for (place, spans) in theirs.iter() {
            let place = match place {
                Place::Source(source, place) => Place::Source(source + before, place.clone()),
                place => place.clone(),
            };
            ours.push(place, spans);
        }
        self.spans.sources.extend(other.spans.sources.iter().cloned());
        self.left_out.bad_documents += other.left_out.bad_documents;
        self.left_out.rejected_spans += other.left_out.rejected_spans;
        Ok(())
    }

    /// The index itself: facets, sizes.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What could not be indexed.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The rows that a query picks.
    ///
    /// # Errors
    /// The file, or a source that had to be looked at, cannot be read or is not what it was.
    pub fn run(&self, query: &Query) -> Result<RowSet, IndexFileError> {
        Ok(self.index.run(query, &self.spans)?)
    }

    /// The first `limit` of these rows in an order.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn first(&self, rows: &RowSet, order: Order, limit: usize) -> Result<Vec<u32>, IndexFileError> {
        Ok(self.index.first(rows, order, limit)?)
    }

    /// How many batches its spans are in.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn batches(&self) -> Result<usize, IndexFileError> {
        self.spans.batches()
    }

    /// The number of the batch that a row is in, and the row that this begins with.
    ///
    /// # Errors
    /// There is no such row, or the file cannot be read or is damaged.
    pub fn batch_of(&self, row: u32) -> Result<(usize, u32), IndexFileError> {
        self.spans.batch_of(row)
    }

    /// Rows by batch, in the order of the batches: who asks for the batches so reads each once, and what is compressed from its
    /// beginning to its end, whatever order the rows are in: a [`RowSet`], or a list as [`first`](Self::first) gives it, whose order
    /// [`BatchRows::spans`] keeps. Costs sorting the rows, and 32 bytes of memory for each.
    ///
    /// ```
    /// # let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"tool"}]}]}]}"#;
    /// # let mut index = spanwise_io::SpanIndex::default();
    /// index.add(spanwise::decode(&body[..])?)?;
    /// index.add(spanwise::decode(&body[..])?)?;
    /// let rows = [3, 0, 2];
    /// let mut names = vec![String::new(); rows.len()];
    /// for rows in index.by_batch(rows)? {
    ///     let batch = index.batch(rows.number)?;
    ///     for (span, place) in rows.spans {
    ///         names[place] = batch.span(span as usize).unwrap().name().into_owned();
    ///     }
    /// }
    /// assert_eq!(names, ["tool", "chat", "chat"]);
    ///
    /// let all = index.run(&spanwise::index::Query::parse("{ }")?)?;
    /// assert_eq!(index.by_batch(&all)?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is no such row; or the file cannot be read or is damaged.
    pub fn by_batch(&self, rows: impl IntoIterator<Item = u32>) -> Result<Vec<BatchRows>, IndexFileError> {
        self.spans.by_batch(rows.into_iter().zip(0..).collect())
    }

    /// The spans of a batch, read and decoded unless they are in memory. Of a compressed source, all before it is decompressed
    /// again unless it comes after what was read last.
    ///
    /// # Errors
    /// There is no such batch, or the source is not what it was, or cannot be read.
    pub fn batch(&self, number: usize) -> Result<Arc<SpanBatch>, IndexFileError> {
        self.spans.batch(number)
    }

    /// Writes the index to a file, which is there whole or as it was before. Returns the bytes of it. What is no file, such as
    /// a pipe or a device, is written as it is.
    ///
    /// # Errors
    /// A source has changed meanwhile; or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<u64, IndexFileError> {
        self.save_path(path.as_ref())
    }

    fn save_path(&self, path: &Path) -> Result<u64, IndexFileError> {
        for source in &self.spans.sources {
            source.check_unchanged()?;
        }
        let out = AtomicFile::create(path)?;
        let folder = out.folder().canonicalize().ok();
        let mut file = ContainerWriter::new(BufWriter::new(out))?;
        let mut extents = Vec::new();
        let index = self.index.store(&mut |section| {
            extents.push(file.put(section).map_err(IndexFileError::Io)?);
            Ok(())
        })?;
        let mut sources = Vec::new();
        put(&mut sources, self.spans.sources.len() as u64);
        for source in &self.spans.sources {
            source.put(folder.as_deref(), &mut sources)?;
        }
        let places = self.spans.places()?.put(&mut |place| match place {
            Place::Held(batch) => Ok(file.put(&spanwise::encode(batch))?),
            Place::Embedded(container, extent) => file.copy(container, *extent),
            Place::Source(..) => Ok(Extent::default()),
        })?;
        let (sources, places) = (file.put(&sources)?, file.put(&places)?);
        let directory = Directory { index, extents, sources, places, left_out: self.left_out };
        let out = file.finish(&directory.stored())?;
        let mut out = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        out.flush()?;
        let bytes = out.written();
        out.commit()?;
        Ok(bytes)
    }
}

impl Directory {
    fn stored(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, &self.index);
        put(&mut out, self.extents.len() as u64);
        for extent in self.extents.iter().chain([&self.sources, &self.places]) {
            extent.put(&mut out);
        }
        put(&mut out, self.left_out.bad_documents);
        put(&mut out, self.left_out.rejected_spans);
        out
    }

    fn of_stored(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let index = reader.bytes()?.to_vec();
        let mut extents = Vec::new();
        for _ in 0..reader.number()? {
            extents.push(Extent::read(&mut reader)?);
        }
        let (sources, places) = (Extent::read(&mut reader)?, Extent::read(&mut reader)?);
        let left_out = LeftOut { bad_documents: reader.number()?, rejected_spans: reader.number()? };
        let is_good = reader.is_at_end() && are_apart(extents.iter().copied().chain([sources, places]));
        is_good.then_some(Self { index, extents, sources, places, left_out })
    }
}

fn sources_of(bytes: &[u8], folder: &Path) -> Option<Vec<Arc<SourceFile>>> {
    let mut reader = Reader::new(bytes);
    let mut sources = Vec::new();
    for _ in 0..reader.number()? {
        sources.push(Arc::new(SourceFile::of_stored(&mut reader, folder)?));
    }
    reader.is_at_end().then_some(sources)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::place::Places;
    use super::*;

    #[test]
    fn rows_that_nothing_bears_out_are_damage_whatever_says_them() {
        let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"tool"}]}]}]}"#;
        let mut index = SpanIndex::default();
        index.add(Arc::new(spanwise::decode(&body[..]).unwrap())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traces.idx");
        index.save(&path).unwrap();
        let (container, directory) = Container::open(File::open(&path).unwrap()).unwrap();
        let path = folder.path().join("other.idx");
        let written = |rows: &[u8], spans: u8| {
            let mut file = ContainerWriter::new(File::create(&path).unwrap()).unwrap();
            let mut directory = Directory::of_stored(&directory).unwrap();
            // The number of the format comes first, and the number of rows is the second.
            directory.index.splice(1..2, rows.iter().copied());
            let mut places = container.read(directory.places).unwrap();
            // The number of batches comes first, and the spans of the only one are the second.
            *places.get_mut(8).unwrap() = spans;
            for extent in directory.extents.iter_mut().chain([&mut directory.sources]) {
                *extent = file.copy(&container, *extent).unwrap();
            }
            directory.places = file.put(&places).unwrap();
            file.finish(&directory.stored()).unwrap();
            SpanIndex::open(&path)
        };
        assert_eq!(written(&[2], 2).unwrap().index().len(), 2);
        for (rows, spans) in [(&[3][..], 2), (&[2], 3), (&[0xfe, 0xff, 0xff, 0xff, 0x0f], 2), (&[120], 120)] {
            assert!(matches!(written(rows, spans), Err(IndexFileError::Damaged)), "{rows:?} {spans}");
        }
    }

    #[test]
    fn blocks_that_share_bytes_or_are_too_many_are_damage() {
        type Change<'a> = &'a dyn Fn(&mut Directory, &mut Vec<u8>);
        let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"tool"}]}]}]}"#;
        let mut index = SpanIndex::default();
        for _ in 0..2 {
            index.add(Arc::new(spanwise::decode(&body[..]).unwrap())).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traces.idx");
        index.save(&path).unwrap();
        let (container, directory) = Container::open(File::open(&path).unwrap()).unwrap();
        let container = Arc::new(container);
        let path = folder.path().join("other.idx");
        let written = |change: Change<'_>| {
            let mut file = ContainerWriter::new(File::create(&path).unwrap()).unwrap();
            let mut directory = Directory::of_stored(&directory).unwrap();
            for extent in directory.extents.iter_mut().chain([&mut directory.sources]) {
                *extent = file.copy(&container, *extent).unwrap();
            }
            let places =
                Places::of_stored(&container.read(directory.places).unwrap(), &container, 0).unwrap();
            let mut places = places
                .put(&mut |place| match place {
                    Place::Embedded(container, extent) => file.copy(container, *extent),
                    _ => Ok(Extent::default()),
                })
                .unwrap();
            change(&mut directory, &mut places);
            directory.places = file.put(&places).unwrap();
            file.finish(&directory.stored()).unwrap();
            SpanIndex::open(&path)
        };
        assert_eq!(written(&|_, _| ()).unwrap().index().len(), 4);
        // Of the two batches: spans, that they are in the file, and where.
        let place = 16 + 28;
        let changes: [(&str, Change<'_>); 5] = [
            ("one block for two columns", &|directory, _| {
                let last = directory.extents.pop().unwrap();
                *directory.extents.last_mut().unwrap() = last;
                directory.extents.push(last);
            }),
            ("one block for a column and the sources", &|directory, _| {
                directory.sources = *directory.extents.first().unwrap();
            }),
            ("a block of no field", &|directory, _| directory.extents.push(Extent::default())),
            ("a field without a block", &|directory, _| directory.extents.truncate(3)),
            ("one block for two batches", &|_, places| places.copy_within(8..8 + place, 8 + place)),
        ];
        for (what, change) in changes {
            assert!(matches!(written(change), Err(IndexFileError::Damaged)), "{what}");
        }
    }
}
