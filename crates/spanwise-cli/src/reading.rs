//! The sources of a command, read block by block on several threads.

use std::sync::{Arc, Mutex, PoisonError};

use spanwise::{DecodeOptions, Decoder, SpanBatch};
use spanwise_io::{ReadSettings, Scan, Source, Unreadable, expand};

use crate::arguments::Inputs;

/// What a command was told to read, in the order in which it was told.
pub(crate) struct Reading {
    /// Of each input its name, and why it cannot be read if that is known already.
    inputs: Vec<(String, Option<String>)>,
    sources: Vec<Source>,
    /// Of each source its index among the inputs.
    places: Vec<usize>,
    settings: ReadSettings,
    threads: usize,
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
    pub(crate) fn new(arguments: &Inputs, decode: DecodeOptions) -> Self {
        let settings = ReadSettings { decode, framing: arguments.framing.into(), ..ReadSettings::default() };
        let threads = arguments.threads;
        let mut reading =
            Self { inputs: Vec::new(), sources: Vec::new(), places: Vec::new(), settings, threads };
        for source in expand(&arguments.sources) {
            match source {
                Ok(source) => {
                    reading.places.push(reading.inputs.len());
                    reading.inputs.push((source.name(), None));
                    reading.sources.push(source);
                }
                Err(Unreadable { name, message }) => reading.inputs.push((name, Some(message))),
            }
        }
        reading
    }

    /// The names of the inputs, each with why it cannot be read if that is known already.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.inputs.iter().map(|(name, message)| (name.as_str(), message.as_deref()))
    }

    /// Calls `each` for every block with the number of its input, in order. After an error, what was good before it has
    /// been given.
    pub(crate) fn read<E>(
        self,
        mut each: impl FnMut(usize, Result<&SpanBatch, String>) -> Result<(), E>,
    ) -> Result<(), E> {
        let spare = Spare::default();
        let options = self.settings.decode;
        let scan = Scan::new(self.sources, self.settings, self.threads, || {
            let spare = spare.clone();
            let mut decoder = Decoder::new(options);
            move |piece| {
                let result = piece.block.map_err(|error| error.to_string()).and_then(|block| {
                    let mut batch = spare.take();
                    let read = decoder.decode_framed(block, &mut batch);
                    read.map(|()| batch).map_err(|error| error.diagnostic().message().to_owned())
                });
                (piece.source, result)
            }
        });
        for (source, result) in scan {
            let input = self.places.get(source).copied().unwrap_or(source);
            match result {
                Ok(batch) => {
                    each(input, Ok(&batch))?;
                    spare.give(batch);
                }
                Err(message) => each(input, Err(message))?,
            }
        }
        Ok(())
    }
}
