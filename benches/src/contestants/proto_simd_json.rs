//! The same structs, filled by `simd-json`, which parses in place: the copy of the input that it needs is counted,
//! since a receiver's body is shared and read-only.

use super::{Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use simd_json::Buffers;
use std::hint::black_box;

#[derive(Default)]
pub(super) struct ProtoSimdJson {
    copy: Vec<u8>,
    buffers: Buffers,
}

impl ProtoSimdJson {
    fn decode(&mut self, request: &[u8]) -> Result<ExportTraceServiceRequest, Refusal> {
        self.copy.clear();
        self.copy.extend_from_slice(request);
        simd_json::serde::from_slice_with_buffers(&mut self.copy, &mut self.buffers).map_err(Refusal::because)
    }
}

impl Contestant for ProtoSimdJson {
    fn name(&self) -> &'static str {
        "opentelemetry-proto+simd-json"
    }

    fn reads(&self) -> Reads {
        Reads::Spans
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            black_box(self.decode(request)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        for request in requests {
            facts.add_request(&self.decode(request)?)?;
        }
        Ok(facts)
    }
}
