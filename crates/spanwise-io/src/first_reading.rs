//! [`FirstReading`]: sources are read for the requests alone, before they are read for all else.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use spanwise::llm::Requests;
use spanwise::{Decoder, SpanBatch};

use crate::scan::{Piece, Scan};
use crate::settings::ReadSettings;
use crate::source::Source;

/// Goes through sources and notes their spans, in their order, to tell which stand for a request. What cannot be read is passed
/// over: the reading that comes after it finds it as well.
///
/// ```
/// use spanwise_io::{FirstReading, ReadSettings, Source};
/// let named = r#"{"key":"gen_ai.request.model","value":{"stringValue":"heron"}}"#;
/// let span = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{named}]}}]}}]}}]}}"#);
/// let sources = ["{}", &span, "no JSON", &span].map(|text| Source::Bytes(text.to_owned().into()));
/// let requests = FirstReading::new(sources.into(), ReadSettings::default(), 1).finish();
/// assert_eq!((requests.spans(), requests.counted().count()), (2, 2));
/// ```
#[must_use = "sources are read as it is polled"]
pub struct FirstReading {
    /// The batches of what could be read.
    scan: Scan<Option<SpanBatch>>,
    /// Batches that were noted, to be filled again.
    spare: Arc<Mutex<Vec<SpanBatch>>>,
    requests: Requests,
}

/// How many spans were noted, and none of what they say.
impl fmt::Debug for FirstReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstReading").field("spans", &self.spans()).finish_non_exhaustive()
    }
}

fn take(spare: &Mutex<Vec<SpanBatch>>) -> SpanBatch {
    spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

impl FirstReading {
    /// A reading on `threads` threads, as [`Scan::new`] has them. Of `settings` the projection is its own: it decodes no more than
    /// it looks at.
    pub fn new(sources: Vec<Source>, mut settings: ReadSettings, threads: usize) -> Self {
        settings.decode.projection = Requests::PROJECTION;
        let options = settings.decode;
        let spare = Arc::default();
        let scan = Scan::joining(sources, settings, threads, || {
            let (mut decoder, spare) = (Decoder::new(options), Arc::clone(&spare));
            move |Piece { sources, block, .. }| {
                let mut batch = take(&spare);
                let read = block.is_ok_and(|block| decoder.decode_framed(block, &mut batch).is_ok());
                let taken = sources == 1 || read && Piece::is_sum_of(sources, &batch);
                taken.then(|| read.then_some(batch))
            }
        });
        Self { scan, spare, requests: Requests::default() }
    }

    /// Goes on, but waits no longer than `patience` for other threads. Ready when all was read.
    pub fn poll(&mut self, patience: Duration) -> Poll<()> {
        match self.scan.poll(patience) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(()),
            Poll::Ready(Some(batch)) => {
                if let Some(batch) = batch {
                    self.requests.add_batch(&batch);
                    self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
                }
                Poll::Pending
            }
        }
    }

    /// Spans that were noted so far.
    pub fn spans(&self) -> usize {
        self.requests.spans()
    }

    /// Goes on to the end, and gives what was noted.
    pub fn finish(mut self) -> Requests {
        while self.poll(Duration::MAX).is_pending() {}
        self.requests
    }
}
