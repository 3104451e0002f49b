//! Requests: which spans, written by whom, in which layout, make one request of each corpus.

use crate::Corpus;
use crate::json::{Escapes, Json, Layout, Spacing};
use crate::random::Random;
use crate::span::{Attributes, Chain, Dialect, Scope, Span};
use crate::text::Tongue;
use crate::{llm, micro, nested, openrouter};

/// One request: the elements of its `resourceSpans`, and how they are laid out.
pub(crate) struct Request {
    pub(crate) resource_spans: Vec<Json>,
    pub(crate) spans: u64,
    pub(crate) layout: Layout,
}

/// An endless stream of requests of one corpus.
pub(crate) struct Requests {
    corpus: Corpus,
    random: Random,
    chain: Chain,
    /// Draws the orders of members apart from the content, so that `shuffled` has the spans of `micro`.
    order: Random,
    first: bool,
}

const INDENTED: Layout = Layout { spacing: Spacing::Indented, escapes: Escapes::Utf8 };

impl Requests {
    pub(crate) fn new(corpus: Corpus, seed: u64) -> Requests {
        let mut random = Random::new(seed);
        let chain = Chain::new(&mut random);
        Requests { corpus, random, chain, order: Random::new(!seed), first: true }
    }

    pub(crate) fn next(&mut self) -> Request {
        match self.corpus {
            Corpus::Llm => self.llm(Tongue::English, Dialect::Javascript, Layout::COMPACT),
            Corpus::Unicode => self.llm(Tongue::Mixed, Dialect::Javascript, Layout::COMPACT),
            Corpus::Cjk => {
                let ascii = Layout { spacing: Spacing::Compact, escapes: Escapes::Ascii };
                self.llm(Tongue::Mixed, Dialect::Javascript, ascii)
            }
            Corpus::Openrouter => {
                let resource_spans = openrouter::delivery(&mut self.random);
                Request { spans: resource_spans.len() as u64, resource_spans, layout: Layout::COMPACT }
            }
            Corpus::Micro => self.micro(Layout::COMPACT),
            Corpus::Pretty => self.micro(INDENTED),
            Corpus::Shuffled => {
                let mut request = self.micro(Layout::COMPACT);
                request.resource_spans.iter_mut().for_each(|element| element.shuffle(&mut self.order));
                request
            }
            Corpus::Mixed => self.mixed(),
            Corpus::Nested => {
                let resource = llm::resource(&mut self.random);
                self.fill(resource, &nested::SCOPE, Dialect::Python, Layout::COMPACT, nested::span)
            }
            Corpus::Tiny => self.tiny(),
        }
    }

    /// A request of about a drawn size: spans until that size is reached.
    fn fill(
        &mut self,
        resource: Attributes,
        scope: &Scope,
        dialect: Dialect,
        layout: Layout,
        span: impl FnMut(&mut Random, &mut Chain) -> Span,
    ) -> Request {
        let size = self.random.request_size();
        self.fill_to(size, resource, scope, dialect, layout, span)
    }

    fn fill_to(
        &mut self,
        size: usize,
        resource: Attributes,
        scope: &Scope,
        dialect: Dialect,
        layout: Layout,
        mut span: impl FnMut(&mut Random, &mut Chain) -> Span,
    ) -> Request {
        let mut spans = Vec::new();
        let mut filled = 400;
        while spans.is_empty() || layout.expand(filled) < size {
            let next = dialect.span(span(&mut self.random, &mut self.chain));
            filled += next.size();
            spans.push(next);
        }
        let count = spans.len() as u64;
        let resource_spans = vec![dialect.resource_spans(resource, scope, spans)];
        Request { resource_spans, spans: count, layout }
    }

    fn llm(&mut self, tongue: Tongue, dialect: Dialect, layout: Layout) -> Request {
        let size = match tongue {
            Tongue::English => self.random.between(40, 64) * 1000,
            // As `\uXXXX` the same request is almost twice as long.
            Tongue::Mixed => self.random.between(12, 32) * 1000,
        };
        let size = usize::try_from(size).unwrap_or(0);
        let resource = llm::resource(&mut self.random);
        self.fill_to(size, resource, &llm::SCOPE, dialect, layout, |random, chain| {
            llm::span(random, chain, tongue)
        })
    }

    fn micro(&mut self, layout: Layout) -> Request {
        let resource = micro::resource(&mut self.random);
        self.fill(resource, &micro::SCOPE, Dialect::Collector, layout, micro::span)
    }

    fn tiny(&mut self) -> Request {
        let mut span = micro::span(&mut self.random, &mut self.chain);
        span.attributes.truncate(9);
        let resource = micro::tiny_resource("orchard-web");
        let spans = vec![Dialect::Javascript.span(span)];
        let scope = Scope { name: "orchard", version: "1.0.0" };
        let resource_spans = vec![Dialect::Javascript.resource_spans(resource, &scope, spans)];
        Request { resource_spans, spans: 1, layout: Layout::COMPACT }
    }

    /// The first request is an indented one, so that whoever sniffs the start sees at once that the stream is
    /// one of documents and not of lines.
    fn mixed(&mut self) -> Request {
        let writer = if std::mem::take(&mut self.first) { 3 } else { self.random.below(4) };
        let (dialect, spacing, escapes) = match writer {
            0 => (Dialect::Javascript, Spacing::Compact, Escapes::Utf8),
            1 => (Dialect::Collector, Spacing::Compact, Escapes::Html),
            2 => (Dialect::Python, Spacing::Spaced, Escapes::Ascii),
            _ => (Dialect::Gateway, Spacing::Indented, Escapes::Utf8),
        };
        let resource = micro::resource(&mut self.random);
        // The last span of a request may be a long one, and indented or escaped.
        let size = self.random.request_size().min(44 * 1024);
        let layout = Layout { spacing, escapes };
        self.fill_to(size, resource, &micro::SCOPE, dialect, layout, |random, chain| {
            let mut span = match random.below(16) {
                0 => llm::span(random, chain, Tongue::English),
                1 => llm::span(random, chain, Tongue::Mixed),
                2 => nested::span(random, chain),
                _ => micro::span(random, chain),
            };
            micro::decorate(random, &mut span);
            span
        })
    }
}
