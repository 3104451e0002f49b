//! A run through sources: decoded, and converted, on several threads, while this one keeps an eye on signals.

use std::ffi::CString;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use pyo3::exceptions::{PyException, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use spanwise::frame::BlockSizes;
use spanwise::redact::{RedactError, Redactor};
use spanwise::{DecodeOptions, Decoder, Framing, Mode};
use spanwise_arrow::{ConvertError, Converter, Telling};
use spanwise_io::{Foreign, Piece, ReadError, ReadErrorKind, ReadSettings, Scan, Unreadable};

use crate::diagnostic::Diagnostic;
use crate::errors::{SpanwiseWarning, convert_error, decode_error, io_error, shown};
use crate::redact::{Done, Loaded};
use crate::report::{Redacted, Report};
use crate::source::{Expanded, Source};
use crate::twice::{First, Told};
use crate::watch::{Held, Watch};

/// How often signals are looked for, and progress is told.
const PULSE: Duration = Duration::from_millis(100);

/// Up to this many bytes, threads cost more than they bring.
const SMALL: u64 = 2 << 20;

/// What stops a run.
enum Stop {
    /// A source, by its number, cannot be read, or not to its end.
    Source(usize, ReadError),
    Rejected(Box<Diagnostic>),
    Convert(ConvertError),
    Redact(RedactError),
}

/// How to run.
#[derive(Clone)]
pub(crate) struct RunOptions {
    pub(crate) mode: Mode,
    pub(crate) framing: Framing,
    /// Raise at the first bad document.
    pub(crate) raises: bool,
    /// 0: as many as the machine has.
    pub(crate) threads: usize,
    /// Bytes of a block; none: the default.
    pub(crate) block: Option<usize>,
    /// Batches are handed out as they are, findings and all.
    pub(crate) shows: bool,
    /// What batches are redacted by before anybody sees them.
    pub(crate) policy: Option<Loaded>,
}

/// What comes of a block.
#[derive(Default)]
pub(crate) struct Part {
    /// Of a run with a converter; none for a block without spans.
    pub(crate) rows: Option<RecordBatch>,
    /// Of a run without.
    pub(crate) batch: Option<spanwise::SpanBatch>,
    /// What the batch was before it was redacted, of a run that does not hand it out.
    pub(crate) unredacted: Option<spanwise::SpanBatch>,
    pub(crate) report: Report,
    /// What a source looks like that is no JSON, with its number.
    look: Option<(usize, Look)>,
}

/// What a source is instead of JSON.
#[derive(Clone, Copy)]
enum Look {
    Foreign(Foreign),
    /// It is bytes, and the name of a file.
    Path,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(foreign) => foreign.fmt(f),
            Self::Path => f.write_str(
                "this looks like the name of a file: pass it as a str, os.fsdecode(path), or as a Path",
            ),
        }
    }
}

/// Tells a callable how far a run is.
struct Progress {
    callback: Held,
    read: Arc<AtomicU64>,
    total: Option<u64>,
    told: Instant,
}

impl Progress {
    fn tell(&mut self, py: Python<'_>, spans: u64, done: bool) -> PyResult<()> {
        if done || self.told.elapsed() >= PULSE {
            self.told = Instant::now();
            self.callback.call1(py, (self.read.load(Ordering::Relaxed), self.total, spans, done))?;
        }
        Ok(())
    }

