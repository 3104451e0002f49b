//! The table of diagnostic codes.

use crate::{UnknownWord, words};

/// How serious a finding is.
///
/// ```
/// use spanwise::Severity;
/// assert_eq!((Severity::Warning.to_string(), "error".parse()), ("warning".to_owned(), Ok(Severity::Error)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing was lost.
    Info,
    /// A liberty was taken, or something was ignored.
    Warning,
    /// A span or a document was rejected, or a file breaks the rules.
    Error,
}

words! { Severity, "severity", Info "info", Warning "warning", Error "error" }

/// Which rules a finding is about. Its words are those that the documentation uses.
///
/// ```
/// use spanwise::{Code, Layer};
/// assert_eq!((format!("{:>8}", Code::EnumName.layer()), "text".parse()), ("  schema".to_owned(), Ok(Layer::Text)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// RFC 8259: is it JSON.
    Syntax,
    /// RFC 8259 section 8: is it Unicode text.
    Text,
    /// A bound of [`crate::Limits`].
    Limit,
    /// OTLP/JSON and ProtoJSON: names, types, forms of values.
    Schema,
    /// What the proto files say a valid trace is.
    Semantic,
    /// The OTLP file format.
    File,
}

words! {
    Layer, "layer",
    Syntax "syntax", Text "text", Limit "limit", Schema "schema", Semantic "semantic", File "file"
}

/// What a finding does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The document is rejected.
    Reject,
    /// An error: the innermost span, scope or resource that it lies in is rejected.
    Fault,
    /// Reported only.
    Warn,
}

/// What a warning leaves unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Nothing that spans could have been in.
    Nothing,
    /// The value at its path.
    Value,
    /// A member, or all members, of the object at its path.
    Member,
}

macro_rules! codes {
    ($($variant:ident $word:literal $layer:ident $strict:ident $lenient:ident $message:literal,)*) => {
        /// A stable name for one kind of finding.
        /// [The guide](https://github.com/spanwise/spanwise/blob/main/docs/diagnostics.md) lists them with examples.
        ///
        /// ```
        /// use spanwise::Code;
        /// assert_eq!("int-range".parse(), Ok(Code::IntRange));
        /// assert!("range".parse::<Code>().unwrap_err().known().contains(&Code::IntRange.as_str()));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[allow(clippy::doc_markdown, reason = "the sentences are shown to people as well")]
        pub enum Code {
            $(#[doc = $message] $variant,)*
        }

        impl std::str::FromStr for Code {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(UnknownWord::new("code", word, &[$($word),*])),
                }
            }
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as reports spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What it means, in a sentence without any of the user's data.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// Which rules it is about.
            pub const fn layer(self) -> Layer {
                match self { $(Self::$variant => Layer::$layer,)* }
            }

            pub(crate) const fn effect(self, strict: bool) -> Effect {
                match self {
                    $(Self::$variant => if strict { Effect::$strict } else { Effect::$lenient },)*
                }
            }
        }
    };
}

