//! A limit: copying the text, which is as fast as it can be touched and written once.

use super::{Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use std::hint::black_box;

#[derive(Default)]
pub(super) struct Memcpy {
    copy: Vec<u8>,
}

impl Contestant for Memcpy {
    fn name(&self) -> &'static str {
        "limit: memcpy"
    }

    fn reads(&self) -> Reads {
        Reads::Bytes
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            self.copy.clear();
            self.copy.extend_from_slice(request);
            black_box(self.copy.as_slice());
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        self.run(requests)?;
        Ok(Facts { documents: requests.len() as u64, ..Facts::default() })
    }
}
