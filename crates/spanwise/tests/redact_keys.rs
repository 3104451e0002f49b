//! The rows of `tests/redact/keys.tsv`: what becomes of a key's value, by the presets' catalogue.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, reason = "a test")]

use spanwise::llm::{Column, Form, TABLE};
use spanwise::redact::{CompiledPolicy, EventClass, Identity, Place, Policy, Preset, Treatment};

const ROWS: &str = include_str!("../../../tests/redact/keys.tsv");

fn privacy_mode() -> Policy {
    Policy::from_preset(Preset::PrivacyMode)
}

fn word(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Keep => "keep",
        Treatment::Mask => "mask",
        Treatment::Drop => "drop",
        Treatment::Members => "members",
        _ => "something else",
    }
}

fn what_becomes(policy: &CompiledPolicy, place: &str, event: &str, key: &str) -> &'static str {
    let place = Place::ALL.iter().copied().find(|known| known.id() == place).unwrap();
    let class = if event == "-" { EventClass::default() } else { policy.event_class(event) };
    word(policy.resolve(place, class, key).treatment)
}

#[test]
fn every_key_is_treated_as_its_row_says() {
    let policies =
        [privacy_mode(), Policy::from_preset(Preset::Secrets), privacy_mode().identity(Identity::Drop)]
            .map(|policy| policy.compile(None).unwrap());
    let mut failures = Vec::new();
    for row in ROWS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [place, event, key, expected @ ..] = &row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let found: Vec<_> = policies.iter().map(|policy| what_becomes(policy, place, event, key)).collect();
        if found != expected {
            failures.push(format!("{row}: {}", found.join(" ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What the columns of users and sessions are filled from tells who it was.
#[test]
fn every_source_of_a_user_or_a_session_is_an_identity() {
    let policy = privacy_mode().identity(Identity::Drop).compile(None).unwrap();
    let sources: Vec<_> =
        TABLE.iter().filter(|source| matches!(source.column, Column::UserId | Column::SessionId)).collect();
    assert!(sources.len() > 15);
    for source in sources {
        let treatment = policy.resolve(Place::Span, EventClass::default(), source.key).treatment;
        let is_member = matches!(source.form, Form::Member(_));
        let expected = if is_member { Treatment::Members } else { Treatment::Drop };
        assert_eq!(treatment, expected, "{}", source.key);
    }
}