codes! {
    UnexpectedEnd "unexpected-end" Syntax Reject Reject "the text ends inside a JSON value",
    UnexpectedByte "unexpected-byte" Syntax Reject Reject "this byte cannot stand here in JSON",
    InvalidLiteral "invalid-literal" Syntax Reject Reject "a word other than true, false and null",
    InvalidNumber "invalid-number" Syntax Reject Reject "not a number in JSON's grammar",
    InvalidEscape "invalid-escape" Syntax Reject Reject "a backslash that begins no escape of JSON",
    TrailingBytes "trailing-bytes" Syntax Reject Reject "text follows the document",
    EmptyInput "empty-input" Syntax Reject Warn "no bytes but white space: not JSON (lenient: an empty request)",
    ByteOrderMark "byte-order-mark" Syntax Reject Warn "a byte order mark stands before the text",
    RawControlCharacter "raw-control-character" Syntax Reject Warn "a control character in a string without an escape",
    NonFiniteToken "non-finite-token" Syntax Reject Warn "NaN or Infinity without quotes",
    ConcatenatedDocuments "concatenated-documents" Syntax Fault Warn "another document follows where one is expected",
    LoneSurrogate "lone-surrogate" Text Reject Warn "an escaped surrogate without its other half (lenient: read as U+FFFD)",
    InvalidUtf8 "invalid-utf8" Text Reject Warn "bytes that are not UTF-8 (lenient: read as U+FFFD)",
    DocumentSize "document-size" Limit Reject Reject "the document is larger than the bound",
    NestingDepth "nesting-depth" Limit Reject Reject "arrays and objects are nested deeper than the bound",
    SpansPerDocument "spans-per-document" Limit Reject Reject "the document holds more spans than the bound",
    AttributesPerSpan "attributes-per-span" Limit Reject Reject "a span, scope or resource holds more attributes, values, events or links than the bound",
    StringLength "string-length" Limit Reject Reject "a string is longer than the bound",
    ArenaSize "arena-size" Limit Reject Reject "repaired text has outgrown what a batch can hold",
    TopLevelType "top-level-type" Schema Reject Reject "a request is a JSON object",
    TopLevelArray "top-level-array" Schema Reject Warn "an array of requests or of ResourceSpans instead of one request",
    TypeMismatch "type-mismatch" Schema Fault Warn "a JSON value of another type than the field's",
    NullElement "null-element" Schema Fault Warn "null inside a repeated field",
    IntFormat "int-format" Schema Fault Warn "not an integer",
    IntFraction "int-fraction" Schema Fault Warn "an integer field with a fraction",
    IntRange "int-range" Schema Fault Warn "an integer beyond the range of its field",
    LongObject "long-object" Schema Fault Warn "a 64-bit integer written as an object of low and high halves",
    DoubleFormat "double-format" Schema Fault Warn "not a double",
    DoubleRange "double-range" Schema Fault Warn "a finite number beyond the range of a double",
    BoolFormat "bool-format" Schema Fault Warn "not true or false",
    BytesFormat "bytes-format" Schema Fault Warn "not base64",
    ByteArray "byte-array" Schema Fault Warn "bytes written as an array or object of numbers",
    PlainValue "plain-value" Schema Fault Warn "a plain JSON value where an AnyValue belongs",
    AttributesAsMap "attributes-as-map" Schema Fault Warn "attributes written as an object instead of a list of KeyValue",
    OneofDuplicate "oneof-duplicate" Schema Fault Warn "an AnyValue with two values (lenient: the last is read)",
    EnumName "enum-name" Schema Fault Warn "an enum written by name; OTLP/JSON allows numbers alone",
    EnumString "enum-string" Schema Fault Warn "an enum's number in quotes",
    EnumValue "enum-value" Schema Fault Warn "not a value of the enum (lenient: read as 0)",
    TraceIdLength "trace-id-length" Schema Fault Warn "a trace id is 32 hex digits",
    SpanIdLength "span-id-length" Schema Fault Warn "a span id is 16 hex digits",
    IdText "id-text" Schema Fault Warn "not an id in any known form (lenient: its text is kept as the id)",
    IdBase64 "id-base64" Schema Fault Warn "an id in base64; OTLP/JSON uses hex",
    IdUuid "id-uuid" Schema Fault Warn "an id written as a dashed UUID",
    IdDoubleHex "id-double-hex" Schema Fault Warn "an id that is the hex form of its own hex text",
    IdByteArray "id-byte-array" Schema Fault Warn "an id written as an array of byte numbers",
    IdType "id-type" Schema Fault Warn "an id that is no string (lenient: its JSON text is kept as the id)",
    TraceIdEmpty "trace-id-empty" Semantic Fault Warn "a span without a trace id",
    SpanIdEmpty "span-id-empty" Semantic Fault Warn "a span without a span id",
    TraceIdZero "trace-id-zero" Semantic Fault Warn "an all-zero trace id is invalid",
    SpanIdZero "span-id-zero" Semantic Fault Warn "an all-zero span id is invalid",
    ParentIdZero "parent-id-zero" Semantic Fault Warn "an all-zero parent id (lenient: read as none)",
    AttributeKeyEmpty "attribute-key-empty" Semantic Fault Warn "an attribute without a key",
    AttributeKeyDuplicate "attribute-key-duplicate" Semantic Fault Warn "an attribute key twice in one list",
    StringIndex "string-index" Schema Warn Warn "a reference to a string table, which traces do not have; read as empty",
    SnakeCaseKey "snake-case-key" Schema Warn Warn "a field under its proto name; OTLP/JSON wants lowerCamelCase and strict readers ignore this",
    DeprecatedKey "deprecated-key" Schema Warn Warn "a name that OTLP has removed; strict readers ignore it",
    TempoBatches "tempo-batches" Schema Warn Warn "Tempo's wrapper \"batches\" in place of resourceSpans; strict readers ignore it",
    BareResourceSpans "bare-resource-spans" Schema Warn Warn "members of ResourceSpans without the request round them; strict readers ignore them",
    UnknownMember "unknown-member" Schema Warn Warn "a member that the schema does not know, ignored",
    DuplicateKey "duplicate-key" Schema Warn Warn "a member twice in one object; the last replaces the earlier ones",
    OtherSignal "other-signal" File Warn Warn "metrics, logs or profiles: no traces",
    NoKnownField "no-known-field" Schema Warn Warn "nothing of an OTLP trace request in this object",
    SpanNameEmpty "span-name-empty" Semantic Warn Warn "a span without a name",
    EndBeforeStart "end-before-start" Semantic Warn Warn "a span ends before it starts; its duration reads as 0",
    EntityRefType "entity-ref-type" Semantic Warn Warn "an entity reference without a type",
    BlankLine "blank-line" File Fault Warn "a blank line; every line of an OTLP file is a JSON value",
    MixedSignals "mixed-signals" File Fault Warn "a line of another signal; an OTLP file holds one",
}

