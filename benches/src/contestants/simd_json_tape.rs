//! `simd-json`'s tape: everything parsed, unescaped and written down as nodes, nothing typed.
//!
//! At its best: tape and buffers are reused, and neither the copy that parsing in place needs nor the padding is
//! counted. The copy is made before each run, so that the text is as warm as it can be.

use super::facts::id_of_hex;
use super::{Contestant, Facts, Reads, Refusal, TAPE};
use bytes::Bytes;
use simd_json::prelude::ValueAsScalar;
use simd_json::tape::{Tape, Value};
use simd_json::{Buffers, INPUT_PADDING};
use std::hint::black_box;

pub(super) struct SimdJsonTape {
    /// The requests back to back, with padding at the end.
    text: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
}

impl Default for SimdJsonTape {
    fn default() -> Self {
        SimdJsonTape { text: Vec::new(), buffers: Buffers::default(), tape: Tape(Vec::new()) }
    }
}

impl SimdJsonTape {
    fn each(
        &mut self,
        requests: &[Bytes],
        mut look: impl FnMut(&Tape<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut start = 0;
        for request in requests {
            let text = &mut self.text[start..start + request.len() + INPUT_PADDING];
            let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
            simd_json::fill_tape_padded(text, request.len(), &mut self.buffers, &mut tape)
                .map_err(Refusal::because)?;
            look(&tape)?;
            self.tape = tape.reset();
            start += request.len();
        }
        Ok(())
    }
}

impl Contestant for SimdJsonTape {
    fn name(&self) -> &'static str {
        TAPE
    }

    fn reads(&self) -> Reads {
        Reads::Tree
    }

    fn prepare(&mut self, requests: &[Bytes]) {
        self.text.clear();
        for request in requests {
            self.text.extend_from_slice(request);
        }
        self.text.extend_from_slice(&[0; INPUT_PADDING]);
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        self.each(requests, |tape| {
            black_box(tape.0.len());
            Ok(())
        })
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        self.each(requests, |tape| {
            facts.documents += 1;
            add_request(tape.as_value(), &mut facts).ok_or_else(|| Refusal("not the shape of OTLP".into()))
        })?;
        Ok(facts)
    }
}

fn add_request(request: Value<'_, '_>, facts: &mut Facts) -> Option<()> {
    for resource in &request.get("resourceSpans")?.as_array()? {
        for scope in &resource.get("scopeSpans")?.as_array()? {
            for span in &scope.get("spans")?.as_array()? {
                facts.add_span(
                    id_of_hex(span.get("spanId")?.as_str()?)?,
                    span.get("name")?.as_str()?.len(),
                    span.get("attributes")?.as_array()?.len(),
                );
            }
        }
    }
    Some(())
}
