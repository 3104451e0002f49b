//! A span as plain data: what a client was given, and what a reader found.
//!
//! Resource and scope are repeated in each span, so that a span that lands under the wrong one is a difference. It also is the
//! format in which `../js/export.mjs` prints its expectations: 64-bit numbers and doubles are text there, as they are in JavaScript.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// A span with all that OTLP says of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Span {
    /// The resource that the span stands under.
    pub resource: Resource,
    /// The scope that the span stands under.
    pub scope: Scope,
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// 16 lower-case hex digits, or empty on a root.
    pub parent_span_id: String,
    /// The W3C header's text.
    pub trace_state: String,
    /// W3C flags in bits 0 to 7; 8 says that bit 9, "the parent is remote", is known.
    pub flags: u32,
    /// The name.
    pub name: String,
    /// The number of the enumeration on the wire.
    pub kind: i32,
    /// When the span began.
    #[serde(deserialize_with = "decimal")]
    pub start_time_unix_nano: u64,
    /// When the span ended.
    #[serde(deserialize_with = "decimal")]
    pub end_time_unix_nano: u64,
    /// Pairs, in the order of the wire.
    pub attributes: Attributes,
    /// How many the SDK's limits cost.
    pub dropped_attributes_count: u32,
    /// In the order of the wire.
    pub events: Vec<Event>,
    /// How many the SDK's limits cost.
    pub dropped_events_count: u32,
    /// In the order of the wire.
    pub links: Vec<Link>,
    /// How many the SDK's limits cost.
    pub dropped_links_count: u32,
    /// The status.
    pub status: Status,
}

/// Attributes as sent: order and repetitions count.
pub type Attributes = Vec<(String, Value)>;

/// What produced the spans.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resource {
    /// Pairs; [`in_order`] sorts them, because the Rust SDK keeps them in a hash map.
    pub attributes: Attributes,
    /// How many were dropped.
    pub dropped_attributes_count: u32,
    /// That of the `ResourceSpans`.
    pub schema_url: String,
}

/// The instrumentation that made the spans.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// The name.
    pub name: String,
    /// The version, or empty.
    pub version: String,
    /// Pairs, in the order of the wire.
    pub attributes: Attributes,
    /// How many were dropped.
    pub dropped_attributes_count: u32,
    /// That of the `ScopeSpans`.
    pub schema_url: String,
}

/// Something that happened during a span.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Event {
    /// When it happened.
    #[serde(deserialize_with = "decimal")]
    pub time_unix_nano: u64,
    /// The name.
    pub name: String,
    /// Pairs, in the order of the wire.
    pub attributes: Attributes,
    /// How many the SDK's limits cost.
    pub dropped_attributes_count: u32,
}

/// A reference to another span.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// The W3C header's text.
    pub trace_state: String,
    /// As [`Span::flags`], of the span that is linked to.
    pub flags: u32,
    /// Pairs, in the order of the wire.
    pub attributes: Attributes,
    /// How many the SDK's limits cost.
    pub dropped_attributes_count: u32,
}

/// How the span went.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Status {
    /// The number of the enumeration on the wire.
    pub code: i32,
    /// What went wrong.
    pub message: String,
}

/// A value of those that the SDKs' attribute APIs take: neither offers bytes or maps for spans.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// An `AnyValue` with no member set.
    Empty,
    /// Text.
    String(String),
    /// A truth value.
    Bool(bool),
    /// A 64-bit integer.
    #[serde(deserialize_with = "decimal")]
    Int(i64),
    /// A double.
    Double(Double),
    /// Values, of whatever types.
    Array(Vec<Value>),
}

/// A double that equals another when their bits do: `NaN` is itself, `-0` is not `0`, and one unit in the last place is a difference.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decimal(deserializer).map(Self)
    }
}

/// A number that is written as text.
fn decimal<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let digits = String::deserialize(deserializer)?;
    digits.parse().map_err(serde::de::Error::custom)
}

/// Puts into one order what no SDK promises an order for: spans by their ids, resource attributes by their keys.
pub fn in_order(mut spans: Vec<Span>) -> Vec<Span> {
    for span in &mut spans {
        span.resource.attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    spans.sort_by(|a, b| (&a.trace_id, &a.span_id).cmp(&(&b.trace_id, &b.span_id)));
    spans
}

/// Asserts that two lists hold the same spans, one by one, so that a failure names a span and the line that differs.
///
/// # Panics
///
/// At the first difference, naming the reader whose result is `found`.
#[track_caller]
pub fn assert_same(reader: &str, found: Vec<Span>, expected: &[Span]) {
    let (found, expected) = (in_order(found), in_order(expected.to_vec()));
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found == expected, "{reader}: span `{}`\n{}", expected.name, difference(found, expected));
    }
    assert_eq!(found.len(), expected.len(), "{reader}: number of spans");
}

/// Where the printed forms of two spans part.
fn difference(found: &Span, expected: &Span) -> String {
    let (found, expected) = (format!("{found:#?}"), format!("{expected:#?}"));
    let same = found.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(6);
    let excerpt = |text: &str| text.lines().skip(from).take(12).collect::<Vec<_>>().join("\n");
    format!("found:\n{}\nexpected:\n{}", excerpt(&found), excerpt(&expected))
}