impl Code {
    /// The severity that this code has in a mode.
    pub const fn severity(self, mode: crate::Mode) -> Severity {
        match self.effect(matches!(mode, crate::Mode::Strict)) {
            Effect::Reject | Effect::Fault => Severity::Error,
            Effect::Warn => Severity::Warning,
        }
    }

    /// What is not read where this code is a warning.
    pub(crate) const fn unread(self, strict: bool) -> Unread {
        match self {
            Self::TypeMismatch | Self::NullElement | Self::DuplicateKey => Unread::Value,
            Self::UnknownMember | Self::NoKnownField => Unread::Member,
            // Lenient mode reads what these names stand for.
            Self::SnakeCaseKey | Self::DeprecatedKey | Self::TempoBatches | Self::BareResourceSpans
                if strict =>
            {
                Unread::Member
            }
            _ => Unread::Nothing,
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In strict mode nothing of a code that rejects is read, whatever lenient mode makes of it.
    #[test]
    fn what_lenient_mode_alone_does_is_said_to_be_its_doing() {
        for code in Code::ALL.iter().filter(|code| code.effect(true) != code.effect(false)) {
            let (always, lenient) = code.message().split_once(" (lenient: ").unwrap_or((code.message(), ")"));
            assert!(lenient.ends_with(')'), "{code}");
            for word in ["read", "kept", "taken", "replace"] {
                assert!(!always.contains(word), "{code}: {always}");
            }
        }
    }

    /// A new code is put here on purpose, or it leaves nothing unread.
    #[test]
    fn of_all_codes_these_leave_something_unread() {
        let leaving = |what: Unread, strict: bool| {
            let codes = Code::ALL.iter().filter(|code| code.unread(strict) == what);
            codes.map(|code| code.as_str()).collect::<Vec<_>>()
        };
        for strict in [false, true] {
            assert_eq!(leaving(Unread::Value, strict), ["type-mismatch", "null-element", "duplicate-key"]);
        }
        assert_eq!(leaving(Unread::Member, false), ["unknown-member", "no-known-field"]);
        assert_eq!(
            leaving(Unread::Member, true),
            [
                "snake-case-key",
                "deprecated-key",
                "tempo-batches",
                "bare-resource-spans",
                "unknown-member",
                "no-known-field"
            ]
        );
    }
}
