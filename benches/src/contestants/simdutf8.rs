//! A limit: checking that the text is UTF-8, which every reader of JSON owes.

use super::{Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use std::hint::black_box;

pub(super) struct Simdutf8;

impl Contestant for Simdutf8 {
    fn name(&self) -> &'static str {
        "limit: simdutf8"
    }

    fn reads(&self) -> Reads {
        Reads::Bytes
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            black_box(simdutf8::basic::from_utf8(request).map_err(Refusal::because)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        self.run(requests)?;
        Ok(Facts { documents: requests.len() as u64, ..Facts::default() })
    }
}
