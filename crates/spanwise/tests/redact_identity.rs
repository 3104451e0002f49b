//! Who it was, among metadata: in keys of their own, in lists, and in JSON that is a text.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use spanwise::decode;
use spanwise::redact::{HashKey, Identity, Place, Policy, Preset, redact, redact_json};

const KEY: &[u8] = b"a key for the tests";

/// What becomes of one attribute of a span, in the JSON and, which must be the same, in a batch; twice is once.
fn redacted(identity: Identity, key: &str, value: &Value) -> Value {
    let policy = Policy::from_preset(Preset::PrivacyMode).identity(identity);
    let policy = policy.compile(Some(HashKey::new(KEY))).unwrap();
    let span = json!({"name": "n", "attributes": [{"key": key, "value": value}]});
    let input = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let output = redact_json(input.clone(), &policy).unwrap();
    let of_batch = redact(&decode(input).unwrap(), &policy).unwrap();
    assert!(of_batch.batch == decode(output.data.clone()).unwrap());
    let again = redact_json(output.data.clone(), &policy).unwrap();
    assert!(again.data == output.data);
    let document: Value = serde_json::from_slice(&output.data).unwrap();
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0]["value"].clone()
}

fn pseudonym(text: &str) -> String {
    HashKey::new(KEY).pseudonym(text)
}

/// A text of JSON, as what becomes of it.
fn of_text(identity: Identity, key: &str, metadata: &Value) -> Value {
    let value = redacted(identity, key, &json!({"stringValue": metadata.to_string()}));
    serde_json::from_str(value["stringValue"].as_str().unwrap()).unwrap()
}

const KEYS: [&str; 8] = [
    "metadata",
    "langfuse.trace.metadata",
    "langfuse.observation.metadata",
    "langsmith.metadata",
    "ai.telemetry.metadata",
    "_ml_obs.meta.metadata",
    "trace.metadata",
    "metadata.caller",
];

#[test]
fn users_and_sessions_in_the_text_of_metadata_become_what_the_policy_says() {
    let metadata = json!({
        "user_id": "u-1", "sessionId": 17, "tier": "gold", "langgraph_step": 3, "thread_id": null,
        "caller": [{"email": "ada@example.com", "roles": ["x"]}], "session": {"id": "s-1"},
        "inner": "{\"user\":\"bob\",\"team\":\"t-1\"}", "note": "[draft", "username": true,
    });
    for key in KEYS {
        assert_eq!(of_text(Identity::Keep, key, &metadata), metadata, "{key}");
        let mask = "[REDACTED:identity]";
        let masked = json!({
            "user_id": mask, "sessionId": mask, "tier": "gold", "langgraph_step": 3, "thread_id": null,
            "caller": [{"email": mask, "roles": ["x"]}], "session": mask,
            "inner": format!("{{\"user\":\"{mask}\",\"team\":\"t-1\"}}"), "note": "[draft", "username": mask,
        });
        for identity in [Identity::Mask, Identity::Drop] {
            assert_eq!(of_text(identity, key, &metadata), masked, "{key}");
        }
        let hashed = json!({
            "user_id": pseudonym("u-1"), "sessionId": pseudonym("17"), "tier": "gold", "langgraph_step": 3,
            "thread_id": null, "caller": [{"email": pseudonym("ada@example.com"), "roles": ["x"]}], "session": mask,
            "inner": format!("{{\"user\":\"{}\",\"team\":\"t-1\"}}", pseudonym("bob")), "note": "[draft",
            "username": pseudonym("true"),
        });
        assert_eq!(of_text(Identity::Hash, key, &metadata), hashed, "{key}");
    }
}

#[test]
fn so_they_do_in_lists_and_in_keys_of_their_own() {
    let text = |text: &str| json!({"stringValue": text});
    let pair = |key: &str, value: Value| json!({"key": key, "value": value});
    let list = |user: Value| {
        let members = [pair("user_id", user), pair("tier", text("gold"))];
        json!({"kvlistValue": {"values": [pair("caller", json!({"kvlistValue": {"values": members}}))]}})
    };
    for key in KEYS {
        let found = redacted(Identity::Hash, key, &list(text("u-1")));
        assert_eq!(found, list(text(&pseudonym("u-1"))), "{key}");
        assert_eq!(redacted(Identity::Keep, key, &list(text("u-1"))), list(text("u-1")), "{key}");
        let of_key = |identity| redacted(identity, &format!("{key}.user_id"), &text("u-1"));
        assert_eq!(of_key(Identity::Hash), text(&pseudonym("u-1")), "{key}");
        assert_eq!(of_key(Identity::Keep), text("u-1"), "{key}");
        assert_eq!(of_key(Identity::Drop), Value::Null, "{key}");
        assert_eq!(redacted(Identity::Drop, &format!("{key}.tier"), &text("gold")), text("gold"), "{key}");
    }
}

