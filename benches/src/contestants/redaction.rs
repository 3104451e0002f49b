//! Redaction, JSON in and JSON out: ours under three policies, and a walk over a tree with regular expressions, which is
//! what one writes without it.
//!
//! The walk finds what the `secrets` policy finds, by the expressions of `peers/detectors.tsv`: one set of all of them is
//! asked first, so that clean text costs one pass. JSON in strings is read in turn, since what is escaped in it would not
//! be found otherwise.

use super::{Contestant, Facts, Reads, Refusal, Task};
use bytes::Bytes;
use regex::{Regex, RegexSet};
use serde_json::Value;
use spanwise::redact::{Bodies, Policy, PolicyError, Preset, Redactor};
use spanwise::{Decoder, SpanBatch};
use std::borrow::Cow;
use std::hint::black_box;

/// Ours, under one policy.
pub(super) struct SpanwiseRedact {
    name: &'static str,
    policy: Policy,
    redactor: Option<Redactor>,
    out: Vec<u8>,
}

impl SpanwiseRedact {
    fn new(name: &'static str, policy: Policy) -> Self {
        SpanwiseRedact { name, policy, redactor: None, out: Vec::new() }
    }

    /// Prompts and completions go.
    pub(super) fn privacy_mode() -> Self {
        Self::new("spanwise redact privacy-mode", Policy::from_preset(Preset::PrivacyMode))
    }

    /// Of prompts and completions the structure stays.
    pub(super) fn structure() -> Self {
        let policy = Policy::from_preset(Preset::PrivacyMode).bodies(Bodies::Structure);
        Self::new("spanwise redact structure", policy)
    }

    /// All text is read by all detectors that are on by default.
    pub(super) fn secrets() -> Self {
        Self::new("spanwise redact secrets", Policy::from_preset(Preset::Secrets))
    }

    fn redactor(&mut self) -> Result<(&mut Redactor, &mut Vec<u8>), Refusal> {
        if self.redactor.is_none() {
            let policy = self.policy.compile(None).map_err(|error: PolicyError| Refusal::because(error))?;
            self.redactor = Some(Redactor::new(policy));
        }
        let redactor = self.redactor.as_mut().ok_or_else(|| Refusal("no redactor".into()))?;
        Ok((redactor, &mut self.out))
    }
}

impl Contestant for SpanwiseRedact {
    fn name(&self) -> &'static str {
        self.name
    }

    fn task(&self) -> Task {
        Task::Redact
    }

    fn reads(&self) -> Reads {
        Reads::Spans
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        let (redactor, out) = self.redactor()?;
        for request in requests {
            out.clear();
            redactor.redact_json_into(request.clone(), out).map_err(Refusal::because)?;
            black_box(out.len());
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        let (redactor, _) = self.redactor()?;
        for request in requests {
            let redacted = redactor.redact_json(request.clone()).map_err(Refusal::because)?;
            if redacted.report.detectors(redactor.policy()).iter().any(|found| found.count > 0) {
                return Err(Refusal("something is found in text that holds nothing private".into()));
            }
            add_output(&mut facts, redacted.data)?;
        }
        Ok(facts)
    }
}

/// The walk over a tree.
pub(super) struct ValueAndRegex {
    set: RegexSet,
    expressions: Vec<(String, Regex)>,
}

impl ValueAndRegex {
    pub(super) fn new() -> Result<Self, regex::Error> {
        let lines = include_str!("../../peers/detectors.tsv").lines().filter(|line| !line.starts_with('#'));
        let rows: Vec<_> = lines.filter_map(|line| line.split_once('\t')).collect();
        let set = RegexSet::new(rows.iter().map(|(_, expression)| expression))?;
        let expressions = rows
            .into_iter()
            .map(|(id, expression)| Ok((format!("[REDACTED:{id}]"), Regex::new(expression)?)))
            .collect::<Result<_, regex::Error>>()?;
        Ok(ValueAndRegex { set, expressions })
    }

    /// Whether anything was replaced.
    fn text(&self, text: &mut String) -> bool {
        if text.starts_with(['{', '['])
            && let Ok(mut inner) = serde_json::from_str::<Value>(text)
        {
            let changed = self.value(&mut inner);
            if changed {
                *text = inner.to_string();
            }
            return changed;
        }
        let mut changed = false;
        for found in self.set.matches(text) {
            if let Some((mask, expression)) = self.expressions.get(found)
                && let Cow::Owned(replaced) = expression.replace_all(text, mask.as_str())
            {
                *text = replaced;
                changed = true;
            }
        }
        changed
    }

    fn value(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(values) => {
                values.iter_mut().fold(false, |changed, value| self.value(value) | changed)
            }
            Value::Object(members) => {
                members.values_mut().fold(false, |changed, value| self.value(value) | changed)
            }
            _ => false,
        }
    }

    fn redact(&self, request: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut value: Value = serde_json::from_slice(request).map_err(Refusal::because)?;
        self.value(&mut value);
        serde_json::to_vec(&value).map_err(Refusal::because)
    }
}

impl Contestant for ValueAndRegex {
    fn name(&self) -> &'static str {
        "serde_json Value + regex"
    }

    fn task(&self) -> Task {
        Task::Redact
    }

    fn reads(&self) -> Reads {
        Reads::Tree
    }

    fn run(&mut self, requests: &[Bytes]) -> Result<(), Refusal> {
        for request in requests {
            black_box(self.redact(request)?);
        }
        Ok(())
    }

    fn check(&mut self, requests: &[Bytes]) -> Result<Facts, Refusal> {
        let mut facts = Facts::nothing();
        for request in requests {
            add_output(&mut facts, self.redact(request)?)?;
        }
        Ok(facts)
    }
}

fn add_output(facts: &mut Facts, output: Vec<u8>) -> Result<(), Refusal> {
    let mut batch = SpanBatch::new();
    Decoder::default().decode(output, &mut batch).map_err(Refusal::because)?;
    facts.add_batch(&batch)
}
