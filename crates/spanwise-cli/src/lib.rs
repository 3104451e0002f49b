//! The `spanwise` command: [`main`] with its arguments, used by the binary and by the Python package's entry point.
//!
//! ```text
//! spanwise validate SOURCE... [--mode strict|lenient] [--format human|json]
//! spanwise summary  SOURCE... [--format human|json]
//! spanwise redact   SOURCE... --policy PRESET|FILE [-o OUT] [--report FILE]
//! spanwise redact   --policy PRESET|FILE --explain KEY
//! spanwise convert  SOURCE... -o OUT.parquet|.arrow|.jsonl|.csv [--columns NAME,...] [--promote KEY:TYPE]... [--policy PRESET|FILE]
//! spanwise index    SOURCE... -o OUT.idx [--mode strict|lenient]
//! spanwise query    '{ TraceQL }' INDEX|SOURCE... [--ids|--count] [--format human|json|jsonl] [--promote KEY:TYPE]... [--limit N] [--order ORDER]
//! spanwise serve    --store DIR [--listen ADDR] [--token T]... [--policy P] [--config FILE]
//! spanwise generate --corpus NAME [--size 100MiB] [--seed N] [--single-document] -o OUT
//! ```
//!
//! A source is a file, a glob, a directory (searched for `.json`, `.jsonl` and `.ndjson`), or `-` for standard input,
//! which is also what is read where no source is given. Compression (gzip, zstd) is known by a source's first bytes. Sources
//! are read block by block, on several threads, in bounded memory. Exit codes: 0 fine, 1 findings, 2 wrong use, unreadable input or
//! an output that cannot be written, 141 if whoever reads standard output left before the end of what was asked for.
//!
//! Findings show where a fault is and never what stands there: no value and no attribute key of a trace is printed by
//! `validate`. `summary` prints the names of services and models, since that is what it is for.

#![forbid(unsafe_code)]

mod arguments;
mod convert;
mod generate;
mod index;
mod output;
mod progress;
mod query;
mod reading;
mod redact;
mod requests;
#[cfg(all(feature = "serve", unix))]
mod serve;
mod service;
pub mod summary;
mod table;
mod timestamp;
mod validate;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use clap::Parser as _;

use arguments::{Arguments, Command};
use output::{Stdout, is_unread};

/// What a run comes to, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// All was read and nothing is wrong.
    Fine,
    /// All was read and something is wrong.
    Findings,
    /// Something could not be read.
    Unreadable,
}

impl Outcome {
    const fn code(self) -> i32 {
        match self {
            Self::Fine => 0,
            Self::Findings => 1,
            Self::Unreadable => 2,
        }
    }
}

/// The code of a run that did not come to its end since nobody reads what it writes: what the shell tells of a program that a
/// broken pipe ended. Not 0, since what was not read may be wrong, and so may be what nobody was told of.
const UNREAD: i32 = 128 + 13;

/// Runs the command with the process's own streams and returns its exit code.
///
/// The first argument is the program's name, as in [`std::env::args_os`]. Standard output is flushed before it returns; a
/// reader that closed it early ends the run without a word, and with the code of programs that a signal ends then.
///
/// ```
/// assert_eq!(spanwise_cli::main(["spanwise".into(), "--version".into()]), 0);
/// assert_eq!(spanwise_cli::main(["spanwise".into(), "validate".into(), "no-such-file.json".into()]), 2);
/// ```
pub fn main(args: impl IntoIterator<Item = OsString>) -> i32 {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are such errors too. Where even this cannot be printed, the code still tells.
            let _ = error.print();
            return error.exit_code();
        }
    };
    #[cfg(all(feature = "serve", unix))]
    if let Command::Serve(arguments) = &arguments.command {
        // Its threads write to standard error too: it must not be held meanwhile.
        return serve::run(arguments).code();
    }
    let mut output = BufWriter::new(Stdout::new());
    let mut errors = io::stderr().lock();
    let result = match &arguments.command {
        Command::Validate(arguments) => validate::run(arguments, &mut output, &mut errors),
        Command::Summary(arguments) => summary::run(arguments, &mut output, &mut errors),
        Command::Redact(arguments) => redact::run(arguments, &mut output, &mut errors),
        #[cfg(all(feature = "serve", unix))]
        Command::Serve(arguments) => Ok(serve::run(arguments)),
        Command::Convert(arguments) => convert::run(arguments, &mut errors),
        Command::Index(arguments) => index::run(arguments, &mut errors),
        Command::Query(arguments) => query::run(arguments, &mut output, &mut errors),
        Command::Generate(arguments) => generate::run(arguments),
    };
    match result.and_then(|outcome| output.flush().map(|()| outcome)) {
        Ok(outcome) => outcome.code(),
        Err(error) if is_unread(&error) => UNREAD,
        Err(error) => {
            let _ = writeln!(errors, "spanwise: cannot write: {error}");
            Outcome::Unreadable.code()
        }
    }
}