/// What goes from a key of its own goes from the JSON of the list that it is in.
#[test]
fn names_of_one_convention_are_known_in_its_metadata() {
    for (key, name) in [
        ("metadata", "requester_ip_address"),
        ("metadata", "user_agent"),
        ("metadata", "user_api_key_user_email"),
        ("langfuse.trace.metadata", "user_api_key_end_user_id"),
        ("trace.metadata", "external_user"),
        ("span.metadata", "creator_user_id"),
        ("span.metadata", "http_referer"),
        ("langwatch.langchain.run.metadata", "customer_id"),
        ("mastra.metadata", "sessionId"),
        ("honeyhive_metadata", "user_id"),
    ] {
        let of = |value: &str| json!({"openrouter": {name: value, "tier": 1}, "note": "x"});
        assert_eq!(of_text(Identity::Mask, key, &of("SECRET")), of("[REDACTED:identity]"), "{key} {name}");
        assert_eq!(of_text(Identity::Keep, key, &of("SECRET")), of("SECRET"), "{key} {name}");
    }
}

/// What is no JSON has no members, and stays, but for objects as other languages write them.
#[test]
fn metadata_that_is_no_json_stays() {
    let text = |text: &str| json!({"stringValue": text});
    for value in [
        text("gold"),
        text("[draft] of user_id"),
        text("\"user_id\""),
        text(""),
        json!({"intValue": "7"}),
        json!({"boolValue": true}),
        json!({"bytesValue": "AAEC"}),
        json!({"arrayValue": {"values": [text("gold"), json!({"intValue": "7"})]}}),
    ] {
        for identity in [Identity::Keep, Identity::Hash, Identity::Drop] {
            assert_eq!(redacted(identity, "metadata", &value), value, "{identity:?}");
        }
    }
    let written_by_python = text("{'user_id': 'u-1'}");
    assert_eq!(redacted(Identity::Keep, "metadata", &written_by_python), written_by_python);
    assert_eq!(redacted(Identity::Hash, "metadata", &written_by_python), text("[REDACTED:identity]"));
}

/// What becomes of the text of `metadata`.
fn of_metadata(policy: &Policy, text: &str) -> String {
    let policy = policy.compile(Some(HashKey::new(KEY))).unwrap();
    let attribute = json!({"key": "metadata", "value": {"stringValue": text}});
    let input =
        json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "n", "attributes": [attribute]}]}]}]});
    let once = redact_json(input.to_string(), &policy).unwrap().data;
    assert_eq!(redact_json(once.clone(), &policy).unwrap().data, once, "{text}");
    let document: Value = serde_json::from_slice(&once).unwrap();
    let attribute = &document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0];
    attribute["value"]["stringValue"].as_str().unwrap().to_owned()
}

fn masks() -> Policy {
    Policy::from_preset(Preset::PrivacyMode).identity(Identity::Mask)
}

const MASK: &str = "[REDACTED:identity]";

