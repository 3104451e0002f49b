//! Reading a body: bounds, and clients that are slow on purpose.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::Answer;
use crate::budget::Reservation;

/// What a frame costs beside its bytes.
const FRAME_COST: usize = 64;
/// What is read and thrown away of a body that is too large, so that a client which sends all before it reads learns why.
const DRAINED: u64 = 256 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How long a client may take for a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// This long it may take whatever it sends. Default ten seconds.
    pub grace: Duration,
    /// After that it must have sent so many bytes for each second. Default 16 KiB.
    pub bytes_per_second: u32,
    /// And never longer than this. Default five minutes.
    pub longest: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { grace: Duration::from_secs(10), bytes_per_second: 16 << 10, longest: Duration::from_mins(5) }
    }
}

impl Pace {
    /// How long a client may take until the next bytes, from the beginning, when it has sent `received`.
    fn allowance(self, received: usize) -> Duration {
        let seconds = received as u64 / u64::from(self.bytes_per_second.max(1));
        (self.grace + Duration::from_secs(seconds)).min(self.longest)
    }
}

/// Reads all of a body. No byte is copied where it comes in one frame, and each once where it comes in several.
///
/// What is held is taken from `memory`.
pub(crate) async fn read<B>(
    body: B,
    limit: usize,
    pace: Pace,
    memory: &mut Reservation,
) -> Result<Bytes, Answer>
where
    B: Body<Data = Bytes>,
{
    let mut body = std::pin::pin!(body);
    if body.size_hint().lower() > limit as u64 {
        drain(body).await;
        return Err(Answer::TooLarge);
    }
    let begun = Instant::now();
    let mut frames: Vec<Bytes> = Vec::new();
    let mut len = 0;
    loop {
        let frame = match timeout_at(begun + pace.allowance(len), body.frame()).await {
            Err(_) => return Err(Answer::TooSlow),
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                return Err(Answer::Invalid { message: "the body broke off".to_owned(), field: None });
            }
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers are nobody's business.
        let Ok(data) = frame.into_data() else { continue };
        len += data.len();
        if len > limit {
            drop(frames);
            drain(body).await;
            return Err(Answer::TooLarge);
        }
        memory.grow(data.len() + FRAME_COST).map_err(|_| Answer::Overload)?;
        frames.push(data);
    }
    match <[Bytes; 1]>::try_from(frames) {
        Ok([frame]) => Ok(frame),
        Err(frames) => {
            let mut whole = BytesMut::with_capacity(len);
            for frame in &frames {
                whole.extend_from_slice(frame);
            }
            memory.shrink_to(len);
            Ok(whole.freeze())
        }
    }
}

/// Reads and throws away, within bounds.
async fn drain<B: Body<Data = Bytes>>(mut body: std::pin::Pin<&mut B>) {
    let drained = async {
        let mut left = DRAINED;
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(len) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whether it ended in time makes no difference.
    let _ = timeout(DRAIN_TIME, drained).await;
}
