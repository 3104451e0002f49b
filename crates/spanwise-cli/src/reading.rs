//! The sources of a command, read block by block on several threads.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use spanwise::frame::Block;
use spanwise::llm::Requests;
use spanwise::{DecodeOptions, Decoder, SpanBatch};
use spanwise_io::{
    FileId, FileLooks, FirstReading, Foreign, Kept, Piece, ReadError, ReadErrorKind, ReadSettings, Scan,
    Source, SpanIndex, Unreadable, expand,
};

use crate::arguments;
use crate::output::{is_same_file, is_stdout};
use crate::progress::Progress;
use crate::table::{grouped, visible};

/// How often progress is drawn while no block is ready.
const PULSE: Duration = Duration::from_millis(100);

/// What a command was told to read, in the order in which it was told.
pub(crate) struct Reading {
    /// Of each input its name, and why it cannot be read if that is known already.
    inputs: Vec<(String, Option<String>)>,
    sources: Vec<Source>,
    /// Of each source its index among the inputs.
    places: Vec<usize>,
    settings: ReadSettings,
    threads: usize,
    noticed: Shared,
    /// What progress is shown with: which reading it is, of several.
    stage: &'static str,
}

type Shared = Arc<Mutex<Noticed>>;

/// What is told of inputs although it is no error by itself.
#[derive(Default)]
struct Noticed {
    /// Of inputs that are no JSON, what they look like.
    looks: BTreeMap<usize, Foreign>,
    /// Documents with nothing of traces in them.
    without_traces: u64,
    /// The input that the first of them is in.
    first_without: Option<usize>,
}

impl Noticed {
    /// `None` where there is nothing to tell.
    fn of_documents(&self, inputs: &[(String, Option<String>)]) -> Option<String> {
        let what = match self.without_traces {
            0 => return None,
            1 => "document that holds no traces, in",
            _ => "documents that hold no traces, the first in",
        };
        let (name, _) = self.first_without.and_then(|input| inputs.get(input))?;
        Some(format!("{} {what} {}", grouped(self.without_traces), visible(name)))
    }
}

/// Which of the sources that share a block, a line each, has the first of these documents.
fn first_without(batch: &SpanBatch) -> usize {
    batch.documents().iter().position(|document| document.foreign).unwrap_or_default()
}

/// What can be read in one go.
pub(crate) enum Portion {
    /// An index, and the number of the input.
    Index(usize, PathBuf),
    /// Sources that follow each other.
    Sources(Reading),
}

/// Of each input its name, and what is wrong with it.
pub(crate) struct Inputs {
    all: Vec<(String, Option<String>)>,
    noticed: Shared,
}

impl Inputs {
    pub(crate) fn name(&self, input: usize) -> &str {
        self.all.get(input).map_or("", |(name, _)| name)
    }

    /// What is wrong with an input.
    pub(crate) fn wrong(&self, input: usize) -> Option<&str> {
        self.all.get(input).and_then(|(_, wrong)| wrong.as_deref())
    }

    /// Whether something is wrong with one of them.
    pub(crate) fn any_wrong(&self) -> bool {
        self.all.iter().any(|(_, wrong)| wrong.is_some())
    }

    /// Says what is wrong with an input; of several things the first that is said counts.
    pub(crate) fn fault(&mut self, input: usize, message: String) {
        if let Some((_, wrong)) = self.all.get_mut(input) {
            wrong.get_or_insert(message);
        }
    }

    /// Says what is wrong, and which documents hold no traces; gives back what is wrong, with the number of inputs with which
    /// nothing is.
    pub(crate) fn tell(self, errors: &mut dyn Write) -> io::Result<(u64, Vec<Unreadable>)> {
        let documents = self.noticed().of_documents(&self.all);
        let told = self.tell_faults(errors)?;
        if let Some(message) = documents {
            writeln!(errors, "spanwise: {message}")?;
        }
        Ok(told)
    }