#[test]
fn json_that_is_torn_or_nearly_json_goes_where_it_names_somebody() {
    for text in [
        r#"[{"user_id":"SECRET","score":NaN}]"#,
        r#"[{"user_id":"SECRET","a":"b"#,
        "[{'user_id': 'SECRET'}]",
        r#"[{"user_id":"SECRET"}] x"#,
        r#""{\"user_id\":\"SECRET\"}" x"#,
        "\u{feff}{\"user_id\":\"SECRET\"}",
        "\u{a0}{\"user_id\" :\"SECRET\"}",
        "\u{b}{\"user_id\":\"SECRET\"}",
        "call(user={'session_id': 'SECRET'})",
        r#"[{"key":"user_id","value":"SECRET""#,
        r#"[{"key" : "user_id","value":"SECRET","n":NaN}]"#,
        "[{'key': 'user_id', 'value': 'SECRET'}]",
        "\u{feff}[{\"key\":\"user_id\",\"value\":\"SECRET\"}]",
        r#"[{"\u0075ser_id":"SECRET""#,
        r#"[{"a":"{\u0022user_id\u0022:\u0022SECRET\u0022}""#,
        r#"[{"a":"{\\u0022user\\u005fid\\u0022:\\u0022SECRET\\u0022}""#,
        r#"[{"a":"{\u005c\u0022user_id\u005c\u0022:1}""#,
        r#"[{"a":"\u007b\u0022key\u0022\u003a\u0022user_id\u0022""#,
        // White space that is an escape, in a string and in a string of a string.
        r#"["{\"user_id\"\n:\"SECRET\""#,
        r#"["{\"user_id\"\t :\"SECRET\""#,
        r#"["{\"key\":\n\"user_id\",\"value\":\"SECRET\""#,
        r#"["[\"{\\\"user_id\\\"\\r\\n:\\\"SECRET\\\"""#,
        "\u{feff}[\"{\\\"user_id\\\"\\n:\\\"SECRET\\\"}\"]",
        r#"["{\"user_id\"\n:\"SECRET\"}",NaN]"#,
        r#"["{\"user_id\"\n:\"SECRET\"}"] x"#,
    ] {
        assert_eq!(of_metadata(&masks(), text), MASK, "{text}");
        // In a string of JSON as well.
        let outer = json!({"inner": text, "team": "a"}).to_string();
        let found: Value = serde_json::from_str(&of_metadata(&masks(), &outer)).unwrap();
        assert_eq!(found, json!({"inner": MASK, "team": "a"}), "{text}");
    }
    for text in [
        "[draft] user_id: none",
        "[\"user_id\"",
        "see 'user_id' here",
        "[{\"team\":NaN}]",
        r#""see \u"#,
        r#"[{"\u0075sers":"x" "\u0075ser_i""#,
        ": \":",
        r"[C:\new\users: x",
        r#"["a\"\n\"b\":"#,
        "\":",
        "'':x",
    ] {
        assert_eq!(of_metadata(&masks(), text), text);
    }
}

