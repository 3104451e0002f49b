//! Tables to files: Parquet, Arrow IPC, JSON lines, CSV.
//!
//! Here stands what consumers cannot take as it is (pandas 3.1, polars 2.1, `DuckDB` 2.0, pyarrow 26):
//!
//! | format | what is converted |
//! |---|---|
//! | Parquet | nothing is said of Arrow types, so that strings are read as strings everywhere; times, durations and token counts are delta encoded, ids plain |
//! | Arrow file and stream | views become plain strings (a view would take its whole input with it, and most of pyarrow's functions refuse views); so do words of a dictionary, since a file may hold one dictionary only and unknown numbers add to ours |
//! | JSON lines | times are ISO 8601 text, binary ids hex, maps objects |
//! | CSV | the same, and nested columns are JSON text; null is nothing, empty text is `""` |

mod cell;
mod rows;
mod slices;
mod watched;

use std::borrow::Borrow;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, LogicalType, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnDescriptor;

use crate::plain::{plain, plain_schema};
use crate::same_columns;
use crate::{Column, Names};
use spanwise::words;
use watched::{Failure, Watched};

/// Rows of a Parquet row group, at most.
const GROUP_ROWS: usize = 128 << 10;
/// Encoded bytes after which a Parquet row group is closed.
const GROUP_BYTES: usize = 64 << 20;

words! { FileFormat, "file format", Parquet "parquet", ArrowFile "arrow", ArrowStream "arrows", JsonLines "jsonl", Csv "csv" }

/// The form of a file.
///
/// ```
/// use spanwise_arrow::write::FileFormat;
/// assert_eq!((FileFormat::JsonLines.to_string(), "jsonl".parse()), ("jsonl".to_owned(), Ok(FileFormat::JsonLines)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFormat {
    /// Parquet, compressed with zstd.
    Parquet,
    /// The Arrow IPC file format (Feather 2).
    ArrowFile,
    /// The Arrow IPC stream format.
    ArrowStream,
    /// One JSON object per line and row.
    JsonLines,
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
}

impl FileFormat {
    /// The format that a file's name asks for: `.parquet`, `.arrow`, `.feather`, `.arrows`, `.jsonl`, `.ndjson`, `.csv`.
    ///
    /// ```
    /// use spanwise_arrow::write::FileFormat;
    /// assert_eq!(FileFormat::from_path("spans.parquet"), Some(FileFormat::Parquet));
    /// assert_eq!(FileFormat::from_path("spans.txt"), None);
    /// ```
    pub fn from_path(path: impl AsRef<Path>) -> Option<Self> {
        match path.as_ref().extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "parquet" => Some(Self::Parquet),
            "arrow" | "feather" => Some(Self::ArrowFile),
            "arrows" => Some(Self::ArrowStream),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// Why a file could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The output refused the bytes.
    Io(std::io::Error),
    /// Arrow refused the table.
    Arrow(ArrowError),
    /// The Parquet writer failed.
    Parquet(ParquetError),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot write: {error}"),
            Self::Arrow(error) => write!(f, "cannot write Arrow data: {error}"),
            Self::Parquet(error) => write!(f, "cannot write Parquet data: {error}"),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Arrow(error) => error.source(),
            Self::Parquet(error) => error.source(),
        }
    }
}

impl From<std::io::Error> for WriteError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ArrowError> for WriteError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

impl From<ParquetError> for WriteError {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

enum Sink<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    ArrowFile(Box<FileWriter<W>>, SchemaRef),
    ArrowStream(Box<StreamWriter<W>>, SchemaRef),
    JsonLines(W, Vec<u8>),
    Csv(W, Vec<u8>),
}

