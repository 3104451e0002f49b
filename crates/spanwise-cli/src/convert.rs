//! `spanwise convert`: spans as rows of a file that other tools read.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use spanwise::{DecodeOptions, SpanBatch};
use spanwise_arrow::write::{FileFormat, TableWriter, WriteError};
use spanwise_arrow::{ArrowOptions, ConvertError, Converter};
use spanwise_io::{Source, expand};

use crate::Outcome;
use crate::arguments::Convert;
use crate::output::Output;
use crate::reading::Reading;

/// The bytes that are handed to the system at once.
const BUFFER: usize = 1 << 20;

/// What went into the file, and what did not.
#[derive(Debug, Default)]
struct Counts {
    files: u64,
    spans: u64,
    documents: u64,
    bad_documents: u64,
    rejected_spans: u64,
    other_signals: u64,
    unreadable: u64,
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
    let mut converter = match Converter::new(&arguments.options()) {
        Ok(converter) => converter,
        Err(error) => return wrong(errors, &error.to_string()),
    };
    if expand(&arguments.inputs.sources)
        .iter()
        .flatten()
        .any(|source| is_same_file(source, &arguments.output))
    {
        return wrong(errors, "the output is one of the sources");
    }
    let mut counts = Counts::default();
    let written = write(arguments, format, &mut converter, &mut counts, errors);
    match written.and_then(|output| output.commit().map_err(Failure::from)) {
        Ok(()) => {}
        // Whoever reads standard output has seen enough: the caller knows what that means.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
        Err(failure) => return wrong(errors, &format!("{}: {failure}", arguments.output.display())),
    }
    report(&counts, &converter, &arguments.output, errors)?;
    Ok(match () {
        () if counts.unreadable > 0 => Outcome::Unreadable,
        () if counts.bad_documents > 0 || counts.rejected_spans > 0 => Outcome::Findings,
        () => Outcome::Fine,
    })
}

/// Why there is no file.
enum Failure {
    Io(io::Error),
    Write(WriteError),
    Convert(ConvertError),
    NothingRead,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
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
            Self::Io(error) => write!(f, "cannot write: {error}"),
            Self::Write(error) => error.fmt(f),
            Self::Convert(error) => error.fmt(f),
            Self::NothingRead => f.write_str("nothing could be read, so nothing is written"),
        }
    }
}

/// Writes all spans, and gives the output back, whole but for its name.
fn write(
    arguments: &Convert,
    format: FileFormat,
    converter: &mut Converter,
    counts: &mut Counts,
    errors: &mut dyn Write,
) -> Result<Output, Failure> {
    let output = BufWriter::with_capacity(BUFFER, Output::create(&arguments.output)?);
    let mut writer = TableWriter::new(output, format, converter.schema())?;
    let options = DecodeOptions::default().with_mode(arguments.mode.into());
    let reading = Reading::new(&arguments.inputs, options);
    let names: Vec<String> = reading.inputs().map(|(name, _)| name.to_owned()).collect();
    for (name, message) in reading.inputs() {
        match message {
            Some(message) => {
                writeln!(errors, "spanwise: {name}: {message}")?;
                counts.unreadable += 1;
            }
            None => counts.files += 1,
        }
    }
    reading.read(|input, batch| -> Result<(), Failure> {
        match batch {
            Ok(batch) => {
                counts.add(batch);
                append(batch, converter, &mut writer)
            }
            Err(message) => {
                writeln!(errors, "spanwise: {}: {message}", names.get(input).map_or("", String::as_str))?;
                counts.unreadable += 1;
                counts.files -= 1;
                Ok(())
            }
        }
    })?;
    if counts.files == 0 && counts.spans == 0 {
        return Err(Failure::NothingRead);
    }
    writer.finish()?.into_inner().map_err(|error| error.into_error().into())
}

fn append<W: Write + Send>(
    batch: &SpanBatch,
    converter: &mut Converter,
    writer: &mut TableWriter<W>,
) -> Result<(), Failure> {
    if batch.is_empty() {
        return Ok(());
    }
    let rows = converter.convert(batch).map_err(Failure::Convert)?;
    Ok(writer.write(&rows)?)
}

impl Counts {
    fn add(&mut self, batch: &SpanBatch) {
        self.spans += batch.len() as u64;
        self.documents += batch.documents().len() as u64;
        self.bad_documents += batch.bad_documents();
        self.rejected_spans += batch.rejected_spans();
        self.other_signals += batch.other_signals();
    }
}

impl Convert {
    fn options(&self) -> ArrowOptions {
        ArrowOptions {
            layout: self.layout.into(),
            ids: self.ids.into(),
            names: self.names.into(),
            columns: self.columns.clone(),
            llm: self.llm,
            promote: self.promote.clone(),
            ..ArrowOptions::default()
        }
    }
}

fn is_same_file(source: &Source, output: &Path) -> bool {
    let Source::File(path) = source else { return false };
    path == output || matches!((path.canonicalize(), output.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Says what was written and what was not.
fn report(counts: &Counts, converter: &Converter, output: &Path, errors: &mut dyn Write) -> io::Result<()> {
    if output.as_os_str() != "-" {
        let spans = counted(counts.spans, "span", "spans");
        let documents = counted(counts.documents, "document", "documents");
        writeln!(errors, "{}: {spans} of {documents}", output.display())?;
    }
    let left_out: Vec<_> = [
        (counts.bad_documents, "bad document", "bad documents"),
        (counts.rejected_spans, "rejected span", "rejected spans"),
        (counts.other_signals, "document of another signal", "documents of other signals"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| counted(count, one, many))
    .collect();
    if !left_out.is_empty() {
        writeln!(errors, "left out: {} (`spanwise validate` says why)", left_out.join(", "))?;
    }
    for (key, count) in converter.mismatches().filter(|(_, count)| *count > 0) {
        let values = counted(count, "value", "values");
        writeln!(errors, "{key}: {values} of another type, null in the column")?;
    }
    Ok(())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
