//! Reading a body: bounds, and clients that are slow on purpose.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, LengthLimitError};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::{Answer, Bound};
use crate::budget::Reservation;

/// What a frame keeps in memory, however short it is: the buffer of a connection is given in pieces of this size.
pub(crate) const READ_AT_ONCE: usize = 8 << 10;
/// What is made room for once a second frame comes, if so much can come.
const LEAST_ROOM: usize = 64 << 10;
/// What is read and thrown away of a body that is refused, so that a client which sends all before it reads learns why.
const DRAINED: u64 = 256 << 20;
/// The same of a request without a secret: as much as most deliveries have. Who sends more may lose the answer.
const DRAINED_OF_ANYBODY: u64 = 1 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Longer than anything lasts, and short enough that clocks can count it.
pub(crate) const FOREVER: Duration = Duration::from_hours(30 * 365 * 24);

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
        self.grace.saturating_add(Duration::from_secs(seconds)).min(self.longest).min(FOREVER)
    }
}

/// What the error of a body becomes.
pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

/// A body, and whether anything of it was asked for: a client that waits for that is told then to send it (RFC 9110, 10.1.1).
pub(crate) struct Asked<'a, B> {
    body: Pin<&'a mut B>,
    pub(crate) was_asked: bool,
}

impl<'a, B> Asked<'a, B> {
    pub(crate) fn new(body: Pin<&'a mut B>) -> Self {
        Self { body, was_asked: false }
    }
}

impl<B: Body> Body for Asked<'_, B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.was_asked = true;
        self.body.as_mut().poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Reads all of a body. No byte is copied where it comes in one frame, and each once where it comes in several and their length
