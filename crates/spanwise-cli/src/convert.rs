//! `spanwise convert`: spans as rows of a file that other tools read.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use spanwise::redact::{CompiledPolicy, RedactError, Redactor};
use spanwise::{DecodeOptions, SpanBatch};
use spanwise_arrow::write::{FileFormat, TableWriter, WriteError};
use spanwise_arrow::{ArrowOptions, ConvertError, Converter, Telling};
use spanwise_io::policy;

use crate::Outcome;
use crate::arguments::Convert;
use crate::output::{OVER_POLICY, Output, is_stdout, overwrites_policy, unread};
use crate::reading::{Reading, Stopped};
use crate::requests::{Told, Untold};
use crate::table::visible;

/// The bytes that are handed to the system at once.
const BUFFER: usize = 1 << 20;

/// What went into the file, and what did not.
#[derive(Debug, Default)]
struct Counts {
    spans: u64,
    documents: u64,
    bad_documents: u64,
    rejected_spans: u64,
    other_signals: u64,
    unreadable: u64,
    /// Per promoted column, values of another type.
    mismatches: Vec<u64>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Convert, errors: &mut dyn Write) -> io::Result<Outcome> {
    let wrong = |errors: &mut dyn Write, message: &str| {
        writeln!(errors, "spanwise: {message}").map(|()| Outcome::Unreadable)
    };
    let named = arguments.to.map(FileFormat::from);
    let Some(format) = named.or_else(|| FileFormat::from_path(&arguments.output)) else {
        return wrong(
            errors,
            "the output's name must end in .parquet, .arrow, .feather, .arrows, .jsonl, .ndjson or .csv, or --to \
             must say what it is",
        );
    };
    let policy = match arguments.policy.as_slice() {
        [] => None,
        policies => match policy::load(policies) {
            Ok(policy) => Some(policy),
            Err(error) => return wrong(errors, &error.to_string()),
        },
    };
    let options = arguments.options();
    let converter = match Converter::new(&options) {
        Ok(converter) => converter.telling(Telling::Later),
        Err(error) => return wrong(errors, &error.to_string()),
    };
    let decode =
        DecodeOptions::default().with_mode(arguments.mode.into()).with_projection(converter.projection());
    let reading = Reading::open(&arguments.inputs, decode, errors)?;
    if reading.reads(&arguments.output) {
        return wrong(errors, "the output is one of the sources");
    }
    if overwrites_policy(&arguments.policy, [arguments.output.as_path()]) {
        return wrong(errors, OVER_POLICY);
    }
    let mut counts = Counts::default();
    let written = write(arguments, format, &converter, policy.as_ref(), reading, &mut counts, errors);
    match written.and_then(|output| output.commit().map_err(Failure::from)) {
        Ok(()) => {}
        // Of such an error the writers of formats leave the kind alone.
        Err(Failure::Io(error))
            if error.kind() == io::ErrorKind::BrokenPipe && is_stdout(&arguments.output) =>
        {
            return Err(unread());
        }
        Err(Failure::Told(error)) => return Err(error),
        Err(failure) => return wrong(errors, &format!("{}: {failure}", arguments.output.display())),
    }
    report(&counts, &options, &arguments.output, errors)?;
    Ok(match () {
        () if counts.unreadable > 0 => Outcome::Unreadable,
        () if counts.bad_documents > 0 || counts.rejected_spans > 0 => Outcome::Findings,
        () => Outcome::Fine,
    })
}

/// Why there is no file.
enum Failure {
    Io(io::Error),
    /// Of standard error.
    Told(io::Error),
    Write(WriteError),
    Convert(ConvertError),
    Redact(RedactError),
    /// What a source says late, with its name, and whether there is no file for it.
    Contradiction {
        message: String,
        takes_name: bool,
    },
    Requests(Untold),
    NothingRead,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Untold> for Failure {
    fn from(untold: Untold) -> Self {
        Self::Requests(untold)
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Io(error) => Self::Io(error),
            error => Self::Write(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) | Self::Told(error) => write!(f, "cannot write: {error}"),
            Self::Write(error) => error.fmt(f),
            Self::Convert(error) => error.fmt(f),
            Self::Redact(error) => error.fmt(f),
            Self::Contradiction { message, takes_name: true } => write!(f, "not written: {message}"),
            Self::Contradiction { message, takes_name: false } => write!(f, "not whole: {message}"),
            Self::Requests(untold) => untold.fmt(f),
            Self::NothingRead => f.write_str("nothing could be read, so nothing is written"),
        }
    }
}

/// What comes of a block.
struct Part {
    counts: Counts,
    rows: Result<Option<RecordBatch>, Failure>,
}

/// Work on blocks.
fn worker(
    mut converter: Converter,
    policy: Option<&CompiledPolicy>,
) -> impl FnMut(&mut SpanBatch) -> Part + Send + use<> {
    let mut redactor = policy.cloned().map(Redactor::new);
    move |batch| {
        let mut counts = Counts::default();
        counts.add(batch);
        if batch.is_empty() {
            return Part { counts, rows: Ok(None) };
        }
        let rows = match redactor.as_mut().map(|redactor| redactor.redact(batch)) {
            None => converter.convert(batch).map_err(Failure::Convert),
            Some(Ok(redacted)) => converter.convert(&redacted.batch).map_err(Failure::Convert),
            Some(Err(error)) => Err(Failure::Redact(error)),
        };
        counts.mismatches = converter.take_mismatches();
        Part { counts, rows: rows.map(Some) }
    }
}

