//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use spanwise_arrow::Promotion;
use spanwise_corpora::{Corpus, parse_size};

/// Validates, sums up, redacts, tabulates and receives OTLP JSON traces.
#[derive(Debug, Parser)]
#[command(name = "spanwise", version, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 fine, 1 findings, 2 wrong use, unreadable input or an output that cannot be written, 141 if \
                        whoever reads standard output left before the end."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what is wrong with traces, and where
    #[command(
        long_about = "Say what is wrong with traces, and where.\n\nNo value and no attribute key of a trace is \
                            shown, unless --report-keys asks for keys. Exits 1 if there is an error; warnings are fine."
    )]
    Validate(Validate),
    /// Count spans, traces and services, and sum up tokens, cost and latency of each model
    #[command(
        long_about = "Count spans, traces and services, and sum up tokens, cost and latency of each model.\n\nA \
                            request counts once, though several spans tell of it. It is a call of a model, or an agent's run \
                            where only that says what its calls took: see docs/llm-columns.md. A gateway's tests are counted \
                            apart. Exits 1 if a document could not be read, since the sums are short of it."
    )]
    Summary(Summary),
    /// Take private text out of traces, by a policy
    #[command(
        long_about = "Take private text out of traces, by a policy, and leave all else byte for byte.\n\nWhat could not \
                            be read is not in the output: it is counted, and the exit code is 1. So is what documents without traces \
                            hold, but for members that the policy keeps. Of several sources every document comes out on a line of its own. A source alone may be the \
                            output, too; where it holds no traces, or cannot be read to its end, it stays as it is."
    )]
    Redact(Redact),
    /// Write the spans as a table: Parquet, Arrow, JSON lines or CSV
    #[command(
        long_about = "Write the spans as a table, one row each: Parquet, Arrow, JSON lines or CSV.\n\nThe file is there \
                            whole or not at all. Where the column is_request is wanted, sources are read twice: what can be read only \
                            once is kept in a temporary file. Exits 1 if bad documents or rejected spans had to be left out: `validate` \
                            says why. Metrics, logs and profiles are passed over."
    )]
    Convert(Convert),
    /// Make an index of traces, which `query` answers from
    #[command(
        long_about = "Make an index of traces, which `query` answers from.\n\nIt holds no spans: it says where they stand in the \
                            files, which must stay as they are. An index among the sources is merged into the new one. The \
                            file is there whole or not at all. Exits 1 if documents or spans had to be left out: `validate` \
                            says why.",
        mut_arg("sources", |sources| sources.required(true).help(INDEXED))
    )]
    Index(Index),
    /// Pick spans by a `TraceQL` query
    #[command(
        about = "Pick spans by a TraceQL query",
        long_about = "Pick spans by a TraceQL query, such as '{ span.gen_ai.request.model = \"heron-2\" && duration > 1s }'.\n\n\
                            A source may be an index that `index` made. It is not an error if none matches. Exits 1 if documents or spans could not be looked at: \
                            `validate` says why. With --limit and in the order of the input, nothing is looked at behind the last \
                            span that is shown, but for the table for people. A query about more than single spans (structure, count(), rootName and the \
                            like) holds the sources in memory."
    )]
    Query(Query),
    /// Receive traces over HTTP: from a gateway's webhook, an OpenTelemetry SDK or a Collector
    #[cfg(all(feature = "serve", unix))]
    #[command(
        long_about = "Receive traces over HTTP: from a gateway's webhook, an OpenTelemetry SDK or a Collector.\n\nOTLP JSON \
                            comes by POST or PUT to /v1/traces. What is answered with 200 is on disk, and becomes Parquet \
                            files below DIR/spans. Flags go before the environment (SPANWISE_LISTEN, SPANWISE_STORE, \
                            SPANWISE_TOKEN, SPANWISE_HEADER, SPANWISE_POLICY), and that before the file. Ends in good order \
                            at SIGINT, SIGTERM or SIGHUP."
    )]
    Serve(Serve),
    /// Write made-up traces to measure with: the corpora of the benchmark
    #[command(
        long_about = "Write made-up traces to measure with: the corpora of the benchmark.\n\nEqual arguments write equal \
                            bytes on every machine. All documents are strictly valid OTLP JSON, and all content is made up. Those of \
                            pretty and mixed take several lines: strict mode, to which a line is a document, takes one of them \
                            (--single-document) and refuses a file of several."
    )]
    Generate(Generate),
}

/// The sources of `index`, which must be there when spans are asked for.
const INDEXED: &str = "Files, globs, directories (searched for .json, .jsonl and .ndjson) or indexes; compressed with gzip or \
                       zstd or not. Standard input cannot be indexed";

