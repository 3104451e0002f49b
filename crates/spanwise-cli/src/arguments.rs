//! The command line.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Validates and sums up OTLP JSON traces.
#[derive(Debug, Parser)]
#[command(name = "spanwise", version, max_term_width = 110, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 fine, 1 findings, 2 wrong use or unreadable input.")]
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
                            request counts once, though several spans tell of it. A gateway's tests are counted apart. \
                            Exits 1 if a document could not be read, since the sums are short of it."
    )]
    Summary(Summary),
}

#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// Files, globs, directories (searched for .json, .jsonl and .ndjson) or - for standard input, the default; compressed
    /// with gzip or zstd or not
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<OsString>,

    /// How documents lie in a file
    #[arg(long, value_enum, default_value_t = Framing::Auto)]
    pub(crate) framing: Framing,

    /// Threads that decode; 0 for as many as the machine has
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
    /// Lines if the first line is a whole JSON value and more follows; documents otherwise
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
}