/// Writes all spans, and gives the output back, whole but for its name.
fn write(
    arguments: &Convert,
    format: FileFormat,
    converter: &Converter,
    policy: Option<&CompiledPolicy>,
    reading: Reading,
    counts: &mut Counts,
    errors: &mut dyn Write,
) -> Result<Output, Failure> {
    let output = Output::create(&arguments.output)?;
    let takes_name = output.takes_name();
    let output = BufWriter::with_capacity(BUFFER, output);
    let (mut told, reading) = if converter.tells_requests() {
        let (told, reading) = Told::of(reading, converter)?;
        (Some(told), reading)
    } else {
        (None, reading)
    };
    let mut table = Some(Table::Waiting(output));
    let mut inputs = reading.ledger();
    counts.mismatches = vec![0; arguments.promote.len()];
    reading.scan(
        || worker(converter.clone(), policy),
        |input, part| {
            match part {
                Ok(part) => {
                    counts.sum(&part.counts);
                    if let Some(rows) = part.rows?
                        && let Some(begun) = table.take()
                    {
                        let rows = match &mut told {
                            Some(told) => told.mark(rows)?,
                            None => rows,
                        };
                        let mut writer = begun.begin(format, converter)?;
                        writer.write(&rows)?;
                        table = Some(Table::Begun(writer));
                    }
                }
                // Rows that were written lack what came too late: no file is better than a wrong one.
                Err(stopped) if stopped.contradicts => {
                    let message = format!("{}: {}", visible(inputs.name(input)), stopped.message);
                    return Err(Failure::Contradiction { message, takes_name });
                }
                Err(Stopped { message, .. }) => inputs.fault(input, message),
            }
            Ok::<_, Failure>(())
        },
    )?;
    counts.unreadable = inputs.tell(errors).map_err(Failure::Told)?.1.len() as u64;
    if let Some(told) = told {
        told.finish()?;
    }
    let Some(table) = table.filter(|_| !counts.read_nothing()) else { return Err(Failure::NothingRead) };
    table.begin(format, converter)?.finish()?.into_inner().map_err(|error| error.into_error().into())
}

/// A table that is begun when there is a row of it, or when all was read: standard output takes no header back.
enum Table {
    Waiting(BufWriter<Output>),
    Begun(TableWriter<BufWriter<Output>>),
}

impl Table {
    fn begin(
        self,
        format: FileFormat,
        converter: &Converter,
    ) -> Result<TableWriter<BufWriter<Output>>, WriteError> {
        match self {
            Self::Waiting(output) => TableWriter::new(output, format, converter.schema()),
            Self::Begun(writer) => Ok(writer),
        }
    }
}

impl Counts {
    /// There was something, and no document of it could be read.
    fn read_nothing(&self) -> bool {
        (self.unreadable > 0 || self.bad_documents > 0) && self.documents == 0 && self.spans == 0
    }

    fn add(&mut self, batch: &SpanBatch) {
        self.spans += batch.len() as u64;
        self.documents += batch.document_count();
        self.bad_documents += batch.bad_documents();
        self.rejected_spans += batch.rejected_spans();
        self.other_signals += batch.other_signals();
    }

    /// Adds what was found in a block.
    fn sum(&mut self, part: &Self) {
        self.spans += part.spans;
        self.documents += part.documents;
        self.bad_documents += part.bad_documents;
        self.rejected_spans += part.rejected_spans;
        self.other_signals += part.other_signals;
        for (sum, count) in self.mismatches.iter_mut().zip(&part.mismatches) {
            *sum += count;
        }
    }
}

impl Convert {
    fn options(&self) -> ArrowOptions {
        ArrowOptions {
            layout: self.layout.into(),
            ids: self.ids.into(),
            times: self.times.into(),
            names: self.names.into(),
            columns: self.columns.clone(),
            llm: self.llm,
            promote: self.promote.clone(),
            ..ArrowOptions::default()
        }
    }
}

/// Says what was written and what was not.
fn report(counts: &Counts, options: &ArrowOptions, output: &Path, errors: &mut dyn Write) -> io::Result<()> {
    if !is_stdout(output) {
        let spans = counted(counts.spans, "span", "spans");
        let documents = counted(counts.documents, "document", "documents");
        writeln!(errors, "{}: {spans} of {documents}", output.display())?;
    }
    let left_out: Vec<_> = [
        (counts.bad_documents, "bad document", "bad documents"),
        (counts.rejected_spans, "rejected span", "rejected spans"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| counted(count, one, many))
    .collect();
    if !left_out.is_empty() {
        writeln!(errors, "left out: {} (`spanwise validate` says why)", left_out.join(", "))?;
    }
    if counts.other_signals > 0 {
        let documents =
            counted(counts.other_signals, "document of another signal", "documents of other signals");
        writeln!(errors, "passed over: {documents}")?;
    }
    let columns = options.promote.iter().zip(&counts.mismatches);
    for (promotion, count) in columns.filter(|(_, count)| **count > 0) {
        let values = counted(*count, "value", "values");
        let key = &promotion.key;
        writeln!(errors, "{key}: {values} of another type, null in the column")?;
    }
    Ok(())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