/// Writes record batches of one schema to one file.
///
/// ```
/// use spanwise_arrow::write::{FileFormat, TableWriter};
/// use spanwise_arrow::{ArrowOptions, Converter};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat, \"quoted\"","kind":3}]}]}]}"#;
/// let columns = Some(vec!["name".into(), "kind".into(), "attributes".into()]);
/// let mut converter = Converter::new(&ArrowOptions { columns, ..ArrowOptions::default() })?;
/// let mut writer = TableWriter::new(Vec::new(), FileFormat::Csv, converter.schema())?;
/// writer.write(&converter.convert(&spanwise::decode(&body[..])?)?)?;
/// assert_eq!(writer.finish()?, b"name,kind,attributes\n\"chat, \"\"quoted\"\"\",client,{}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a file is whole when it is finished"]
pub struct TableWriter<W: Write + Send> {
    sink: Sink<Watched<W>>,
    schema: SchemaRef,
    failure: Failure,
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins a file. Small writes go to `out` as they are: give a buffered one for files.
    ///
    /// # Errors
    /// The header could not be written, or a Parquet file is to have no columns: it would have no rows either.
    pub fn new(out: W, format: FileFormat, schema: &SchemaRef) -> Result<Self, WriteError> {
        let (out, failure) = Watched::new(out);
        let sink = Sink::new(out, format, schema).map_err(|error| failure.or(error))?;
        Ok(Self { sink, schema: schema.clone(), failure })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// The rows are of another schema, or the output refused them.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        let Self { sink, schema, failure } = self;
        same_columns::check(batch, schema)?;
        slices::of(batch).try_for_each(|part| sink.write(&part)).map_err(|error| failure.or(error))
    }

    /// Ends the file and gives the output back, flushed. A file that is dropped unfinished cannot be read.
    ///
    /// # Errors
    /// The end could not be written.
    pub fn finish(self) -> Result<W, WriteError> {
        let Self { sink, failure, .. } = self;
        sink.finish().map(|watched| watched.out).map_err(|error| failure.or(error))
    }
}

