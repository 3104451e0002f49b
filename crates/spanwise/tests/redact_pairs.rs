//! Members of lists: which rule decides of them, and what a pair of a key and a value says of itself.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use spanwise::redact::{Action, HashKey, Identity, KeyPattern, Policy, Preset, Rule, redact_json};

const IDENTITY: &str = "[REDACTED:identity]";
const CONTENT: &str = "[REDACTED:content]";

fn text(text: &str) -> Value {
    json!({"stringValue": text})
}

/// A list of members, whose values are texts or lists.
fn list(members: &[(&str, Value)]) -> Value {
    let members: Vec<_> = members.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({"kvlistValue": {"values": members}})
}

/// What becomes of one attribute of a span; of what it became nothing more.
fn redacted(policy: &Policy, key: &str, value: &Value) -> Value {
    let policy = policy.compile(Some(HashKey::new(b"a key for the tests"))).unwrap();
    let span = json!({"name": "n", "attributes": [{"key": key, "value": value}]});
    let input = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let once = redact_json(input, &policy).unwrap().data;
    assert_eq!(redact_json(once.clone(), &policy).unwrap().data, once, "{key}");
    let document: Value = serde_json::from_slice(&once).unwrap();
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0]["value"].clone()
}

fn privacy() -> Policy {
    Policy::from_preset(Preset::PrivacyMode).identity(Identity::Mask)
}

#[test]
fn a_member_named_key_takes_nothing_from_what_is_said_of_its_siblings() {
    for (key, member, label) in [
        ("metadata", "user_id", IDENTITY),
        ("langsmith.metadata", "session_id", IDENTITY),
        ("llm.invocation_parameters", "messages", CONTENT),
        ("llm.invocation_parameters", "prompt", CONTENT),
    ] {
        let of = |value: &str| {
            list(&[
                ("key", text("cache")),
                (member, text(value)),
                ("team", text("a")),
                ("n", list(&[(member, text(value))])),
            ])
        };
        assert_eq!(redacted(&privacy(), key, &of("SECRET")), of(label), "{key} {member}");
        // One level down, where the list is a member itself.
        let inner = |value: &str| list(&[("ctx", of(value))]);
        assert_eq!(redacted(&privacy(), key, &inner("SECRET")), inner(label), "{key} {member}");
    }
}

#[test]
fn names_of_siblings_are_looked_at_too() {
    let policy = Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets);
    let of = |name: &str| list(&[("key", text("cache")), (name, text("gold"))]);
    assert_eq!(
        redacted(&policy, "llm.invocation_parameters", &of("joe@example.com")),
        of("[REDACTED:email]")
    );
}

#[test]
fn of_several_keys_the_one_counts_that_takes_out_most() {
    for (keys, last) in [(["a", "user_id"], "user_id"), (["user_id", "a"], "a")] {
        let sent = list(&[("key", text(keys[0])), ("key", text(keys[1])), ("value", text("SECRET"))]);
        // Of a key that comes twice the last is kept.
        let expected = list(&[("key", text(last)), ("value", text(IDENTITY))]);
        assert_eq!(redacted(&privacy(), "metadata", &sent), expected, "{keys:?}");
    }
}

#[test]
fn a_pair_is_known_however_deep_it_is() {
    let of = |value: &str| {
        let pair = list(&[("key", text("user_id")), ("value", text(value))]);
        (0..12).fold(pair, |inner, depth| list(&[(&*format!("level{depth}"), inner)]))
    };
    assert_eq!(redacted(&privacy(), "metadata", &of("SECRET")), of(IDENTITY));
}

#[test]
fn what_a_user_takes_out_goes_wherever_a_preset_has_the_list() {
    let masked = "[REDACTED:masked]";
    let (exact, prefix, glob) = (KeyPattern::Exact, KeyPattern::Prefix, KeyPattern::Glob);
    let patterns =
        [exact("ssn".into()), prefix("ssn".into()), glob("ssn".into()), exact("billing.ssn".into())];
    for pattern in patterns {
        let policy = privacy().rule(Rule::new(pattern, Action::Mask));
        for key in ["metadata", "tag.tags", "app.info", "llm.invocation_parameters"] {
            let of = |value: &str| list(&[("billing", list(&[("ssn", text(value)), ("plan", text("b"))]))]);
            assert_eq!(redacted(&policy, key, &of("SECRET")), of(masked), "{key}");
        }
    }
}

fn keeps(key: &str) -> Rule {
    Rule::new(KeyPattern::Exact(key.to_owned()), Action::Keep)
}

#[test]
fn a_name_that_a_user_keeps_does_not_keep_what_a_preset_knows_by_its_path() {
    for (key, member, label) in
        [("metadata", "user_id", IDENTITY), ("llm.invocation_parameters", "prompt", CONTENT)]
    {
        let of = |value: &str| list(&[(member, text(value))]);
        let by_name = privacy().rule(keeps(member));
        assert_eq!(redacted(&by_name, key, &of("SECRET")), of(label), "{key}");
        let by_path = privacy().rule(keeps(&format!("{key}.{member}")));
        assert_eq!(redacted(&by_path, key, &of("SECRET")), of("SECRET"), "{key}");
    }
}

