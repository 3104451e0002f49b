//! Takes private text out of traces.

#![forbid(unsafe_code)]

mod body;
mod catalogue;
mod detector;
mod escape;
mod json_text;
mod pass;
mod place;
mod placeholder;
mod policy;
mod text;

pub use detector::{Builtin, CustomError, DetectorIndex, DetectorSet, Hit, Selection};
pub use pass::{Count, RedactError, Redacted, RedactedJson, RedactionReport, Redactor, redact, redact_json};
pub use place::{Place, Places};
pub use placeholder::HashKey;
pub use policy::{
    Action, Bodies, CompiledPolicy, EventClass, Explanation, HashKeySource, Identity, KeyPattern, Mode,
    Origin, Policy, PolicyError, Preset, Rule, TextAction, Treatment, Unknown, Verdict,
};