#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// Files, globs, directories (searched for .json, .jsonl and .ndjson) or - for standard input, the default; compressed
    /// with gzip or zstd or not
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<OsString>,

    /// How documents lie in a file
    #[arg(long, value_enum, default_value_t = Framing::Auto)]
    pub(crate) framing: Framing,

    /// Threads that decode, 512 at most; 0 for as many as the machine has
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) threads: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) inputs: Inputs,

    /// The rules to go by
    #[arg(long, value_enum, default_value_t = Mode::Lenient)]
    pub(crate) mode: Mode,

    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,

    /// Findings shown of each file; the rest are counted [default: 20, or 1000 in JSON]
    #[arg(long, value_name = "N")]
    pub(crate) max_diagnostics: Option<usize>,

    /// Show attribute keys where findings show their surroundings; values stay masked
    #[arg(long)]
    pub(crate) report_keys: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Summary {
    #[command(flatten)]
    pub(crate) inputs: Inputs,

    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Redact {
    #[command(flatten)]
    pub(crate) inputs: Inputs,

    /// A preset (privacy-mode, secrets) or a policy file in TOML; presets may be given more than once, and with a file
    #[arg(long, value_name = "PRESET|FILE", required = true)]
    pub(crate) policy: Vec<OsString>,

    /// Where to write the redacted traces [default: standard output]
    #[arg(long, short, value_name = "OUT")]
    pub(crate) output: Option<PathBuf>,

    /// Where to write a report for programs: counts of rules, detectors and places, in JSON; with --output also - for standard
    /// output
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Which spans are let in
    #[arg(long, value_enum, default_value_t = Mode::Lenient)]
    pub(crate) mode: Mode,

    /// Say what becomes of an attribute with this key, and which rule decides, and read no traces
    #[arg(long, value_name = "KEY", conflicts_with_all = ["sources", "output", "report"])]
    pub(crate) explain: Vec<String>,

    /// Where the attribute to explain stands [default: span]
    #[arg(long, value_enum)]
    pub(crate) place: Option<Place>,

    /// The name of the event that has the attribute to explain
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Place {
    Resource,
    Scope,
    Span,
    Event,
    Link,
}

impl From<Place> for spanwise::redact::Place {
    fn from(place: Place) -> Self {
        match place {
            Place::Resource => Self::Resource,
            Place::Scope => Self::Scope,
            Place::Span => Self::Span,
            Place::Event => Self::Event,
            Place::Link => Self::Link,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    #[command(flatten)]
    pub(crate) inputs: Inputs,

    /// The file to write, or - for standard output
    #[arg(long, short, value_name = "OUT")]
    pub(crate) output: PathBuf,

    /// The form of the file; by default what its name asks for: .parquet, .arrow (or .feather), .arrows, .jsonl (or
    /// .ndjson), .csv
    #[arg(long, value_enum)]
    pub(crate) to: Option<FileFormat>,

    /// The rules to go by
    #[arg(long, value_enum, default_value_t = Mode::Lenient)]
    pub(crate) mode: Mode,

    /// Redact the spans before they become rows: a preset (privacy-mode, secrets) or a policy file, as for `redact`
    #[arg(long, value_name = "PRESET|FILE")]
    pub(crate) policy: Vec<OsString>,

    /// The columns to write, in this order, with commas between them [default: all but those of --llm]. Lists that none of them
    /// needs are only checked for being JSON in lenient mode, which takes less time
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = column)]
    pub(crate) columns: Option<Vec<String>>,

    /// Make a column of an attribute of spans (or resource:KEY, scope:KEY), null where it cannot be of that type. TYPE is string,
    /// int64 (also of whole doubles, and of texts that are integers), double (also of integers that it holds exactly, and of texts that are
    /// numbers) or bool. May be given several times
    #[arg(long, value_name = "KEY:TYPE", value_parser = promotion)]
    pub(crate) promote: Vec<Promotion>,

    /// Add the columns of LLM traffic: model, tokens, cost and the like, whatever convention they came in
    #[arg(long)]
    pub(crate) llm: bool,

    /// Attribute columns as maps to text, or to a struct with a member per type
    #[arg(long, value_enum, default_value_t = Layout::Map)]
    pub(crate) layout: Layout,

    /// Ids as lower-case hex, or as 16 and 8 bytes
    #[arg(long, value_enum, default_value_t = Ids::Text)]
    pub(crate) ids: Ids,

    /// Times in nanoseconds, or in microseconds for what reads no others, as Spark
    #[arg(long, value_enum, default_value_t = Times::Nanoseconds)]
    pub(crate) times: Times,

    /// Our names of columns, or those of the Collector's exporter to `ClickHouse`
    #[arg(long, value_enum, default_value_t = Names::Spanwise)]
    pub(crate) names: Names,
}

#[derive(Debug, Args)]
pub(crate) struct Index {
    #[command(flatten)]
    pub(crate) inputs: Inputs,

    /// The file to write
    #[arg(long, short, value_name = "OUT")]
    pub(crate) output: PathBuf,

    /// The rules to go by
    #[arg(long, value_enum, default_value_t = Mode::Lenient)]
    pub(crate) mode: Mode,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The query
    #[arg(value_name = "QUERY")]
    pub(crate) traceql: String,

    #[command(flatten)]
    pub(crate) inputs: Inputs,

    /// The rules to go by; an index keeps to those that it was made by
    #[arg(long, value_enum, default_value_t = Mode::Lenient)]
    pub(crate) mode: Mode,

    /// For people or for programs
    #[arg(long, value_enum, default_value_t = QueryFormat::Human)]
    pub(crate) format: QueryFormat,

    /// Show only how many spans match; not with --ids, --columns, --promote, --limit or --order
    #[arg(long, conflicts_with_all = ["ids", "columns", "promote", "limit", "order"])]
    pub(crate) count: bool,

    /// Show only the ids of trace and span; not with --columns or --promote
    #[arg(long, conflicts_with_all = ["columns", "promote"])]
    pub(crate) ids: bool,

    /// The columns to show, in this order, with commas between them, of those that `convert` writes; for json and jsonl
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = column)]
    pub(crate) columns: Option<Vec<String>>,

    /// Show an attribute of spans (or resource:KEY, scope:KEY) as a column, null where it cannot be of that type; for json
    /// and jsonl. TYPE is string, int64 (also of whole doubles, and of texts that are integers), double (also of integers that it holds
    /// exactly, and of texts that are numbers) or bool. May be given several times
    #[arg(long, value_name = "KEY:TYPE", value_parser = promotion)]
    pub(crate) promote: Vec<Promotion>,

    /// Spans shown, at most [default: 100 for people, all for programs]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,

    /// Which spans come first
    #[arg(long, value_enum, default_value_t = Order::Input)]
    pub(crate) order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryFormat {
    /// A table
    Human,
    /// One array of JSON objects
    Json,
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// As they stand in the sources
    Input,
    /// By start, the earliest first; spans of unknown start last
    Earliest,
    /// By start, the latest first; spans of unknown start last
    Latest,
    /// By duration, the shortest first
    Shortest,
    /// By duration, the longest first
    Longest,
}

impl From<Order> for spanwise::index::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::Input => Self::Input,
            Order::Earliest => Self::Earliest,
            Order::Latest => Self::Latest,
            Order::Shortest => Self::Shortest,
            Order::Longest => Self::Longest,
        }
    }
}