#[test]
fn a_row_of_the_list_hides_no_row_of_a_member() {
    let of = |token: &str, prompt: &str| {
        list(&[
            ("http.request.header.authorization", text(token)),
            ("gen_ai.prompt", text(prompt)),
            ("n", text("x")),
        ])
    };
    for policy in [privacy(), privacy().preset(Preset::Secrets)] {
        for key in ["metadata", "app.info"] {
            let found = redacted(&policy, key, &of("SECRET-TOKEN", "P"));
            let token =
                found["kvlistValue"]["values"][0]["value"]["stringValue"].as_str().unwrap().to_owned();
            assert!(token.starts_with("[REDACTED:"), "{key} {token}");
            assert_eq!(found, of(&token, CONTENT), "{key}");
        }
    }
}

fn truncates(key: &str, length: usize) -> Rule {
    Rule::new(KeyPattern::Exact(key.to_owned()), Action::Truncate(length))
}

/// Of a pair and of its member a part is to go, and not the same one: neither stays, but for the beginning that both leave.
#[test]
fn what_two_rules_leave_parts_of_goes() {
    let of_user = r#"{"user_id":"SECRET"}"#;
    for (policy, key, named, value) in [
        (privacy(), "honeyhive_config_json", "langfuse.trace.metadata", r#"{"session_id":"SECRET"}"#),
        (privacy().rule(truncates("value", 200)), "app.x", "langfuse.trace.metadata", of_user),
        (privacy().rule(truncates("note", 100)), "metadata", "note", of_user),
    ] {
        let sent = list(&[("key", text(named)), ("value", text(value))]);
        let found = redacted(&policy, key, &sent);
        assert!(!found.to_string().contains("SECRET") && found.to_string().contains(named), "{found}");
    }
    let policy = privacy().rule(truncates("ssn", 2)).rule(truncates("value", 100));
    let of = |value: &str| list(&[("key", text("ssn")), ("value", text(value))]);
    assert_eq!(redacted(&policy, "app.x", &of("123456789")), of("12"));
}

#[test]
fn what_a_user_leaves_a_part_of_leaves_no_more_than_a_preset() {
    for (key, member, label) in
        [("metadata", "user_id", IDENTITY), ("llm.invocation_parameters", "prompt", CONTENT)]
    {
        let of = |value: &str| list(&[(member, text(value))]);
        let policy = privacy().rule(truncates(member, 200));
        assert_eq!(redacted(&policy, key, &of("SECRET")), of(label), "{key}");
        let of_own = |value: &str| list(&[("note", text(value))]);
        let policy = privacy().rule(truncates(&format!("{key}.note"), 3));
        assert_eq!(redacted(&policy, key, &of_own("SECRET")), of_own("SEC"), "{key}");
    }
}

#[test]
fn all_goes_below_the_value_of_a_pair_whatever_it_is_called() {
    let of = |value: &str| {
        list(&[
            ("key", text("langfuse.trace.metadata")),
            ("gen_ai.usage", list(&[("session", text(value)), ("n", text("1"))])),
        ])
    };
    assert_eq!(redacted(&privacy(), "app.info", &of("SECRET")), of(IDENTITY));
    let of = |value: Value| list(&[("key", text("user_id")), ("ai.decision", value)]);
    let sent = of(json!({"intValue": "700032"}));
    assert_eq!(redacted(&privacy(), "langsmith.metadata", &sent), of(text(IDENTITY)));
}

#[test]
fn credentials_go_from_lists_that_stay() {
    for key in ["tag.tags", "langwatch.metrics", "metadata", "app.info"] {
        let of = |token: &str| {
            list(&[("http.request.header.authorization", text(token)), ("gen_ai.usage.n", text("2"))])
        };
        let found = redacted(&privacy(), key, &of("SECRET-TOKEN"));
        let token = found["kvlistValue"]["values"][0]["value"]["stringValue"].as_str().unwrap().to_owned();
        assert!(token.starts_with("[REDACTED:"), "{key} {token}");
        assert_eq!(found, of(&token), "{key}");
    }
}

/// A find at the beginning of a text leaves a bracket there, which is not that of JSON.
#[test]
fn settings_that_begin_with_what_was_put_in_stay() {
    let policy = Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets);
    let of = |mail: &str| {
        let note = format!("{mail} wrote this");
        [text(&json!({"note": note, "n": 1}).to_string()), list(&[("note", text(&note)), ("n", text("1"))])]
    };
    let torn = list(&[
        ("extra", text("\u{feff}{\"messages\":\"SECRET\"}")),
        ("note", text("[REDACTED:x] [{\"messages\":\"SECRET\"},NaN]")),
    ]);
    let masked = list(&[("extra", text(CONTENT)), ("note", text(CONTENT))]);
    assert_eq!(redacted(&policy, "llm.invocation_parameters", &torn), masked);
    for (sent, expected) in of("joe@example.com").iter().zip(of("[REDACTED:email]")) {
        assert_eq!(redacted(&policy, "llm.invocation_parameters", sent), expected);
    }
}
