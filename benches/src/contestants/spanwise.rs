//! `spanwise`: decoded into a batch that is reused, from shared bytes, with its default options: lenient mode, all
//! bounds, duplicate members and keys found, UTF-8 checked, errors with offsets.

use super::{Contestant, Facts, OURS, Reads, Refusal};
use bytes::Bytes;
use spanwise::{DecodeOptions, Decoder, Mode, SpanBatch};
use std::hint::black_box;

pub(super) struct Spanwise {
    decoder: Decoder,
    batch: SpanBatch,
}

impl Default for Spanwise {
    fn default() -> Self {
        Spanwise { decoder: Decoder::new(DecodeOptions::default()), batch: SpanBatch::new() }
    }
}

impl Contestant for Spanwise {
    fn name(&self) -> &'static str {
        OURS
    }

    fn reads(&self) -> Reads {
        Reads::Spans
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            self.decoder.decode(request.clone(), &mut self.batch).map_err(Refusal::because)?;
            black_box(self.batch.len());
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        for request in requests {
            self.decoder.decode(request.clone(), &mut self.batch).map_err(Refusal::because)?;
            facts.add_batch(&self.batch)?;
        }
        // The corpora are strictly valid: a strict decoder has nothing to say about them, or is wrong.
        let mut strict = Decoder::new(DecodeOptions::default().with_mode(Mode::Strict));
        for request in requests {
            strict.decode(request.clone(), &mut self.batch).map_err(Refusal::because)?;
            let said = self.batch.error_count() + self.batch.warning_count() + self.batch.rejected_spans();
            if said > 0 {
                return Err(Refusal(format!("{said} errors, warnings and rejected spans in strict mode")));
            }
        }
        Ok(facts)
    }
}