    /// Nothing more is told. A bar that cannot be closed changes nothing about the run, which may have an error of its own; what
    /// is to end the program, an interrupt above all, is no error of the bar.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.callback.call_method0(py, "close") {
            Err(error) if !error.is_instance_of::<PyException>(py) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

type Parts = Scan<Result<Part, Stop>>;

/// How the reading begins that comes after the first.
type Start = Box<dyn FnOnce() -> Parts + Send>;

/// A run through sources.
pub(crate) struct Run {
    /// The reading that comes first, and how the other begins.
    first: Option<(Box<First>, Start)>,
    /// None before it begins, and once it has ended.
    scan: Option<Parts>,
    /// What the first reading told.
    told: Option<Told>,
    /// The process that its threads belong to.
    process: u32,
    names: Vec<String>,
    /// Which sources were found in a directory or by a pattern, and not named.
    found: Vec<bool>,
    raises: bool,
    progress: Option<Progress>,
    watch: Arc<Watch>,
    /// What could not be read, or not to its end; the report has it in words.
    unreadable: Vec<Unreadable>,
    /// Sources that were read to their end, once all are.
    whole: u64,
}

/// What becomes of a block, on whatever thread.
struct Worker {
    decoder: Decoder,
    batch: spanwise::SpanBatch,
    redactor: Option<(Redactor, Done)>,
    converter: Option<Converter>,
    keep: bool,
    shows: bool,
    raises: bool,
    /// Sources that are bytes and look like a path, in their order.
    paths: Arc<[usize]>,
}

impl Worker {
    /// `None`: each of the sources of the piece is to come alone.
    fn work(&mut self, piece: Piece) -> Option<Result<Part, Stop>> {
        let Piece { source, sources, block, .. } = piece;
        let block = match block {
            Ok(block) => block,
            Err(error) => return Some(Err(Stop::Source(source, error))),
        };
        let look = (block.range().start == 0).then(|| self.look(source, block.own())).flatten();
        let decoded = self.decoder.decode_framed(block, &mut self.batch);
        if sources > 1 {
            // Whoever looks at the batch is to find in it what was found in a file.
            let shown = self.shows && self.batch.warning_count() > 0;
            if decoded.is_err() || shown || !Piece::is_sum_of(sources, &self.batch) {
                return None;
            }
        }
        if let Err(error) = decoded {
            return Some(Err(Stop::Rejected(Box::new(Diagnostic::of(error.diagnostic(), source)))));
        }
        let look = look.filter(|_| self.batch.bad_documents() > 0);
        Some(self.part(source, sources, look))
    }

    fn look(&self, source: usize, start: &[u8]) -> Option<Look> {
        let foreign = Foreign::of(start).map(Look::Foreign);
        foreign.or_else(|| self.paths.binary_search(&source).is_ok().then_some(Look::Path))
    }

    /// What comes of the batch of these sources.
    fn part(&mut self, source: usize, sources: usize, look: Option<Look>) -> Result<Part, Stop> {
        let batch = &mut self.batch;
        if self.raises
            && let Some(found) = batch.rejection()
        {
            return Err(Stop::Rejected(Box::new(Diagnostic::of(&found, source).looking(look))));
        }
        let mut part = Part { look: look.map(|look| (source, look)), ..Part::default() };
        part.report.add(batch, |found| match sources {
            1 => Diagnostic::of(&found, source),
            _ => Diagnostic::of_line(found, source),
        });
        if let Some((redactor, none)) = &mut self.redactor {
            let redacted = redactor.redact(batch).map_err(Stop::Redact)?;
            let unredacted = std::mem::replace(batch, redacted.batch);
            part.unredacted = (self.keep && !self.shows).then_some(unredacted);
            let mut done = none.clone();
            done.add(&redacted.report);
            part.report.redaction = Some(Redacted::Done(Box::new(done)));
        }
        if let Some(converter) = self.converter.as_mut().filter(|_| !batch.is_empty()) {
            part.rows = Some(converter.convert(batch).map_err(Stop::Convert)?);
            part.report.mismatched(converter);
            converter.take_mismatches();
        } else if self.keep {
            part.batch = Some(std::mem::take(batch));
        }
        Ok(part)
    }
}

impl Run {
    /// Begins to run. Without a converter the parts are batches if `keep` says so, and nothing otherwise.
    pub(crate) fn new(
        py: Python<'_>,
        given: &[Source],
        options: &RunOptions,
        converter: Option<&Converter>,
        keep: bool,
        progress: Option<Held>,
        watch: Arc<Watch>,
    ) -> PyResult<Self> {
        let raises = options.raises;
        let Expanded { files, names, found, paths, unreadable, length } = Expanded::new(py, given, raises)?;
        let mut decode = DecodeOptions::default().with_mode(options.mode);
        if let Some(converter) = converter {
            decode = decode.with_projection(converter.projection());
        }
        let sizes = options
            .block
            .map_or_else(BlockSizes::default, |block| BlockSizes { block, ..BlockSizes::default() });
        let settings = ReadSettings { decode, framing: options.framing, sizes, ..ReadSettings::default() };
        let threads = if length.is_some_and(|length| length <= SMALL) { 1 } else { options.threads };
        let read = Arc::clone(&settings.bytes_read);
        let first = converter.and_then(|converter| First::of(&files, &settings, threads, converter));
        let converter = converter.cloned();
        let of_worker =
            converter.clone().map(|own| if first.is_some() { own.telling(Telling::Later) } else { own });
        let (policy, shows, paths) = (options.policy.clone(), options.shows, Arc::<[usize]>::from(paths));
        let start = move || {
            Scan::joining(files, settings, threads, || {
                let (decoder, batch) = (Decoder::new(decode), spanwise::SpanBatch::new());
                let redactor = policy.as_ref();
                let redactor = redactor.map(|policy| (Redactor::new(policy.compiled()), Done::new(policy)));
                let converter = of_worker.clone();
                let paths = Arc::clone(&paths);
                let mut worker = Worker { decoder, batch, redactor, converter, keep, shows, raises, paths };
                move |piece| worker.work(piece)
            })
        };
        // What is read twice is told as twice as long.
        let total = if first.is_some() { length.map(|length| length.saturating_mul(2)) } else { length };
        let progress = progress.map(|callback| Progress { callback, read, total, told: Instant::now() });
        watch.note(|report| {
            report.unreadable = unreadable.iter().map(in_words).collect();
            report.redaction =
                options.policy.as_ref().map(|policy| Redacted::Done(Box::new(Done::new(policy))));
            if let Some(converter) = &converter {
                report.mismatched(converter);
            }
        });
        let process = std::process::id();
        let whole = names.len() as u64;
        let (first, scan) = match first {
            Some(first) => {
                let start: Start = Box::new(start);
                (Some((Box::new(first), start)), None)
            }
            None => (None, Some(start())),
        };
        let told = None;
        Ok(Self { first, scan, told, process, names, found, raises, progress, watch, unreadable, whole })
    }

