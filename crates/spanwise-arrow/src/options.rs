//! Which columns a converter makes, and of which form.

use spanwise::words;

words! { Layout, "layout", Map "map", Typed "typed" }
words! { Ids, "form of ids", Text "text", Binary "binary" }
words! { Times, "unit of times", Nanoseconds "nanoseconds", Microseconds "microseconds" }
words! { Names, "set of names", Spanwise "spanwise", ClickHouse "clickhouse" }
words! { PromotedType, "promoted type", String "string", Int64 "int64", Double "double", Bool "bool" }

/// The form of attribute columns.
///
/// ```
/// use spanwise_arrow::{Ids, Layout, Names, PromotedType, Times};
/// assert_eq!((Layout::Typed.to_string(), "typed".parse()), ("typed".to_owned(), Ok(Layout::Typed)));
/// assert_eq!((Ids::Binary.to_string(), "binary".parse()), ("binary".to_owned(), Ok(Ids::Binary)));
/// assert_eq!((Times::Microseconds.to_string(), "microseconds".parse()), ("microseconds".to_owned(), Ok(Times::Microseconds)));
/// assert_eq!((Names::ClickHouse.to_string(), "clickhouse".parse()), ("clickhouse".to_owned(), Ok(Names::ClickHouse)));
/// assert_eq!((PromotedType::Int64.to_string(), "int64".parse()), ("int64".to_owned(), Ok(PromotedType::Int64)));
/// let error = "flat".parse::<Layout>().unwrap_err();
/// assert_eq!(error.to_string(), "no layout is named \"flat\"; known are map and typed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Layout {
    /// Map of text to text. Strings are themselves; of other values the JSON text, bytes as base64 and doubles without a
    /// JSON number (`NaN`, `Infinity`, `-Infinity`) without quotes; null where an `AnyValue` has no member.
    #[default]
    Map,
    /// Map of text to a struct of `str`, `int`, `double`, `bool` and `json` (the rest, as JSON text), of which one is set;
    /// null where an `AnyValue` has no member.
    Typed,
}

/// The form of id columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ids {
    /// Lower-case hex, or the text that was sent where it is no id; empty where there is none.
    #[default]
    Text,
    /// Sixteen and eight bytes; null where there is no valid id.
    Binary,
}

/// The unit of timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Times {
    /// As they were sent. `DuckDB`, polars and pyarrow read them.
    #[default]
    Nanoseconds,
    /// Without the last three digits, for engines that refuse Parquet files with nanoseconds, as Spark does; `duration_ns`
    /// keeps them.
    Microseconds,
}

/// Whose names the columns have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Names {
    /// Our own: flat and in snake case.
    #[default]
    Spanwise,
    /// Those of the `otel_traces` table of the Collector's `ClickHouse` exporter, and the like for columns that it lacks.
    ClickHouse,
}

/// Whether columns let go of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compact {
    /// Copy the text out when the columns refer to under half of the input's bytes, so that a few short columns do not keep
    /// every prompt in memory. After a batch that was copied the converter copies the next as it goes, whatever it refers to.
    #[default]
    Auto,
    /// Always copy.
    Always,
    /// Never copy: columns keep the whole input alive.
    Never,
}

/// The type of a promoted column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromotedType {
    /// `Utf8View`.
    String,
    /// `Int64`. Also takes a double that is a whole number of that size, and a JSON integer in a string.
    Int64,
    /// `Float64`. Also takes an integer that a double holds exactly, and a JSON number, `NaN` or an infinity in a string.
    Double,
    /// `Boolean`.
    Bool,
}

/// An attribute that becomes a column of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The attribute's key, after `resource:`, `scope:` or `span:`; without one of these it is a span's. The column has the
    /// name that is written here. Not after `event:` or `link:`, of which a span has many.
    pub key: String,
    /// The column's type.
    pub to: PromotedType,
}

impl Promotion {
    /// A promotion of `key` to a column of type `to`.
    pub fn new(key: impl Into<String>, to: PromotedType) -> Self {
        Self { key: key.into(), to }
    }

    /// Whether a key is named, and not a place alone.
    ///
    /// ```
    /// use spanwise_arrow::{PromotedType, Promotion};
    /// assert!(Promotion::new("resource:host.name", PromotedType::String).has_key());
    /// assert!(!Promotion::new("resource:", PromotedType::String).has_key());
    /// ```
    pub fn has_key(&self) -> bool {
        !crate::promote::place(&self.key).1.is_empty()
    }
}

/// What a [`Converter`](crate::Converter) makes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArrowOptions {
    /// The form of attribute columns.
    pub layout: Layout,
    /// The form of id columns.
    pub ids: Ids,
    /// The unit of timestamps.
    pub times: Times,
    /// Whose names the columns have.
    pub names: Names,
    /// The columns to make, in this order, by our own names or by those of [`Self::names`]. `None` means all but those of LLM
    /// traffic, which may be named here too.
    pub columns: Option<Vec<String>>,
    /// Add the columns of LLM traffic ([`crate::Column::of_llm`]) that are not there yet.
    pub llm: bool,
    /// Attributes that become columns of their own, after the others.
    pub promote: Vec<Promotion>,
    /// Whether columns let go of the input.
    pub compact: Compact,
}
