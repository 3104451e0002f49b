//! `spanwise` as far as Arrow: each request decoded into a batch that is reused, and a record batch made of it.

use super::{Contestant, Facts, Reads, Refusal, Task};
use bytes::Bytes;
use spanwise::{DecodeOptions, Decoder, SpanBatch};
use spanwise_arrow::{ArrowOptions, Converter, OptionsError};
use std::hint::black_box;

pub(super) struct SpanwiseToArrow {
    name: &'static str,
    decoder: Decoder,
    batch: SpanBatch,
    converter: Converter,
}

impl SpanwiseToArrow {
    fn new(name: &'static str, options: &ArrowOptions) -> Result<Self, OptionsError> {
        let decoder = Decoder::new(DecodeOptions::default());
        Ok(SpanwiseToArrow { name, decoder, batch: SpanBatch::new(), converter: Converter::new(options)? })
    }

    /// Every column, attributes, events and links included.
    pub(super) fn all_columns() -> Result<Self, OptionsError> {
        Self::new("spanwise to Arrow", &ArrowOptions::default())
    }

    /// Short ones.
    pub(super) fn three_columns() -> Result<Self, OptionsError> {
        let columns = ["name", "start_time", "duration_ns"].map(str::to_owned);
        let options = ArrowOptions { columns: Some(columns.into()), ..ArrowOptions::default() };
        Self::new("spanwise to Arrow, 3 columns", &options)
    }
}

impl Contestant for SpanwiseToArrow {
    fn name(&self) -> &'static str {
        self.name
    }

    fn task(&self) -> Task {
        Task::Arrow
    }

    fn reads(&self) -> Reads {
        Reads::Spans
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            self.decoder.decode(request.clone(), &mut self.batch).map_err(Refusal::because)?;
            black_box(self.converter.convert(&self.batch).map_err(Refusal::because)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        for request in requests {
            self.decoder.decode(request.clone(), &mut self.batch).map_err(Refusal::because)?;
            facts.add_batch(&self.batch)?;
            let rows = self.converter.convert(&self.batch).map_err(Refusal::because)?;
            if rows.num_rows() != self.batch.len() {
                return Err(Refusal(format!("{} rows of {} spans", rows.num_rows(), self.batch.len())));
            }
        }
        Ok(facts)
    }
}