    /// How many sources were read to their end, and which were not.
    pub(crate) fn inputs(self) -> (u64, Vec<Unreadable>) {
        let Self { ref unreadable, whole, .. } = self;
        (whole, unreadable.clone())
    }

    /// What was found so far.
    pub(crate) fn report(&self) -> Report {
        self.watch.report()
    }

    /// The next part; `None` at the end, or once it was to end. After an error there is no more.
    pub(crate) fn next(&mut self, py: Python<'_>) -> PyResult<Option<Part>> {
        if self.is_of_another_process() {
            return Err(PyRuntimeError::new_err(
                "the scan was started before this process was forked, and its threads are not here: start another",
            ));
        }
        let mut result = self.step(py);
        if matches!(result, Ok(Some(_))) {
            return result;
        }
        self.end_threads(py);
        if result.is_ok()
            && let Err(error) = self.tell(py, true)
        {
            result = Err(error);
        }
        self.stop(py)?;
        result
    }

    fn tell(&mut self, py: Python<'_>, done: bool) -> PyResult<()> {
        match &mut self.progress {
            Some(progress) => progress.tell(py, self.watch.spans(), done),
            None => Ok(()),
        }
    }

    /// A process that was forked has none of the threads that do the work.
    fn is_of_another_process(&self) -> bool {
        self.process != std::process::id()
    }

    /// Reads for the first time, if it is to, and begins the other reading.
    fn read_first(&mut self, py: Python<'_>) -> PyResult<()> {
        while let Some((first, _)) = &mut self.first {
            let polled = py.detach(|| first.poll(PULSE));
            py.check_signals()?;
            self.tell(py, false)?;
            if self.watch.is_to_end() {
                self.end_threads(py);
            } else if polled.is_ready()
                && let Some((first, start)) = self.first.take()
            {
                let (told, scan) = py.detach(|| (first.told(), start()));
                (self.told, self.scan) = (Some(told), Some(scan));
            }
        }
        Ok(())
    }

    fn step(&mut self, py: Python<'_>) -> PyResult<Option<Part>> {
        self.read_first(py)?;
        while let Some(scan) = &mut self.scan {
            let polled = py.detach(|| scan.poll(PULSE));
            py.check_signals()?;
            if self.watch.is_to_end() {
                break;
            }
            match polled {
                Poll::Pending => self.tell(py, false)?,
                Poll::Ready(None) => {
                    if let Some(told) = &self.told {
                        told.finish()?;
                    }
                    break;
                }
                Poll::Ready(Some(Ok(mut part))) => {
                    // What is counted is handed out: who is told may raise, and is told before.
                    self.tell(py, false)?;
                    part.report.name(&self.names);
                    if let Some((source, look)) = part.look {
                        let name = self.names.get(source).map_or("", String::as_str);
                        part.report.foreign_sources.push(format!("{}: {look}", shown(name)));
                    }
                    if let Some(told) = &mut self.told {
                        part.rows = part.rows.map(|rows| told.mark(rows)).transpose()?;
                    }
                    self.watch.note(|report| report.merge(&part.report));
                    return Ok(Some(part));
                }
                Poll::Ready(Some(Err(stop))) => self.stopped(py, stop)?,
            }
        }
        Ok(None)
    }

