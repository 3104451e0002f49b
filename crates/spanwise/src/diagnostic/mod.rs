//! What decode found wrong, and where.
//!
//! While decoding, a finding is a code, an offset and a few path steps in reused buffers: nothing is formatted and
//! nothing is allocated. [`Diagnostic`]s are made from those when somebody reads them.
//!
//! No diagnostic holds a value or an attribute key of the user's: paths consist of schema names and indices, messages are
//! fixed sentences, and the excerpt shows the JSON with the content of everything but schema names masked.

mod code;
mod excerpt;
mod line_number;
mod log;

pub use code::{Code, Layer, Severity};
pub use log::Diagnostics;

pub(crate) use code::{Effect, Unread};
pub(crate) use line_number::Counting;
pub use line_number::LineNumber;
pub(crate) use log::{DiagnosticLog, Lines, Origin, Step};

/// One finding, with its place in words.
///
/// Its [`Display`](std::fmt::Display) form is the rendered one: severity, code and message, the place, and at most 80
/// bytes round it with a caret, all strings but schema names masked.
///
/// ```
/// let batch = spanwise::decode(&br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
/// "spanId":"b7ad6b7169203331","name":"chat","kind":"SPAN_KIND_CLIENT"}]}]}]}"#[..]).unwrap();
/// let diagnostic = batch.diagnostics().next().unwrap();
/// assert_eq!(diagnostic.code, spanwise::Code::EnumName);
/// assert_eq!(diagnostic.path, "resourceSpans[0].scopeSpans[0].spans[0].kind");
/// assert_eq!((diagnostic.line, diagnostic.column), (2, 50));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// How serious it is.
    pub severity: Severity,
    /// What kind of finding it is.
    pub code: Code,
    /// Schema names and indices from the document's root; empty for the document itself.
    pub path: String,
    /// Byte offset in the input, from 0.
    pub offset: u64,
    /// Line in the input, from 1.
    pub line: u64,
    /// Column in bytes, from 1.
    pub column: u64,
    excerpt: excerpt::Excerpt,
}

impl Diagnostic {
    /// The meaning of the code, in a sentence.
    pub const fn message(&self) -> &'static str {
        self.code.message()
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}[{}]: {}", self.severity, self.code, self.code.message())?;
        write!(f, "  at {}", Place(self))?;
        self.excerpt.render(f)
    }
}

/// Where a finding is, in words.
struct Place<'a>(&'a Diagnostic);

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Diagnostic { path, line, column, offset, .. } = self.0;
        if !path.is_empty() {
            write!(f, "{path}, ")?;
        }
        write!(f, "line {line}, column {column} (offset {offset})")
    }
}

/// A rejected document: broken JSON, broken UTF-8 (strict), or a bound exceeded. An HTTP receiver answers 400.
///
/// Its [`Display`](std::fmt::Display) form is a line, for logs; that of the [diagnostic](Self::diagnostic), which shows the JSON
/// around the place, is several.
///
/// ```
/// let error = spanwise::decode(&br#"{"resourceSpans":["#[..]).unwrap_err();
/// assert_eq!(error.diagnostic().code, spanwise::Code::UnexpectedEnd);
/// assert_eq!(error.diagnostic().offset, 18);
/// assert_eq!(
///     error.to_string(),
///     "unexpected-end: the text ends inside a JSON value, at resourceSpans[0], line 1, column 19 (offset 18)"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Diagnostic>);

impl DecodeError {
    pub(crate) fn new(diagnostic: Diagnostic) -> Self {
        Self(Box::new(diagnostic))
    }

    /// What and where.
    pub fn diagnostic(&self) -> &Diagnostic {
        &self.0
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Diagnostic { code, .. } = &*self.0;
        write!(f, "{code}: {}, at {}", code.message(), Place(&self.0))
    }
}

impl std::error::Error for DecodeError {}