    /// The same without the documents, for a command to which these are findings.
    pub(crate) fn tell_faults(self, errors: &mut dyn Write) -> io::Result<(u64, Vec<Unreadable>)> {
        let (mut fine, mut unreadable) = (0, Vec::new());
        let looks = std::mem::take(&mut self.noticed().looks);
        for (input, (name, message)) in self.all.into_iter().enumerate() {
            if let Some(foreign) = looks.get(&input) {
                writeln!(errors, "spanwise: {}: {foreign}", visible(&name))?;
            }
            let Some(message) = message else {
                fine += 1;
                continue;
            };
            writeln!(errors, "spanwise: {}: {}", visible(&name), visible(&message))?;
            unreadable.push(Unreadable::new(name, message));
        }
        Ok((fine, unreadable))
    }

    fn noticed(&self) -> MutexGuard<'_, Noticed> {
        self.noticed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an input was not read to its end.
pub(crate) struct Stopped {
    pub(crate) message: String,
    /// What was given before is not what the input says: its resource or scope came too late, or a fault behind it makes
    /// the whole document a bad one.
    pub(crate) contradicts: bool,
    /// And it is the fault: the document is bad.
    pub(crate) bad: bool,
}

impl From<ReadError> for Stopped {
    fn from(error: ReadError) -> Self {
        let (contradicts, bad) = match error.kind() {
            ReadErrorKind::Contradiction(found) => (true, found.fault),
            _ => (false, false),
        };
        Self { message: error.to_string(), contradicts, bad }
    }
}

impl From<String> for Stopped {
    fn from(message: String) -> Self {
        Self { message, contradicts: false, bad: false }
    }
}

/// Batches that were read, to be filled again.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Vec<SpanBatch>>>);

impl Spare {
    fn take(&self) -> SpanBatch {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, batch: SpanBatch) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
    }
}

impl Reading {
    /// What is to be read. The file that standard output goes to is not: what is written there would be read. Where a folder or a
    /// pattern brought it, it is left out, which is said; where it was named itself it is an input that cannot be read, since a
    /// shell may have put it in the place of a pattern. So it is where there is nothing else.
    pub(crate) fn open(
        arguments: &arguments::Inputs,
        decode: DecodeOptions,
        errors: &mut dyn Write,
    ) -> io::Result<Self> {
        let settings = ReadSettings { decode, framing: arguments.framing.into(), ..ReadSettings::default() };
        let threads = arguments.threads;
        let (inputs, sources, places) = (Vec::new(), Vec::new(), Vec::new());
        let noticed = Shared::default();
        let mut reading = Self { inputs, sources, places, settings, threads, noticed, stage: "" };
        let written = FileId::of_stdout();
        let is_written = |source: &Source| written.is_some() && FileId::of_source(source) == written;
        let mut left_out = None;
        for source in expand(&arguments.sources) {
            match source {
                Ok(source) if is_written(&source) => {
                    if is_found(&source, &arguments.sources) {
                        let name = source.name();
                        let visible = visible(&name);
                        writeln!(
                            errors,
                            "spanwise: {visible}: left out, since standard output goes to this file"
                        )?;
                        left_out = Some(name);
                    } else {
                        let why = "not read, since standard output goes to this file".to_owned();
                        reading.inputs.push((source.name(), Some(why)));
                    }
                }
                Ok(source) => {
                    reading.places.push(reading.inputs.len());
                    reading.inputs.push((source.name(), None));
                    reading.sources.push(source);
                }
                Err(Unreadable { name, message, .. }) => reading.inputs.push((name, Some(message))),
            }
        }
        if let Some(name) = left_out.filter(|_| reading.inputs.is_empty()) {
            reading.inputs.push((name, Some("there is no other file to read".to_owned())));
        }
        Ok(reading)
    }