    /// Raises, or takes note of a source whose compressed data is at fault.
    fn stopped(&mut self, py: Python<'_>, stop: Stop) -> PyResult<()> {
        match stop {
            Stop::Rejected(mut diagnostic) => {
                diagnostic.name(&self.names);
                Err(decode_error(py, &diagnostic))
            }
            Stop::Convert(error) => Err(convert_error(&error)),
            Stop::Redact(error) => Err(PyValueError::new_err(error.to_string())),
            Stop::Source(number, error) => {
                let name = self.names.get(number).map_or("", String::as_str);
                let fault = Unreadable::new(name, error.to_string());
                let found = self.found.get(number).copied().unwrap_or_default();
                let bad = matches!(error.kind(), ReadErrorKind::Contradiction(found) if found.fault);
                match error.into_cause() {
                    ReadErrorKind::Io(error) if self.raises || !found => {
                        Err(io_error(py, error, Path::new(name)))
                    }
                    _ if self.raises => Err(PyOSError::new_err(in_words(&fault))),
                    _ => {
                        self.watch.note(|report| report.bad_documents += u64::from(bad));
                        self.not_whole(fault);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Takes note of a source that was not read to its end.
    fn not_whole(&mut self, fault: Unreadable) {
        self.watch.note(|report| report.unreadable.push(in_words(&fault)));
        self.unreadable.push(fault);
        self.whole = self.whole.saturating_sub(1);
    }

    /// Ends the run, and with it what shows how far it is.
    ///
    /// # Errors
    /// What is to end the program, and came up meanwhile.
    pub(crate) fn stop(&mut self, py: Python<'_>) -> PyResult<()> {
        self.end_threads(py);
        match self.progress.take() {
            Some(progress) if !self.is_of_another_process() => progress.close(py),
            Some(_) | None => Ok(()),
        }
    }

    /// Waits for its threads without the interpreter's lock: they may need it to end.
    fn end_threads(&mut self, py: Python<'_>) {
        let left = (self.first.take(), self.scan.take());
        if self.is_of_another_process() {
            // Threads that are not here never end.
            std::mem::forget(left);
        } else {
            py.detach(move || drop(left));
        }
    }
}

fn in_words(fault: &Unreadable) -> String {
    format!("{}: {}", shown(&fault.name), fault.message)
}

/// Warns, once, of what was left out. `level` is how many Python functions the caller's code is away.
pub(crate) fn warn(py: Python<'_>, report: &Report, level: i32) -> PyResult<()> {
    warn_of(py, report.warning(), level)
}

/// The same of a payload, where there is no report to look at.
pub(crate) fn warn_of_payload(py: Python<'_>, batch: &spanwise::SpanBatch) -> PyResult<()> {
    warn_of(py, Report::payload_warning(batch), 1)
}

/// The same, of the values alone that are not of their promoted column's type.
pub(crate) fn warn_of_mismatches(py: Python<'_>, report: &Report) -> PyResult<()> {
    warn_of(py, report.mismatch_warning(), 1)
}

fn warn_of(py: Python<'_>, message: Option<String>, level: i32) -> PyResult<()> {
    if let Some(message) = message {
        let message = CString::new(message).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        PyErr::warn(py, &py.get_type::<SpanwiseWarning>(), &message, level)?;
    }
    Ok(())
}

impl Drop for Run {
    fn drop(&mut self) {
        // Nothing is left to do it in once the interpreter ends; then the threads end with the process.
        if self.first.is_some() || self.scan.is_some() || self.progress.is_some() {
            Python::try_attach(|py| {
                // It may be let go of by an exception on its way, which Python code that is called must not meet.
                let raised = PyErr::take(py);
                if let Err(error) = self.stop(py) {
                    // Nobody is there to raise it to.
                    error.write_unraisable(py, None);
                }
                if let Some(raised) = raised {
                    raised.restore(py);
                }
            });
        }
    }
}