impl<W: Write + Send> Sink<W> {
    fn new(mut out: W, format: FileFormat, schema: &SchemaRef) -> Result<Self, WriteError> {
        Ok(match format {
            FileFormat::Parquet if schema.fields().is_empty() => {
                let message = "a Parquet file without columns has no rows".to_owned();
                return Err(ArrowError::SchemaError(message).into());
            }
            FileFormat::Parquet => {
                let options = ArrowWriterOptions::new()
                    .with_properties(properties(schema)?)
                    .with_skip_arrow_metadata(true);
                let writer = ArrowWriter::try_new_with_options(out, schema.clone(), options)?;
                Self::Parquet(Box::new(writer))
            }
            FileFormat::ArrowFile => {
                let schema = without_words(&plain_schema(schema));
                Self::ArrowFile(Box::new(FileWriter::try_new(out, &schema)?), schema)
            }
            FileFormat::ArrowStream => {
                let schema = without_words(&plain_schema(schema));
                Self::ArrowStream(Box::new(StreamWriter::try_new(out, &schema)?), schema)
            }
            FileFormat::JsonLines => Self::JsonLines(out, Vec::new()),
            FileFormat::Csv => {
                let mut header = Vec::new();
                rows::csv_header(schema, &mut header);
                out.write_all(&header)?;
                header.clear();
                Self::Csv(out, header)
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        match self {
            Self::Parquet(writer) => {
                writer.write(batch)?;
                if writer.in_progress_size() > GROUP_BYTES {
                    writer.flush()?;
                }
            }
            Self::ArrowFile(writer, schema) => {
                for part in plain(batch, schema).map_err(ArrowError::from)? {
                    writer.write(&part)?;
                }
            }
            Self::ArrowStream(writer, schema) => {
                for part in plain(batch, schema).map_err(ArrowError::from)? {
                    writer.write(&part)?;
                }
            }
            Self::JsonLines(out, text) => rows::write_rows(batch, out, text, rows::json_row)?,
            Self::Csv(out, text) => rows::write_rows(batch, out, text, rows::csv_row)?,
        }
        Ok(())
    }

    /// Ends the file and gives the output back, flushed.
    fn finish(self) -> Result<W, WriteError> {
        let mut out = match self {
            Self::Parquet(writer) => writer.into_inner()?,
            Self::ArrowFile(mut writer, _) => {
                writer.finish()?;
                writer.into_inner()?
            }
            Self::ArrowStream(mut writer, _) => {
                writer.finish()?;
                writer.into_inner()?
            }
            Self::JsonLines(out, _) | Self::Csv(out, _) => out,
        };
        out.flush()?;
        Ok(out)
    }
}

/// The schema with text where there are dictionaries.
fn without_words(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Dictionary(..) => Arc::new(Field::new(field.name(), DataType::Utf8, field.is_nullable())),
        _ => field.clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// How a Parquet file is written.
fn properties(schema: &SchemaRef) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(concat!("spanwise ", env!("CARGO_PKG_VERSION")).to_owned());
    // Engines pass over row groups by the least and the greatest value of flat columns. To find those of maps and lists, all
    // attributes would be compared for nobody.
    let leaves = ArrowSchemaConverter::new().convert(schema)?;
    for leaf in leaves.columns() {
        let path = || leaf.path().clone();
        if leaf.max_rep_level() > 0 {
            builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::None);
        }
        if let Some(encoding) = encoding_without_dictionary(leaf) {
            builder =
                builder.set_column_dictionary_enabled(path(), false).set_column_encoding(path(), encoding);
        }
    }
    Ok(builder.build())
}

/// The encoding of a column whose values seldom come again, or again at once, and are better off without a dictionary: that
/// would hold most of them, and a number for each beside. Files of many small spans were a sixth larger with it, and took a fifth
/// longer to write. `None` for all others.
fn encoding_without_dictionary(leaf: &ColumnDescriptor) -> Option<Encoding> {
    const COUNTS: [Column; 4] =
        [Column::DurationNs, Column::LlmInputTokens, Column::LlmOutputTokens, Column::LlmTotalTokens];
    const IDS: [Column; 3] = [Column::TraceId, Column::SpanId, Column::ParentSpanId];
    let is_one_of = |columns: &[Column]| {
        columns.iter().any(|column| {
            [Names::Spanwise, Names::ClickHouse].map(|names| column.name(names)).contains(&leaf.name())
        })
    };
    let is_time = matches!(leaf.logical_type_ref(), Some(LogicalType::Timestamp(_)));
    match leaf.physical_type() {
        Type::INT64 if is_time || is_one_of(&COUNTS) => Some(Encoding::DELTA_BINARY_PACKED),
        // Those of one trace stand together, which compression sees.
        Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY if is_one_of(&IDS) => Some(Encoding::PLAIN),
        _ => None,
    }
}

impl<W: Write + Send> fmt::Debug for TableWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.sink {
            Sink::Parquet(_) => FileFormat::Parquet,
            Sink::ArrowFile(..) => FileFormat::ArrowFile,
            Sink::ArrowStream(..) => FileFormat::ArrowStream,
            Sink::JsonLines(..) => FileFormat::JsonLines,
            Sink::Csv(..) => FileFormat::Csv,
        };
        f.debug_struct("TableWriter").field("format", &format).finish_non_exhaustive()
    }
}

/// All of a table as one file in memory: for tests and for small tables.
///
/// ```
/// use spanwise_arrow::write::{FileFormat, to_vec};
/// use spanwise_arrow::{ArrowOptions, Converter};
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#;
/// let mut converter = Converter::new(&ArrowOptions { columns: Some(vec!["name".into()]), ..ArrowOptions::default() })?;
/// let rows = vec![converter.convert(&spanwise::decode(&body[..])?)?];
/// assert_eq!(to_vec(FileFormat::JsonLines, converter.schema(), &rows)?, b"{\"name\":\"chat\"}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`TableWriter`]'s.
pub fn to_vec(
    format: FileFormat,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = impl Borrow<RecordBatch>>,
) -> Result<Vec<u8>, WriteError> {
    let mut writer = TableWriter::new(Vec::new(), format, schema)?;
    for batch in batches {
        writer.write(batch.borrow())?;
    }
    writer.finish()
}
