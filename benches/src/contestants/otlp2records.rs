//! `otlp2records`: the other crate that goes from OTLP JSON to Arrow.

use super::facts::id_of_bytes;
use super::{Contestant, Facts, Reads, Refusal, Task};
use arrow_array::{Array, FixedSizeBinaryArray, RecordBatch, StringArray};
use bytes::Bytes;
use otlp2records::InputFormat;
use std::hint::black_box;

pub(super) struct Otlp2Records;

fn transform(request: &[u8]) -> Result<RecordBatch, Refusal> {
    otlp2records::transform_traces(request, InputFormat::Json).map_err(Refusal::because)
}

impl Contestant for Otlp2Records {
    fn name(&self) -> &'static str {
        "otlp2records"
    }

    fn task(&self) -> Task {
        Task::Arrow
    }

    fn reads(&self) -> Reads {
        Reads::Spans
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            black_box(transform(request)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        // Its attributes are one column of JSON text: they are not counted.
        let mut facts = Facts { attributes: None, ..Facts::nothing() };
        for request in requests {
            facts.documents += 1;
            add_rows(&transform(request)?, &mut facts)
                .ok_or_else(|| Refusal("columns are missing".into()))?;
        }
        Ok(facts)
    }
}

fn add_rows(batch: &RecordBatch, facts: &mut Facts) -> Option<()> {
    let ids = batch.column_by_name("span_id")?.as_any().downcast_ref::<FixedSizeBinaryArray>()?;
    let names = batch.column_by_name("name")?.as_any().downcast_ref::<StringArray>()?;
    for row in 0..batch.num_rows() {
        facts.add_span(id_of_bytes(ids.value(row))?, names.value(row).len(), 0);
    }
    Some(())
}
