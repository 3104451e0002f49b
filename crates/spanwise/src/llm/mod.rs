//! What spans say about calls of language models, in one set of columns across conventions.
//!
//! Every instrumentation has keys of its own for the model, the tokens and the cost. [`TABLE`] lists them all, row by row,
//! with the convention that writes each; [`LlmKeys`] looks the keys of a batch up in it once and reads spans through what
//! it found; [`LlmSpan`] is what one span says. Nothing is calculated: a column holds what the first usable source key
//! says, so a total that was not sent is absent.
//!
//! # A request counts once
//!
//! One request can be told by several spans: a gateway's root and its attempts, an agent's run and its model calls, a
//! framework's outer and inner span. Their counts are of the same tokens, so adding up a column counts some of them twice.
//! [`Requests`] says which spans to add up:
//!
//! 1. A span that carries usage (a count or a cost above zero) stands for a request. Where requests below it in the same
//!    trace carry usage, too, through any spans in between, their sums are compared, tokens in, out and in all, and cost:
//!    - If no sum is more than its own figure, its figures include them, and it alone stands for what is told; but where the
//!      sums are the same, and spans below name other models, they stand for it.
//!    - Else, if no sum of those that name its model is more, it stands for its own calls (an agent that calls another), and
//!      the others stand for theirs; but where it only says the same as all of them and less (no cost), they do.
//!    - Else, if the sums of those that may be of its model are no less, its figures are a part of theirs (the last step of
//!      an agent), and they stand for what is told.
//!    - Else each tells of something else, and all of them stand for it.
//! 2. A span that names a model and carries no usage (a failed request, say) stands for a request, unless it has an
//!    ancestor that does by either rule, or a descendant that carries usage.
//! 3. A test of a gateway stands for nothing, and neither does a span that was delivered before: with the same trace id,
//!    span id and times. Gateways deliver again what they believe was lost.
//!
//! When to use the columns alone: to look at spans one by one. When to use [`Requests`]: whenever something is added up.

mod keys;
mod requests;
mod table;
mod trees;
mod usage;
mod value;

pub use keys::{LlmKeys, LlmSpan};
pub use requests::Requests;
pub use table::{Column, Convention, Form, Source, TABLE};