/// White space beside a comma is for people.
#[allow(clippy::unnecessary_wraps, reason = "what a parser of values gives")]
fn column(name: &str) -> Result<String, std::convert::Infallible> {
    Ok(name.trim().to_owned())
}

fn promotion(text: &str) -> Result<Promotion, String> {
    // A key may hold colons, too.
    let (key, to) = text.rsplit_once(':').ok_or("write KEY:TYPE, such as gen_ai.usage.input_tokens:int64")?;
    let to = to.parse().map_err(|error: spanwise::UnknownWord| error.to_string())?;
    let promotion = Promotion::new(key, to);
    if promotion.has_key() { Ok(promotion) } else { Err("it names no attribute".to_owned()) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// Parquet, compressed with zstd
    Parquet,
    /// The Arrow IPC file format (Feather 2)
    Arrow,
    /// The Arrow IPC stream format
    Arrows,
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

impl From<FileFormat> for spanwise_arrow::write::FileFormat {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Parquet => Self::Parquet,
            FileFormat::Arrow => Self::ArrowFile,
            FileFormat::Arrows => Self::ArrowStream,
            FileFormat::Jsonl => Self::JsonLines,
            FileFormat::Csv => Self::Csv,
        }
    }
}

#[cfg(all(feature = "serve", unix))]
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen: an IP address and a port [default: 127.0.0.1:4318]
    #[arg(long, value_name = "IP:PORT", value_parser = spanwise_receiver::listen_address)]
    pub(crate) listen: Option<std::net::SocketAddr>,

    /// The folder to keep traces in; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,

    /// A path that takes deliveries, verbatim; may be given more than once [default: /v1/traces]
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Vec<String>,

    /// A token to be sent as `Authorization: Bearer`; of several secrets one is enough. Other users of the machine can see
    /// it here: `SPANWISE_TOKEN` and the file's `token_files` hide it
    #[arg(long, value_name = "T")]
    pub(crate) token: Vec<String>,

    /// A header to be sent with this value; of several secrets one is enough
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) header: Vec<String>,

    /// Let everybody deliver, though other machines can reach the address
    #[arg(long)]
    pub(crate) allow_unauthenticated: bool,

    /// What to take out before anything is stored: a preset (privacy-mode, secrets) or a policy file in TOML; presets may be
    /// given more than once, and with a file
    #[arg(long, value_name = "PRESET|FILE")]
    pub(crate) policy: Vec<OsString>,

    /// Settings in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// What to log
    #[arg(long, value_enum, default_value_t = LogLevel::Info)]
    pub(crate) log_level: LogLevel,

    /// Log for people or for programs
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

