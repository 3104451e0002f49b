//! `spanwise generate`: the corpora of the benchmark, for other measurements than ours.

use std::io::{self, BufWriter};

use spanwise_corpora::Form;

use crate::Outcome;
use crate::arguments::Generate;
use crate::output::{Output, is_stdout, named, tell_of_file};
use crate::table::grouped;

/// Runs the command.
pub(crate) fn run(arguments: &Generate) -> io::Result<Outcome> {
    let fail = |error: io::Error| named(&arguments.output, error);
    let form = if arguments.single_document { Form::Document } else { Form::Ndjson };
    let mut target = BufWriter::with_capacity(1 << 20, Output::create(&arguments.output).map_err(fail)?);
    let stats = arguments.corpus.write(arguments.seed, arguments.size, form, &mut target).map_err(fail)?;
    target.into_inner().map_err(io::IntoInnerError::into_error).and_then(Output::commit).map_err(fail)?;
    if !is_stdout(&arguments.output) {
        let (spans, documents) = (grouped(stats.spans), grouped(stats.documents));
        let text = format!("{spans} spans in {documents} documents, {} bytes\n", grouped(stats.bytes));
        tell_of_file(text.as_bytes())?;
    }
    Ok(Outcome::Fine)
}
