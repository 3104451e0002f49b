//! `spanwise index`: an index of traces in a file, which `query` answers from.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;

use spanwise::DecodeOptions;
use spanwise_io::{BlockPlace, IndexFileError, LeftOut, SpanIndex};

use crate::Outcome;
use crate::arguments;
use crate::output::{is_stdout, tell_of_file};
use crate::reading::{Portion, Reading};
use crate::table::counted;

/// Runs the command.
pub(crate) fn run(arguments: &arguments::Index, errors: &mut dyn Write) -> io::Result<Outcome> {
    let path = &arguments.output;
    let decode = DecodeOptions::default().with_mode(arguments.mode.into());
    let reading = Reading::open(&arguments.inputs, decode, errors)?;
    // An index may take the place of one that it was merged from, and of nothing else that it is of.
    if reading.reads(path) && !SpanIndex::is_index(path) || is_stdout(path) {
        let name = path.display();
        return writeln!(errors, "spanwise: {name}: name another file for the index")
            .map(|()| Outcome::Unreadable);
    }
    let mut inputs = reading.ledger();
    let index = gather(reading.portions(), false, &mut |input, message| {
        inputs.fault(input, message);
    });
    // It would answer as if what is missing were not there.
    if !inputs.tell(errors)?.1.is_empty() {
        writeln!(errors, "spanwise: no index was written")?;
        return Ok(Outcome::Unreadable);
    }
    let LeftOut { bad_documents, rejected_spans, .. } = index.left_out();
    if bad_documents > 0 && rejected_spans == 0 && index.index().is_empty() {
        writeln!(errors, "spanwise: {}: no document could be read, so no index was written", path.display())?;
        return Ok(Outcome::Unreadable);
    }
    match index.save(path) {
        Ok(bytes) => {
            let spans = counted(index.index().len().into(), "span");
            let text = format!("{spans} in {}, {}\n", path.display(), counted(bytes, "byte"));
            tell_of_file(text.as_bytes())?;
        }
        Err(error) => {
            return writeln!(errors, "spanwise: {}: {error}", path.display()).map(|()| Outcome::Unreadable);
        }
    }
    let kinds = [(bad_documents, "bad document"), (rejected_spans, "rejected span")];
    let named: Vec<_> =
        kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(count, noun)).collect();
    if named.is_empty() {
        return Ok(Outcome::Fine);
    }
    writeln!(errors, "left out: {} (`spanwise validate` says why)", named.join(", "))?;
    Ok(Outcome::Findings)
}

/// One index of indexes and sources. What cannot be read again is held in memory, if `fleeting` is fine, and otherwise is an
/// error of the input; errors are told by `unreadable`.
pub(crate) fn gather(
    portions: Vec<Portion>,
    fleeting: bool,
    unreadable: &mut dyn FnMut(usize, String),
) -> SpanIndex {
    let mut index = SpanIndex::default();
    for (at, portion) in portions.into_iter().enumerate() {
        match portion {
            Portion::Index(input, path) => {
                let added = SpanIndex::open(&path).and_then(|opened| {
                    // What came before has sources to be held to, even if it has no spans.
                    if at == 0 {
                        index = opened;
                        Ok(())
                    } else {
                        index.merge(&opened)
                    }
                });
                if let Err(error) = added {
                    unreadable(input, error.to_string());
                }
            }
            Portion::Sources(reading) => add(&mut index, reading, fleeting, unreadable),
        }
    }
    index
}

fn add(index: &mut SpanIndex, reading: Reading, fleeting: bool, unreadable: &mut dyn FnMut(usize, String)) {
    let decode = reading.decode();
    // Looked at before they are read, so that a change while they are read is noticed.
    let mut numbers = HashMap::new();
    for (input, source) in reading.sources() {
        match index.add_source(source, decode) {
            Ok(number) => drop(numbers.insert(input, number)),
            Err(IndexFileError::Fleeting) if fleeting => {}
            Err(error) => {
                let message = match error {
                    // The input is named anyway.
                    IndexFileError::Source(_, error) => error.to_string(),
                    error => error.to_string(),
                };
                unreadable(input, message);
                if !fleeting {
                    return;
                }
            }
        }
    }
    let read: Result<(), Infallible> = reading.read_blocks(BlockPlace::of, |input, read| {
        let added = match read {
            Err(stopped) => {
                unreadable(input, stopped.message);
                Ok(())
            }
            Ok((place, batch)) => match numbers.get(&input) {
                Some(number) => index.add_block(*number, place, batch),
                None => index.add(Arc::new(std::mem::take(batch))),
            },
        };
        if let Err(error) = added {
            unreadable(input, error.to_string());
        }
        Ok(())
    });
    match read {
        Ok(()) => {}
    }
}
