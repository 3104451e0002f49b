//! `serde_json` checking the grammar and keeping nothing.

use super::{Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use serde::de::IgnoredAny;
use std::hint::black_box;

pub(super) struct SerdeJsonSkip;

impl Contestant for SerdeJsonSkip {
    fn name(&self) -> &'static str {
        "serde_json IgnoredAny"
    }

    fn reads(&self) -> Reads {
        Reads::Grammar
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            black_box(serde_json::from_slice::<IgnoredAny>(request).map_err(Refusal::because)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        self.run(requests)?;
        Ok(Facts { documents: requests.len() as u64, ..Facts::default() })
    }
}
