//! `TraceQL`: text to a checked tree, and what the tree means for one span.
//!
//! The language is Grafana Tempo's; what of it is supported, and where its documentation leaves a choice, is in
//! `docs/query.md`.

pub(crate) mod ast;
mod error;
pub(crate) mod evaluate;
mod expression;
mod hint;
mod parse;
mod pattern;
mod token;
pub(crate) mod value;

pub use error::QueryError;

use ast::{Field, Spanset, Stage};
use error::Lines;

use crate::Projection;

/// The longest query that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Something in a query that may not mean what its author thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryWarning {
    line: usize,
    column: usize,
    message: &'static str,
}

impl QueryWarning {
    /// The line of the query that it is in, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Where it is in its line: characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What it is about.
    pub fn message(&self) -> &'static str {
        self.message
    }
}

impl std::fmt::Display for QueryWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        error::write_placed(f, self.line, self.column, self.message)
    }
}

/// A `TraceQL` query that has been read and checked.
///
/// ```
/// use spanwise::index::Query;
/// let query: Query = r#"{ span.gen_ai.request.model = "heron-2" && duration > 1s }"#.parse()?;
/// assert!(query.warnings().is_empty());
/// let error = "{ parent.name }".parse::<Query>().unwrap_err();
/// assert_eq!(error.to_string(), "column 3: the scope `parent.` is not supported");
/// # Ok::<(), spanwise::index::QueryError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Query {
    pub(crate) stages: Vec<Stage>,
    warnings: Vec<QueryWarning>,
}

impl std::str::FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        Self::parse(text)
    }
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// It is no `TraceQL`, or asks for what is not supported; the error says where.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > LONGEST {
            return Err(QueryError::new(1, "the query is longer than 1 MiB"));
        }
        let tokens = token::tokens(text).map_err(|error| error.in_line(text))?;
        let mut parser = parse::Parser::new(&tokens);
        let stages = parser.query().map_err(|error| error.in_line(text))?;
        let mut warnings = parser.warnings;
        if !warnings.is_empty() {
            let lines = Lines::of(text);
            for warning in &mut warnings {
                (warning.line, warning.column) = lines.place(warning.column);
            }
        }
        Ok(Self { stages, warnings })
    }

    /// What may not mean what its author thinks.
    pub fn warnings(&self) -> &[QueryWarning] {
        &self.warnings
    }

    /// The lists that it asks for: what is decoded with this projection is enough to find what it finds.
    ///
    /// ```
    /// use spanwise::{Projection, index::Query};
    /// let lists = |text| Query::parse(text).map(|query| query.projection());
    /// assert_eq!(lists("{ duration > 1s }")?, Projection::NONE);
    /// assert_eq!(lists("{ span.a = 1 } >> { event:name = `b` }")?, Projection { span_attributes: true, events: true, ..Projection::NONE });
    /// # Ok::<(), spanwise::index::QueryError>(())
    /// ```
    pub fn projection(&self) -> Projection {
        let mut lists = Projection::NONE;
        self.stages
            .iter()
            .for_each(|stage| stage.fields(&mut |field| lists = lists.union(field.projection())));
        lists
    }

    /// Whether each span can be judged by itself. Otherwise the other spans of its trace must be known.
    pub fn is_of_single_spans(&self) -> bool {
        fn is_single(spanset: &Spanset) -> bool {
            match spanset {
                Spanset::Filter(expr) => !expr.needs_trace(),
                Spanset::Or(parts) => parts.iter().all(is_single),
                _ => false,
            }
        }
        self.stages.iter().all(|stage| match stage {
            Stage::Spanset(spanset) => is_single(spanset),
            Stage::Select => true,
            _ => false,
        })
    }
}

/// Reads a single field.
pub(crate) fn read_field(text: &str) -> Result<Field, QueryError> {
    let tokens = token::tokens(text)?;
    match tokens.as_slice() {
        [token, end] if end.kind == token::Kind::End => match &token.kind {
            token::Kind::Attribute(scope, name) => Ok(Field::Attribute(*scope, name.clone())),
            token::Kind::Intrinsic(intrinsic) => Ok(Field::Intrinsic(*intrinsic)),
            _ => {
                Err(QueryError::new(1, "this is no field; an attribute has a scope, as in `span.http.route`"))
            }
        },
        _ => Err(QueryError::new(1, "this is no field; an attribute has a scope, as in `span.http.route`")),
    }
}
