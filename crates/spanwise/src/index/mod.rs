//! `TraceQL` over spans: by looking at each ([`Scan`]).

mod pipeline;
mod query;
mod rows;
mod scan;
mod traces;

pub use query::{Query, QueryError, QueryWarning};
pub use rows::RowSet;
pub use scan::Scan;
