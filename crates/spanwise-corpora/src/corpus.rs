//! The corpora by name, and their two forms.

use crate::json::Layout;
use crate::request::{Request, Requests};
use std::fmt;
use std::io;
use std::ops::Range;

/// A kind of trace stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Corpus {
    /// GenAI spans of 28 attributes, with prompts as escaped JSON in strings: a backslash about every 44 bytes.
    /// Requests of 40 to 74 KB.
    Llm,
    /// Deliveries of OpenRouter's Broadcast webhook: three spans, the prompt sent three times.
    Openrouter,
    /// Spans of 13 short attributes, compact, as the OpenTelemetry Collector writes them.
    Micro,
    /// The same kind of spans, indented by two.
    Pretty,
    /// GenAI spans whose long text is Chinese, Japanese, Korean, Cyrillic, emoji, as UTF-8.
    Unicode,
    /// The spans of `unicode` of the same seed, with all beyond ASCII as `\uXXXX`.
    Cjk,
    /// The spans of `micro` of the same seed, with the members of every object in random order.
    Shuffled,
    /// Four writers' layouts in one stream, with events and links. The first request is an indented one.
    Mixed,
    /// Arrays and key-value lists: structured messages, numbers, trees.
    Nested,
    /// Requests of one span and about 1 KB.
    Tiny,
}

/// How a corpus is cut into JSON documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// One document that holds everything.
    Document,
    /// One document a request, each followed by a newline. The requests of `pretty`, and some of `mixed`, span
    /// several lines; those of the other corpora are one line each.
    Ndjson,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// The length of the text.
    pub bytes: u64,
    /// The number of spans in it.
    pub spans: u64,
    /// The number of JSON documents in it.
    pub documents: u64,
}

/// A corpus in memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Sample {
    /// The text.
    pub bytes: Vec<u8>,
    /// Where each document stands in it, without the newline.
    pub documents: Vec<Range<usize>>,
    /// What is in it.
    pub stats: Stats,
}

impl Corpus {
    /// All corpora.
    pub const ALL: &[Corpus] = &[
        Corpus::Llm,
        Corpus::Openrouter,
        Corpus::Micro,
        Corpus::Pretty,
        Corpus::Unicode,
        Corpus::Cjk,
        Corpus::Shuffled,
        Corpus::Mixed,
        Corpus::Nested,
        Corpus::Tiny,
    ];

    /// The corpus of that name, as [`Corpus::name`] gives it.
    pub fn parse(name: &str) -> Option<Corpus> {
        Corpus::ALL.iter().copied().find(|corpus| corpus.name() == name)
    }

    /// The corpus's name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Corpus::Llm => "llm",
            Corpus::Openrouter => "openrouter",
            Corpus::Micro => "micro",
            Corpus::Pretty => "pretty",
            Corpus::Unicode => "unicode",
            Corpus::Cjk => "cjk",
            Corpus::Shuffled => "shuffled",
            Corpus::Mixed => "mixed",
            Corpus::Nested => "nested",
            Corpus::Tiny => "tiny",
        }
    }

    /// Writes whole requests until `size` bytes are reached, and returns what was written.
    ///
    /// Memory holds one request at a time, whatever the size. At least one request is written.
    pub fn write(self, seed: u64, size: u64, form: Form, out: &mut impl io::Write) -> io::Result<Stats> {
        self.emit(seed, size, form, |piece| out.write_all(piece))
    }

    /// The same text as [`Corpus::write`] in memory, with the place of each document.
    pub fn sample(self, seed: u64, size: u64, form: Form) -> Sample {
        let mut bytes = Vec::new();
        let mut documents: Vec<Range<usize>> = Vec::new();
        let stats = self.emit(seed, size, form, |piece| {
            let start = bytes.len();
            bytes.extend_from_slice(piece);
            documents.push(start..bytes.len() - usize::from(piece.ends_with(b"\n")));
            Ok(())
        });
        if form == Form::Document {
            documents.clear();
            documents.push(0..bytes.len() - 1);
        }
        Sample { stats: stats.unwrap_or_default(), bytes, documents }
    }

    /// The same text as [`Corpus::write`] in memory.
    pub fn to_vec(self, seed: u64, size: u64, form: Form) -> Vec<u8> {
        self.sample(seed, size, form).bytes
    }

    /// Hands the text to `take` in pieces; in the form [`Form::Ndjson`] each piece is one document and its newline.
    fn emit(
        self,
        seed: u64,
        size: u64,
        form: Form,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Stats> {
        let mut requests = Requests::new(self, seed);
        let mut stats = Stats::default();
        let mut piece = Vec::new();
        let mut layout = Layout::COMPACT;
        while stats.bytes < size.max(1) {
            let request = requests.next();
            piece.clear();
            if form == Form::Ndjson || stats.bytes == 0 {
                open(request.layout, &mut piece);
                stats.documents += 1;
            } else {
                request.layout.comma(2, &mut piece);
            }
            layout = request.layout;
            write_elements(&request, &mut piece);
            if form == Form::Ndjson {
                close(layout, &mut piece);
            }
            take(&piece)?;
            stats.bytes += piece.len() as u64;
            stats.spans += request.spans;
        }
        if form == Form::Document {
            piece.clear();
            close(layout, &mut piece);
            take(&piece)?;
            stats.bytes += piece.len() as u64;
        }
        Ok(stats)
    }
}

impl fmt::Display for Corpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Form {
    /// Both forms.
    pub const ALL: &[Form] = &[Form::Ndjson, Form::Document];

    /// The form of that name, as [`Form::name`] gives it.
    pub fn parse(name: &str) -> Option<Form> {
        Form::ALL.iter().copied().find(|form| form.name() == name)
    }

    /// `document` or `ndjson`.
    pub fn name(self) -> &'static str {
        match self {
            Form::Document => "document",
            Form::Ndjson => "ndjson",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

fn open(layout: Layout, out: &mut Vec<u8>) {
    out.push(b'{');
    layout.break_line(1, out);
    layout.name("resourceSpans", out);
    out.push(b'[');
    layout.break_line(2, out);
}

fn write_elements(request: &Request, out: &mut Vec<u8>) {
    for (row, element) in request.resource_spans.iter().enumerate() {
        if row > 0 {
            request.layout.comma(2, out);
        }
        element.write(request.layout, 2, out);
    }
}

fn close(layout: Layout, out: &mut Vec<u8>) {
    layout.break_line(1, out);
    out.push(b']');
    layout.break_line(0, out);
    out.extend_from_slice(b"}\n");
}