#[cfg(all(feature = "serve", unix))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// What needs somebody
    Error,
    /// And what may
    Warn,
    /// And what was done
    Info,
    /// And connections that end early
    Debug,
}

#[cfg(all(feature = "serve", unix))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines of words and fields
    Text,
    /// A JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// Map of text to text
    Map,
    /// Map of text to a struct of str, int, double, bool and json
    Typed,
}

impl From<Layout> for spanwise_arrow::Layout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Map => Self::Map,
            Layout::Typed => Self::Typed,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ids {
    /// Lower-case hex, or what was sent
    Text,
    /// Bytes; null where there is no valid id
    Binary,
}

impl From<Ids> for spanwise_arrow::Ids {
    fn from(ids: Ids) -> Self {
        match ids {
            Ids::Text => Self::Text,
            Ids::Binary => Self::Binary,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Times {
    /// As they were sent
    Nanoseconds,
    /// Without the last three digits
    Microseconds,
}

impl From<Times> for spanwise_arrow::Times {
    fn from(times: Times) -> Self {
        match times {
            Times::Nanoseconds => Self::Nanoseconds,
            Times::Microseconds => Self::Microseconds,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Names {
    /// Flat and in snake case
    Spanwise,
    /// Those of its table `otel_traces`, and the like for columns that it lacks; types are ours
    Clickhouse,
}

impl From<Names> for spanwise_arrow::Names {
    fn from(names: Names) -> Self {
        match names {
            Names::Spanwise => Self::Spanwise,
            Names::Clickhouse => Self::ClickHouse,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned text
    Human,
    /// One JSON object
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The letter of the specification
    Strict,
    /// What known exporters send as well; each liberty is a warning
    Lenient,
}

impl From<Mode> for spanwise::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Strict => Self::Strict,
            Mode::Lenient => Self::Lenient,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Framing {
    /// Lines if the first line is a whole JSON value and more follows that is no `{` or `[` alone in its line; documents otherwise
    Auto,
    /// Every line is a document
    Lines,
    /// Documents of any layout, one after the other
    Documents,
}

impl From<Framing> for spanwise::Framing {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Auto => Self::Auto,
            Framing::Lines => Self::Lines,
            Framing::Documents => Self::Documents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    /// The choices are listed here again for their help; their words are those of the crates.
    #[test]
    fn choices_have_the_words_that_the_crates_know() {
        fn same<Ours: ValueEnum + Into<Theirs>, Theirs: std::fmt::Display>() {
            for choice in Ours::value_variants() {
                let word = choice.to_possible_value().unwrap().get_name().to_owned();
                assert_eq!(choice.clone().into().to_string(), word);
            }
        }
        same::<Mode, spanwise::Mode>();
        same::<Framing, spanwise::Framing>();
        same::<Order, spanwise::index::Order>();
        same::<FileFormat, spanwise_arrow::write::FileFormat>();
        same::<Layout, spanwise_arrow::Layout>();
        same::<Ids, spanwise_arrow::Ids>();
        same::<Times, spanwise_arrow::Times>();
        same::<Names, spanwise_arrow::Names>();
    }
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// What kind of traces: llm, openrouter, micro, pretty, unicode, cjk, shuffled, mixed, nested, tiny
    #[arg(long, value_name = "NAME", value_parser = corpus)]
    pub(crate) corpus: Corpus,

    /// How much, in whole requests until it is reached: a number of B, KiB, MiB or GiB
    #[arg(long, default_value = "100MiB", value_parser = parse_size)]
    pub(crate) size: u64,

    /// Another seed, other traces
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// One document that holds everything, not one document a request
    #[arg(long)]
    pub(crate) single_document: bool,

    /// The file to write, or - for standard output
    #[arg(long, short, value_name = "OUT")]
    pub(crate) output: PathBuf,
}

fn corpus(name: &str) -> Result<Corpus, String> {
    Corpus::parse(name).ok_or_else(|| {
        let names: Vec<_> = Corpus::ALL.iter().map(|corpus| corpus.name()).collect();
        format!("one of {}", names.join(", "))
    })
}
