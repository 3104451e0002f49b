//! `jiter` stepping over the whole value.

use super::{Contestant, Facts, Reads, Refusal};
use bytes::Bytes;
use jiter::Jiter;

pub(super) struct JiterSkip;

impl Contestant for JiterSkip {
    fn name(&self) -> &'static str {
        "jiter skip"
    }

    fn reads(&self) -> Reads {
        Reads::Grammar
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            let mut jiter = Jiter::new(request);
            jiter.next_skip().and_then(|()| jiter.finish()).map_err(Refusal::because)?;
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        self.run(requests)?;
        Ok(Facts { documents: requests.len() as u64, ..Facts::default() })
    }
}