#[test]
fn json_that_is_too_deep_to_be_looked_at_goes() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}{{\"user_id\":\"SECRET\"}}{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let found = of_metadata(&masks(), &nested(open, close, 511));
        assert!(found.contains(MASK) && found.contains("user_id"), "{open}");
        assert_eq!(of_metadata(&masks(), &nested(open, close, 512)), MASK, "{open}");
    }
    for strings in 1..19 {
        let text =
            (0..strings).fold(r#"{"user_id":"SECRET"}"#.to_owned(), |text, _| Value::from(text).to_string());
        let found = of_metadata(&masks(), &text);
        assert!(!found.contains("SECRET") && found.contains("REDACTED"), "{strings}");
    }
}

#[test]
fn pairs_in_the_text_of_metadata_are_what_their_keys_say() {
    let (secret, mask) = (json!("SECRET"), json!(MASK));
    for (text, expected) in [
        (json!([{"key": "user_id", "value": secret}]), json!([{"key": "user_id", "value": mask}])),
        (json!([{"value": 7, "key": "user_id"}]), json!([{"value": mask, "key": "user_id"}])),
        (
            json!({"a": [{"key": "session_id", "value": {"stringValue": secret}, "n": 1}, {"key": "team", "value": "b"}]}),
            json!({"a": [{"key": "session_id", "value": mask, "n": mask}, {"key": "team", "value": "b"}]}),
        ),
        (
            json!([{"value": {"x": [{"user_id": secret}], "y": "{\"email\":1}"}, "key": "user"}, "z"]),
            json!([{"value": mask, "key": "user"}, "z"]),
        ),
        (
            json!({"key": "plan", "value": {"user_id": secret, "tier": 2}}),
            json!({"key": "plan", "value": {"user_id": mask, "tier": 2}}),
        ),
        (
            json!({"value": {"value": secret, "key": "user"}}),
            json!({"value": {"value": mask, "key": "user"}}),
        ),
        // All of its members, as in lists.
        (
            json!({"key": "user_id", "val": secret, "n": [secret], "a": {"b": secret}, "none": null}),
            json!({"key": "user_id", "val": mask, "n": mask, "a": mask, "none": null}),
        ),
        (
            json!({"a": {"key": "user_id", "b": "x"}, "val": secret, "key": "plan"}),
            json!({"a": {"key": "user_id", "b": mask}, "val": secret, "key": "plan"}),
        ),
        (json!({"key": "user_id", "value": null}), json!({"key": "user_id", "value": null})),
        (json!({"key": ["user_id"], "value": "v"}), json!({"key": ["user_id"], "value": "v"})),
    ] {
        let found: Value = serde_json::from_str(&of_metadata(&masks(), &text.to_string())).unwrap();
        assert_eq!(found, expected);
    }
    let twice = r#"{"value":"SECRET","a":{"user":"SECRET"},"key":"user_id","value":"SECRET"}"#;
    let expected = format!(r#"{{"value":"{MASK}","a":"{MASK}","key":"user_id","value":"{MASK}"}}"#);
    assert_eq!(of_metadata(&masks(), twice), expected);
}

#[test]
fn what_was_put_in_names_nobody() {
    let policy = masks().preset(Preset::Secrets);
    let found = of_metadata(&policy, r#"{"joe@example.com":"gold","team":{"a joe@example.com":[1]}}"#);
    assert_eq!(found, r#"{"[REDACTED:email]":"gold","team":{"a [REDACTED:email]":[1]}}"#);
    let staff = masks().custom_detector("staff", "EMP-[0-9]{6}");
    let found = of_metadata(&staff, r#"{"userEMP-123456":"gold"}"#);
    assert_eq!(found, r#"{"user[REDACTED:staff]":"gold"}"#);
    // Beside it, a name is what it was.
    let found = of_metadata(&policy, r#"{"joe@example.com:user_id":"SECRET"}"#);
    assert_eq!(found, format!(r#"{{"[REDACTED:email]:user_id":"{MASK}"}}"#));
}

#[test]
fn a_text_that_is_too_long_to_be_looked_at_goes_with_its_members() {
    let policy = masks().preset(Preset::Secrets).longest_text(100);
    let note = "x".repeat(100);
    for member in ["user_id", "team"] {
        let text = json!({member: "u-1", "note": format!("{note} joe@example.com")}).to_string();
        assert_eq!(of_metadata(&policy, &text), "[REDACTED:long_text]", "{member}");
        let text = json!({member: "u-1", "note": note}).to_string();
        let expected = if member == "team" { text.clone() } else { text.replace("u-1", MASK) };
        assert_eq!(of_metadata(&policy, &text), expected, "{member}");
    }
}

#[test]
fn the_policy_explains_which_members_are_meant() {
    for (identity, words) in [
        (Identity::Keep, "`metadata` of a span stays.\n"),
        (
            Identity::Hash,
            "stays, with pseudonyms in the place of these members of its JSON: user_id, userId,",
        ),
        (Identity::Mask, "stays without these members of its JSON: user_id, userId,"),
    ] {
        let policy = Policy::from_preset(Preset::PrivacyMode).identity(identity);
        let policy = policy.compile(Some(HashKey::new(KEY))).unwrap();
        let explained = policy.explain(Place::Span, "metadata", None).to_string();
        assert!(explained.contains(words), "{explained}");
    }
}

/// Who hashed first and masks now wants no pseudonyms, in JSON texts no more than elsewhere.
#[test]
fn what_stands_in_the_place_of_a_name_already_becomes_what_the_policy_says_now() {
    let (earlier, other) = (HashKey::new(KEY).pseudonym("SECRET"), "[REDACTED:email]");
    for stood in [earlier.as_str(), other, MASK] {
        for (identity, left) in
            [(Identity::Mask, MASK), (Identity::Drop, MASK), (Identity::Hash, stood), (Identity::Keep, stood)]
        {
            let of = |text: &str| json!({"user": text, "a": [{"key": "email", "value": text}], "n": 1});
            assert_eq!(of_text(identity, "metadata", &of(stood)), of(left), "{identity:?} {stood}");
            if identity != Identity::Drop {
                let value = redacted(identity, "metadata.user", &json!({"stringValue": stood}));
                assert_eq!(value, json!({"stringValue": left}), "{identity:?} {stood}");
            }
        }
    }
}
