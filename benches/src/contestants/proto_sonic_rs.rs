//! The same structs, filled by `sonic-rs`.
//!
//! `sonic-rs` chooses its vectors when compiled: without `target-cpu=native` it uses those that every `x86_64` has.
//! Published figures are without, as a receiver that is shipped to others' machines is.

use super::{Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use std::hint::black_box;

pub(super) struct ProtoSonicRs;

fn decode(request: &[u8]) -> Result<ExportTraceServiceRequest, Refusal> {
    sonic_rs::from_slice(request).map_err(Refusal::because)
}

impl Contestant for ProtoSonicRs {
    fn name(&self) -> &'static str {
        "opentelemetry-proto+sonic-rs"
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
