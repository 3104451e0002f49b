//! Takes private text out of traces, and leaves all else as it was.
//!
//! A [`Policy`] is data: presets, rules for keys, detectors for values. Compiled, it is carried out by a [`Redactor`], on a
//! batch ([`Redactor::redact`]) or on JSON ([`Redactor::redact_json`], [`Redactor::redact_block`]). What is not understood
//! does not come out: the pass fails closed. There is
//! [a guide](https://github.com/spanwise/spanwise/blob/main/docs/redaction.md).
//!
//! Two layers: what goes by its key (`catalogue`, `policy`), then what goes by what it is (`detector`), wherever text stands
//! ([`Place`]). Not for metrics, logs and profiles, and no protection against who holds the input.

#![forbid(unsafe_code)]

mod body;
mod catalogue;
mod detector;
mod escape;
mod json_members;
mod json_text;
mod member;
mod pass;
mod place;
mod placeholder;
mod policy;
mod text;

pub use detector::{Builtin, CustomError, DetectorIndex, DetectorSet, Hit, Selection};
pub use pass::{
    Count, Joiner, RedactError, Redacted, RedactedJson, RedactionReport, Redactor, Seams, redact, redact_json,
};
pub use place::{Place, Places};
pub use placeholder::HashKey;
pub use policy::{
    Action, Bodies, CompiledPolicy, EventClass, Explanation, HashKeySource, Identity, KeyPattern, Mode,
    Origin, Policy, PolicyError, Preset, Rule, TextAction, Treatment, Unknown, Verdict, without_value,
};