/// was announced.
///
/// What is held is taken from `memory`.
pub(crate) async fn read<B>(
    mut body: Pin<&mut B>,
    limit: usize,
    pace: Pace,
    memory: &mut Reservation,
) -> Result<Bytes, Answer>
where
    B: Body<Data = Bytes, Error: Into<BodyError>>,
{
    let hint = body.size_hint();
    if hint.lower() > limit as u64 {
        return Err(Answer::TooLarge(Bound::Body(limit)));
    }
    let most = hint.upper().and_then(|most| usize::try_from(most).ok()).unwrap_or(limit).min(limit);
    let begun = Instant::now();
    let mut gathered = Gathered::default();
    loop {
        let frame = match timeout_at(begun + pace.allowance(gathered.len()), body.frame()).await {
            Err(_) => return Err(Answer::TooSlow),
            Ok(None) => return Ok(gathered.finish(memory)),
            Ok(Some(Err(error))) => {
                let error: BodyError = error.into();
                return Err(broken_off(&*error));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers are nobody's business.
        let Ok(data) = frame.into_data() else { continue };
        // Nothing to hold, and no first frame either.
        if data.is_empty() {
            continue;
        }
        if gathered.len() + data.len() > limit {
            return Err(Answer::TooLarge(Bound::Body(limit)));
        }
        gathered.add(data, most, memory)?;
    }
}

/// The answer to a body that does not come to its end. It may be a layer in front of the receiver that ends it.
fn broken_off(error: &(dyn Error + 'static)) -> Answer {
    let mut error = Some(error);
    while let Some(some) = error {
        if some.is::<LengthLimitError>() {
            return Answer::TooLarge(Bound::Layer);
        }
        error = some.source();
    }
    Answer::Invalid { message: "the body broke off".to_owned(), field: None }
}

/// What came of a body so far.
///
/// The first frame is kept as it is. Those behind it are not: a frame of one byte keeps the whole buffer that it was read into.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    /// All, once there is more than one.
    whole: Vec<u8>,
}

impl Gathered {
    fn len(&self) -> usize {
        self.first.len() + self.whole.len()
    }

    /// Adds a frame, of a body that is most likely no longer than `most`.
    fn add(&mut self, data: Bytes, most: usize, memory: &mut Reservation) -> Result<(), Answer> {
        if self.len() == 0 {
            memory.take(data.len().max(READ_AT_ONCE))?;
            self.first = data;
            return Ok(());
        }
        let (len, room) = (self.len() + data.len(), self.whole.capacity());
        if len > room {
            // As much again each time, so that little is copied, and no more than can come.
            let wanted = (room * 2).max(LEAST_ROOM).min(most).max(len);
            memory.take(wanted - room)?;
            self.whole.reserve_exact(wanted - self.whole.len());
        }
        self.whole.extend_from_slice(&std::mem::take(&mut self.first));
        self.whole.extend_from_slice(&data);
        Ok(())
    }

    /// All that came. What is reserved is what it takes.
    fn finish(self, memory: &mut Reservation) -> Bytes {
        if self.whole.is_empty() {
            return self.first;
        }
        memory.shrink_to(self.whole.capacity());
        self.whole.into()
    }
}

/// Reads and throws away, within bounds: little of what has no secret.
pub(crate) async fn drain<B: Body<Data = Bytes>>(mut body: Pin<&mut B>, has_secret: bool) {
    let drained = async {
        let mut left = if has_secret { DRAINED } else { DRAINED_OF_ANYBODY };
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use http_body::{Frame, SizeHint};

    use super::*;
    use crate::budget::Budget;

    /// The buffer of a connection, of which a frame is one byte.
    struct Buffer(u8, Arc<AtomicUsize>);

    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            std::slice::from_ref(&self.0)
        }
    }

    impl Drop for Buffer {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Frames of one byte, each in a buffer of its own, and the most of these that were there at a time.
    struct Bytewise {
        text: VecDeque<u8>,
        announced: bool,
        alive: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    impl Body for Bytewise {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Some(byte) = self.text.pop_front() else { return Poll::Ready(None) };
            let alive = self.alive.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(alive, Ordering::SeqCst);
            let frame = Bytes::from_owner(Buffer(byte, Arc::clone(&self.alive)));
            Poll::Ready(Some(Ok(Frame::data(frame))))
        }

        fn size_hint(&self) -> SizeHint {
            if self.announced { SizeHint::with_exact(self.text.len() as u64) } else { SizeHint::default() }
        }
    }

    #[tokio::test]
    async fn short_frames_hold_no_more_than_their_bytes() {
        let text: Vec<u8> = (0..=255).cycle().take(200_000).collect();
        for announced in [true, false] {
            let most = Arc::new(AtomicUsize::new(0));
            let body = Bytewise {
                text: text.clone().into(),
                announced,
                alive: Arc::default(),
                most: Arc::clone(&most),
            };
            let budget = Budget::new(1 << 30);
            let mut memory = budget.reserve();
            let body = std::pin::pin!(body);
            let read = read(body, 1 << 20, Pace::default(), &mut memory).await.map_err(|_| ()).unwrap();
            assert_eq!(read, text);
            // The first one, and the one that comes.
            assert_eq!(most.load(Ordering::SeqCst), 2);
            let reserved = if announced { 200_000 } else { 256 << 10 };
            assert_eq!((memory.bytes(), budget.used()), (reserved, reserved));
        }
    }

    /// These frames.
    struct Frames(VecDeque<&'static str>);

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let frame = self.0.pop_front();
            Poll::Ready(frame.map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
        }
    }

    #[tokio::test]
    async fn empty_frames_hold_nothing() {
        let frames = |text: &'static str| {
            let empty = std::iter::repeat_n("", 1000);
            let all = empty.clone().chain([text]).chain(empty).collect();
            Frames(all)
        };
        for (text, reserved) in [("", 0), ("text", READ_AT_ONCE)] {
            let budget = Budget::new(1 << 20);
            let mut memory = budget.reserve();
            let body = std::pin::pin!(frames(text));
            let read = read(body, 9, Pace::default(), &mut memory).await.map_err(|_| ()).unwrap();
            assert_eq!((&read[..], memory.bytes()), (text.as_bytes(), reserved));
        }
    }

    #[tokio::test]
    async fn a_body_beyond_the_bound_is_refused_whether_its_length_is_announced_or_not() {
        for announced in [true, false] {
            for limit in [999, 1000] {
                let most = Arc::new(AtomicUsize::new(0));
                let text = vec![7; 1000].into();
                let body = Bytewise { text, announced, alive: Arc::default(), most: Arc::clone(&most) };
                let mut memory = Budget::new(1 << 30).reserve();
                let read = read(std::pin::pin!(body), limit, Pace::default(), &mut memory).await;
                let expected =
                    if limit < 1000 { Err(Answer::TooLarge(Bound::Body(limit))) } else { Ok(1000) };
                assert_eq!(read.map(|body| body.len()), expected, "{announced}");
                // What is announced as too long is not even begun.
                assert_eq!(most.load(Ordering::SeqCst) > 0, !announced || limit == 1000);
            }
        }
    }

    #[tokio::test]
    async fn a_body_of_one_frame_is_that_frame() {
        let frame = Bytes::from_static(b"one frame");
        let place = frame.as_ptr();
        let budget = Budget::new(1 << 20);
        let mut memory = budget.reserve();
        let body = std::pin::pin!(http_body_util::Full::new(frame));
        let read = read(body, 9, Pace::default(), &mut memory).await.map_err(|_| ()).unwrap();
        assert_eq!((read.as_ptr(), &read[..], memory.bytes()), (place, &b"one frame"[..], READ_AT_ONCE));
    }
}
