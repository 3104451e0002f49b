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
//!    trace carry usage, too, through any spans in between, their sums are compared with its figures: tokens in, out and
//!    in all, and cost, those that both say. Names are of one model but for dates, versions and what stands before them.
//!    - If nothing is said by both, they stand, and it does too: each has figures that the other lacks.
//!    - If its figures are at least the sums, they include them, and it stands alone. But if it lacks one of them, such as the
//!      cost, those below stand; and if all figures are the same, whoever says more does, or else, if they name other
//!      models, those below.
//!    - Else, if its figures are the sums of the calls, the lowest spans with usage, what stands in between told running
//!      totals: it or the calls stand, as above.
//!    - Else, if there are some of its model and others, it stands for its own where it includes them, beside the others.
//!    - Else, if none below may be of its model, it tells of a call of its own (an agent that calls another) and stands
//!      beside them, unless a call has the very same tokens in.
//!    - Else its figures are a part of theirs (the last step of an agent), or none that can be told, and they stand alone, but
//!      where only it says a cost: then it does.
//!
//!    What is spent below the running of a tool (`execute_tool`) is no part of a call above it (`chat`, `generate_content`,
//!    `text_completion`): both stand, but where the figures are the same. It may be part of a run.
//!
//!    Of very many models and calls below one span, and of very many running totals above each other, not all are told apart.
//! 2. A span that names a model and carries no usage (a failed request, say) stands for a request, unless it has an
//!    ancestor that does by either rule, or a descendant that carries usage. The run of an agent (`invoke_agent`) does not where there
//!    are calls below it, of which each does. One whose operation is `create_agent` or
//!    `execute_tool` does not: the conventions put the model's name on those as well ([`LlmSpan::is_request`]).
//! 3. A test of a gateway stands for nothing, and neither does a span that was delivered before: with the same trace id,
//!    span id and times. Gateways deliver again what they believe was lost.
//! 4. What another span tells of that is neither above it nor below stands for nothing:
//!    - Of several libraries that trace one client, one counts. They are known by their scopes, and tell of one request at the
//!      same time in one trace: where the id of the answer is the same and some count of tokens is, or the other carries no usage
//!      and has no request below it (the names of spans without scopes will do, too); and where, under one parent and for one
//!      model (names are of one but for dates and versions), tokens in and out are the same, or neither span carries usage and none
//!      has a request below it, unless both say an id and it differs. Where one lies in the time of the other, or most of it, the
//!      parent of one may be any span above the other, and one may carry no usage. The library that counts is the one that tells of most of these requests, of those with
//!      usage first, then says most costs and figures, then came first. What lies below a span of the others tells of the same
//!      where that span would have stood, but for what a tool spends. Two spans of one library are two requests, whatever their
//!      ids: servers use them again. Modules of one program that have a scope each are taken for libraries: where they ask for
//!      the same at the same time and say no ids, one is lost.
//!    - The beginning of a stream of which a log of Logfire tells under the same parent, a log for each. Steps (`chain`) that
//!      name no model and have the figures of a call under the same parent.
//!    - AG2's records of a `model_call` and a `subtask`, its `conversation` above calls, whose sums go on from one run to the next,
//!      and what only prepares a call for `LlamaIndex`. The beginning of a span that Logfire sends ahead, once the span has come.
//!
//!    In two traces the id of the answer alone says that spans of two libraries belong together: then some count of tokens has to be the
//!    same, and one lie in the time of the other. A request that is told of in two traces without it counts twice.
//!
//! Who tells of some spans before others come ([`Requests::settle`]) cannot take back what was told. A span that comes later and
//! stands for some of it, as an agent's run for its calls, does not count then, with all that it has beyond them; those below it that
//! came later do. What comes later *below* a span that was told may count beside it, and so may what another library tells of the
//! same.
//!
//! When to use the columns alone: to look at spans one by one. When to use [`Requests`]: whenever something is added up.

mod keys;
mod models;
mod overlap;
mod repeats;
mod requests;
mod settled;
mod table;
mod telling;
mod trees;
mod usage;
mod value;

pub use keys::{LlmKeys, LlmSpan};
pub use requests::Requests;
pub use table::{Column, Convention, Form, Source, TABLE};
pub use telling::Telling;
