//! `sonic-rs` finding where the value ends: a lazy value of the whole text, UTF-8 checked.

use super::{Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use sonic_rs::LazyValue;
use std::hint::black_box;

pub(super) struct SonicRsSkip;

impl Contestant for SonicRsSkip {
    fn name(&self) -> &'static str {
        "sonic-rs lazy skip"
    }

    fn reads(&self) -> Reads {
        Reads::Grammar
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            black_box(sonic_rs::from_slice::<LazyValue<'_>>(request).map_err(Refusal::because)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        self.run(requests)?;
        Ok(Facts { documents: requests.len() as u64, ..Facts::default() })
    }
}
