//! `TraceQL` over spans: by looking at each ([`Scan`]), or by an index over their fields ([`Index`]).
//!
//! A [`Query`] is read once and run on either, with the same answer: a set of rows ([`RowSet`]), that is spans by number.
//! There is [a guide](https://github.com/spanwise/spanwise/blob/main/docs/query.md) to the language, and to what is indexed.

mod aggregate;
mod answer;
mod build;
mod column;
mod facets;
mod ids;
#[allow(clippy::module_inception, reason = "the type that the module is about")]
mod index;
mod merge;
mod numbers;
mod pipeline;
mod query;
mod rows;
mod scan;
mod slot;
mod stored;
mod structure;
mod times;
mod traces;
mod values;
mod waiting;

pub use facets::{Bin, FacetError, FacetValue, KeyFacet, ValuesFacet};
pub use index::{Index, IndexError, IndexLimits, SpanLookup};
pub use query::{Query, QueryError, QueryWarning};
pub use rows::{Order, RowNumbers, RowSet};
pub use scan::Scan;
pub use stored::Sections;
