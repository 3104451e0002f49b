//! The base: the structs of `opentelemetry-proto`, filled by `serde_json`. What most Rust receivers do today.

use super::{BASE, Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use std::hint::black_box;

pub(super) struct ProtoSerdeJson;

fn decode(request: &[u8]) -> Result<ExportTraceServiceRequest, Refusal> {
    serde_json::from_slice(request).map_err(Refusal::because)
}

impl Contestant for ProtoSerdeJson {
    fn name(&self) -> &'static str {
        BASE
    }

    fn reads(&self) -> Reads {
        Reads::Spans
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            black_box(decode(request)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        for request in requests {
            facts.add_request(&decode(request)?)?;
        }
        Ok(facts)
    }
}