    /// The names of the inputs, each with why it cannot be read if that is known already.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.inputs.iter().map(|(name, message)| (name.as_str(), message.as_deref()))
    }

    /// The same, to add to.
    pub(crate) fn ledger(&self) -> Inputs {
        Inputs { all: self.inputs.clone(), noticed: Arc::clone(&self.noticed) }
    }

    /// The sources with the numbers of their inputs.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (usize, &Source)> {
        self.places.iter().copied().zip(&self.sources)
    }

    /// The options that it is decoded with.
    pub(crate) fn decode(&self) -> DecodeOptions {
        self.settings.decode
    }

    /// The same apart: indexes, and what lies between them.
    pub(crate) fn portions(self) -> Vec<Portion> {
        let mut portions = Vec::new();
        for (place, source) in self.places.into_iter().zip(self.sources) {
            match source {
                Source::File(path) if SpanIndex::is_index(&path) => {
                    portions.push(Portion::Index(place, path));
                }
                source => {
                    if !matches!(portions.last(), Some(Portion::Sources(_))) {
                        portions.push(Portion::Sources(Self {
                            inputs: self.inputs.clone(),
                            sources: Vec::new(),
                            places: Vec::new(),
                            settings: self.settings.clone(),
                            threads: self.threads,
                            noticed: Arc::clone(&self.noticed),
                            stage: self.stage,
                        }));
                    }
                    if let Some(Portion::Sources(reading)) = portions.last_mut() {
                        reading.places.push(place);
                        reading.sources.push(source);
                    }
                }
            }
        }
        portions
    }

    /// How the files look that are to be read.
    pub(crate) fn file_looks(&self) -> FileLooks {
        FileLooks::of(&self.sources)
    }

    /// Two of it, one after the other: what can be read only once is kept for the second.
    ///
    /// # Errors
    /// There is no room to keep the source of this name.
    pub(crate) fn twice(mut self) -> Result<[Self; 2], (String, io::Error)> {
        let mut again = Vec::new();
        for source in &mut self.sources {
            let second = if let Some(second) = source.again() {
                second
            } else {
                let name = source.name();
                let once = std::mem::replace(source, Source::Bytes(Vec::new().into()));
                let kept = keep(once).map_err(|error| (name, error))?;
                *source = kept.source();
                kept.source()
            };
            again.push(second);
        }
        let second = Self {
            inputs: self.inputs.clone(),
            sources: again,
            places: self.places.clone(),
            settings: ReadSettings { bytes_read: Arc::default(), ..self.settings.clone() },
            threads: self.threads,
            noticed: Arc::clone(&self.noticed),
            stage: "2 of 2 ",
        };
        self.stage = "1 of 2 ";
        Ok([self, second])
    }

    /// The spans of all that can be read, noted in their order. Says nothing of what cannot.
    pub(crate) fn requests(self) -> Requests {
        let total = self.sources.iter().map(Source::length).sum();
        let (read, spans) = (Arc::clone(&self.settings.bytes_read), Arc::new(AtomicU64::new(0)));
        let mut progress = Progress::new(self.stage, total, read, Arc::clone(&spans));
        let mut reading = FirstReading::new(self.sources, self.settings, self.threads);
        while reading.poll(PULSE).is_pending() {
            spans.store(reading.spans() as u64, Ordering::Relaxed);
            progress.draw();
        }
        reading.finish()
    }

    /// Whether `path` is one of the sources, by whatever name or descriptor. Standard output is none: its file is not read.
    pub(crate) fn reads(&self, path: &Path) -> bool {
        if is_stdout(path) {
            return false;
        }
        let there = FileId::of(path);
        self.sources.iter().any(|source| match (there, source) {
            (Some(_), source) => FileId::of_source(source) == there,
            (None, Source::File(file)) => is_same_file(file, path),
            (None, _) => false,
        })
    }

    /// Does the work that `worker` makes on every block, on several threads, and calls `each` with the number of the input
    /// and what came of the work, in the order of the blocks. Small inputs may share a block, then the number is that of the
    /// first of them; there is nothing but warnings to say of them. After an error of an input, what was good before it has been
    /// given; an error of `each` stops everything.
    pub(crate) fn scan<T, W, E>(
        self,
        worker: impl Fn() -> W,
        each: impl FnMut(usize, Result<T, Stopped>) -> Result<(), E>,
    ) -> Result<(), E>
    where
        T: Send + 'static,
        W: FnMut(&mut SpanBatch) -> T + Send + 'static,
    {
        let worker = || {
            let mut work = worker();
            move |(), batch: &mut SpanBatch| work(batch)
        };
        self.scan_blocks(true, |_| (), worker, each)
    }

    /// The same with what `of` makes of the block before it is decoded.
    fn scan_blocks<P, T, W, E>(
        self,
        joins: bool,
        of: impl Fn(&Block) -> P + Copy + Send + 'static,
        worker: impl Fn() -> W,
        mut each: impl FnMut(usize, Result<T, Stopped>) -> Result<(), E>,
    ) -> Result<(), E>
    where
        T: Send + 'static,
        W: FnMut(P, &mut SpanBatch) -> T + Send + 'static,
    {
        let options = self.settings.decode;
        let spans = Arc::new(AtomicU64::new(0));
        let total = self.sources.iter().map(Source::length).sum();
        let read = Arc::clone(&self.settings.bytes_read);
        let mut progress = Progress::new(self.stage, total, read, Arc::clone(&spans));
        let worker = || {
            let (mut work, spans) = (worker(), Arc::clone(&spans));
            let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
            move |Piece { source, sources, block, .. }| {
                if sources > 1 && !joins {
                    return None;
                }
                let block = match block {
                    Ok(block) => block,
                    Err(error) => return Some((source, Err(Stopped::from(error)), None, None)),
                };
                let foreign = if block.range().start == 0 { Foreign::of(block.own()) } else { None };
                let made = of(&block);
                let read = decoder.decode_framed(block, &mut batch);
                if sources > 1 && !(read.is_ok() && Piece::is_sum_of(sources, &batch)) {
                    return None;
                }
                let foreign = foreign.filter(|_| read.is_err() || batch.bad_documents() > 0);
                let without = Some(batch.foreign_documents())
                    .filter(|count| *count > 0)
                    .map(|count| (count, if sources > 1 { source + first_without(&batch) } else { source }));
                spans.fetch_add(batch.len() as u64, Ordering::Relaxed);
                let result = read
                    .map(|()| work(made, &mut batch))
                    .map_err(|error| Stopped::from(error.diagnostic().message().to_owned()));
                Some((source, result, foreign, without))
            }
        };
        let mut scan = Scan::joining(self.sources, self.settings, self.threads, worker);
        loop {
            let polled = scan.poll(PULSE);
            progress.draw();
            match polled {
                Poll::Pending => {}
                Poll::Ready(None) => return Ok(()),
                Poll::Ready(Some((source, result, foreign, without))) => {
                    let input_of = |source: usize| self.places.get(source).copied().unwrap_or(source);
                    let input = input_of(source);
                    if foreign.is_some() || without.is_some() {
                        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
                        noticed.looks.extend(foreign.map(|foreign| (input, foreign)));
                        if let Some((count, source)) = without {
                            noticed.without_traces += count;
                            noticed.first_without.get_or_insert(input_of(source));
                        }
                    }
                    each(input, result)?;
                }
            }
        }
    }

    /// The same with the batches themselves.
    pub(crate) fn read<E>(
        self,
        mut each: impl FnMut(usize, Result<&SpanBatch, Stopped>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_blocks(|_| (), |input, result| each(input, result.map(|((), batch)| &*batch)))
    }

    /// The same with what `of` makes of the block, on the thread that decodes it.
    pub(crate) fn read_blocks<T: Send + 'static, E>(
        self,
        of: impl Fn(&Block) -> T + Copy + Send + 'static,
        mut each: impl FnMut(usize, Result<(T, &mut SpanBatch), Stopped>) -> Result<(), E>,
    ) -> Result<(), E> {
        let spare = Spare::default();
        let worker = || {
            let spare = spare.clone();
            move |made: T, batch: &mut SpanBatch| (made, std::mem::replace(batch, spare.take()))
        };
        self.scan_blocks(false, of, worker, |input, result| match result {
            Ok((made, mut batch)) => {
                each(input, Ok((made, &mut batch)))?;
                spare.give(batch);
                Ok(())
            }
            Err(stopped) => each(input, Err(stopped)),
        })
    }
}

/// Whether a folder or a pattern brought it.
fn is_found(source: &Source, named: &[OsString]) -> bool {
    matches!(source, Source::File(path) if named.iter().all(|named| named != path.as_os_str()))
}

/// Keeps what can be read only once, and shows how far it is.
fn keep(source: Source) -> io::Result<Kept> {
    let read = Arc::new(AtomicU64::new(0));
    let mut progress = Progress::new("to read twice: ", None, Arc::clone(&read), Arc::default());
    Kept::of(source, |bytes| {
        read.fetch_add(bytes, Ordering::Relaxed);
        progress.draw();
    })
}
