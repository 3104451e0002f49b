//! The laws that decide of the members of lists, each over the kinds of rules that it is about.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Value, json};
use spanwise::decode;
use spanwise::redact::{CompiledPolicy, HashKey, Policy, redact, redact_json};

const IDENTITY: &str = "[REDACTED:identity]";
const CONTENT: &str = "[REDACTED:content]";
const MASKED: &str = "[REDACTED:masked]";

const PRIVACY: &str = "presets = ['privacy-mode']\n";
const MASKS: &str = "presets = ['privacy-mode']\nidentity = 'mask'\n";
const HASHES: &str = "presets = ['privacy-mode']\nidentity = 'hash'\n";
const STRUCTURE: &str = "presets = ['privacy-mode']\nbodies = 'structure'\n";
const BOTH: &str = "presets = ['privacy-mode']\nidentity = 'mask'\nbodies = 'structure'\n";

/// A value as OTLP has it, of one as JSON has it.
fn any(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Array(items) => json!({"arrayValue": {"values": items.iter().map(any).collect::<Vec<_>>()}}),
        Value::Object(members) => {
            let members: Vec<_> =
                members.iter().map(|(name, value)| json!({"key": name, "value": any(value)})).collect();
            json!({"kvlistValue": {"values": members}})
        }
        Value::Null => json!({}),
    }
}

fn document(key: &str, value: &Value) -> String {
    let span = json!({"name": "n", "attributes": [{"key": key, "value": any(value)}]});
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string()
}

thread_local! {
    /// Compiling takes longer than what is tested.
    static POLICIES: RefCell<HashMap<String, Rc<CompiledPolicy>>> = RefCell::default();
}

fn compiled(policy: &str) -> Rc<CompiledPolicy> {
    let compile = || {
        let key = HashKey::new(b"a key for the tests");
        Rc::new(Policy::from_toml(policy).unwrap().compile(Some(key)).unwrap())
    };
    POLICIES.with_borrow_mut(|known| known.entry(policy.to_owned()).or_insert_with(compile).clone())
}

/// One attribute becomes another, in the JSON and in a batch, and what it became stays.
fn becomes(policy: &str, key: &str, sent: &Value, expected: &Value) {
    let policy = compiled(policy);
    let input = document(key, sent);
    let once = redact_json(input.clone(), &policy).unwrap().data;
    let read: Value = serde_json::from_slice(&once).unwrap();
    let wanted: Value = serde_json::from_str(&document(key, expected)).unwrap();
    assert_eq!(read, wanted, "{key} {sent}");
    assert!(redact(&decode(input).unwrap(), &policy).unwrap().batch == decode(once.clone()).unwrap());
    assert_eq!(redact_json(once.clone(), &policy).unwrap().data, once, "{key} {sent}");
}

fn rule(kind: &str, pattern: &str, action: &str) -> String {
    let (action, length) = action.split_once(' ').unwrap_or((action, ""));
    let length = if length.is_empty() { String::new() } else { format!("length = {length}\n") };
    format!("[[rules]]\n{kind} = '{pattern}'\naction = '{action}'\n{length}")
}

fn key(pattern: &str, action: &str) -> String {
    rule("key", pattern, action)
}

/// A policy of a preset, and rules of the user's.
fn with(policy: &str, rules: &[String]) -> String {
    rules.iter().fold(policy.to_owned(), |policy, rule| policy + rule)
}

#[test]
fn what_is_said_of_a_list_hides_nothing_that_is_said_of_its_members() {
    let messages = r#"[{"role":"user","content":"SECRET"}]"#;
    let structured = r#"[{"role":"user","content":"[REDACTED:content:6]"}]"#;
    let settings = r#"{"messages":"SECRET","n":1}"#;
    let changed = format!(r#"{{"messages":"{CONTENT}","n":1}}"#);
    let answer = r#"{"message":"SECRET","usage":{"inputTokens":7}}"#;
    let figures = r#"{"message":"[REDACTED:content:6]","usage":{"inputTokens":7}}"#;
    let prompt = "gen_ai.prompt";
    for list in [
        "app.info",
        "metadata",
        "langsmith.metadata",
        "langfuse.trace.metadata",
        "mastra.metadata",
        "langwatch.langchain.run.metadata",
        "honeyhive_metadata",
        "tag.tags",
        "gen_ai.usage",
        "ai.settings",
    ] {
        for (policy, member, sent, expected) in [
            (PRIVACY, prompt, "SECRET", CONTENT),
            (MASKS, prompt, "SECRET", CONTENT),
            (STRUCTURE, prompt, messages, structured),
            (BOTH, prompt, messages, structured),
            (PRIVACY, "genkit:output", answer, figures),
            (MASKS, "genkit:output", answer, figures),
            (PRIVACY, "llm.invocation_parameters", settings, &changed),
            (MASKS, "gen_ai.prompt.truncated", "SECRET", "[REDACTED:marker]"),
            (MASKS, "gen_ai.prompt.truncated", "true", "true"),
            (MASKS, "user.id", "SECRET", IDENTITY),
        ] {
            let of = |text: &str| json!({ member: text, "n": 1, "ctx": {member: text, "plan": "b"} });
            becomes(policy, list, &of(sent), &of(expected));
        }
    }
}

#[test]
fn of_two_parts_that_stay_the_one_within_the_other_stays_and_else_none() {
    let settings = "llm.invocation_parameters";
    // Settings among metadata: their content goes, and so does who it was, whose names settings do not have.
    becomes(MASKS, "metadata", &json!({settings: r#"{"messages":"SECRET"}"#}), &json!({settings: CONTENT}));
    becomes(PRIVACY, settings, &json!({"genkit:output": "{\"n\":1}"}), &json!({"genkit:output": CONTENT}));
    let messages = r#"[{"role":"user","content":"SECRET"}]"#;
    becomes(STRUCTURE, settings, &json!({"gen_ai.prompt": messages}), &json!({"gen_ai.prompt": CONTENT}));
    // Metadata in metadata: who it was goes by the names of both, where one list has those of the other.
    let of = |user: &str, team: &str| json!({"langsmith.metadata": format!(r#"{{"user_id":"{user}","team":"{team}"}}"#)});
    becomes(MASKS, "metadata", &of("SECRET", "a"), &of(IDENTITY, "a"));
    let other = json!({"langfuse.trace.metadata": r#"{"requester_ip_address":"SECRET"}"#});
    let masked = json!({"langfuse.trace.metadata": format!(r#"{{"requester_ip_address":"{IDENTITY}"}}"#)});
    becomes(MASKS, "langsmith.metadata", &other, &masked);
    // What neither takes stays where all else goes.
    let of = |text: &str| json!({"ai.decision": {"m": 7}, "key": "ai.decision", "n": 7, "t": text});
    let pair = json!({"ai.decision": CONTENT, "key": "ai.decision", "n": 7, "t": CONTENT});
    for policy in [PRIVACY, STRUCTURE] {
        becomes(policy, settings, &of("SECRET"), &pair);
    }
    let gone = json!({"trace.metadata": IDENTITY});
    becomes(MASKS, "metadata", &json!({"trace.metadata": r#"{"origin":"SECRET"}"#}), &gone);
}

#[test]
fn a_list_is_above_a_member_whatever_letters_its_name_ends_with() {
    for (list, name, member) in [
        ("metadata.usage_object", "ai.response", "object"),
        ("metadata.usage_obj", "ai.response", "object"),
        ("gen_ai.agent.description", "tool", "description"),
        ("gen_ai.agent.descriptio", "tool", "description"),
        ("llm.x.usage", "gen_ai", "prompt"),
    ] {
        let of = |text: &str| json!({name: {member: text}, "n": "1"});
        let label = if name == "tool" { "[REDACTED:tool]" } else { CONTENT };
        becomes(PRIVACY, list, &of("SECRET"), &of(label));
    }
}

#[test]
fn a_key_that_no_rule_names_makes_no_pair() {
    let long = json!({"key": "cache", "note": "a long text"});
    let of_user = json!({"key": "cache", "note": r#"{"user_id":"x"}"#});
    let keeps = || key("app.note", "keep");
    for (policy, list, sent, expected) in [
        (with("", &[key("app", "truncate 5"), keeps()]), "app", &long, &long),
        (with("", &[keeps(), rule("prefix", "app", "truncate 5")]), "app", &long, &long),
        (with("", &[keeps(), rule("glob", "app.*", "truncate 5")]), "app", &long, &long),
        (
            with("", &[keeps(), rule("regex", "^app[.]", "drop")]),
            "app",
            &long,
            &json!({"note": "a long text"}),
        ),
        (
            with(MASKS, &[key("metadata.note", "truncate 4")]),
            "metadata",
            &long,
            &json!({"key": "cache", "note": "a lo"}),
        ),
        (with(MASKS, &[key("metadata.note", "keep")]), "metadata", &of_user, &of_user),
    ] {
        becomes(&policy, list, sent, expected);
    }
    // A rule that would match the word `key` as well names what it names.
    let sent = json!({"key": "token", "value": "SECRET"});
    let masks = rule("regex", "^(app[.])?(key|token)$", "mask");
    becomes(&masks, "app", &sent, &json!({"key": MASKED, "value": MASKED}));
}

#[test]
fn a_member_of_a_pair_that_goes_by_itself_goes_whatever_the_key_says() {
    let ssn = with(PRIVACY, &[key("ssn", "mask")]);
    for named in ["ai.decision", "agent.x.result", "documents.a.index"] {
        let of = |ssn: Value| json!({"key": named, "ssn": ssn, "count": 3});
        becomes(&ssn, "app.x", &of(json!(123_456_789)), &of(json!(MASKED)));
        let of = |user: Value| json!({"key": named, "user_id": user, "count": 3});
        becomes(MASKS, "metadata", &of(json!(700_012)), &of(json!(IDENTITY)));
    }
    for policy in [MASKS, HASHES] {
        let sent = json!({"prompt": {"key": "session_id", "value": "SECRET"}});
        let expected = json!({"prompt": {"key": CONTENT, "value": CONTENT}});
        becomes(policy, "metadata", &sent, &expected);
    }
}

#[test]
fn below_the_member_of_a_pair_its_name_counts() {
    let metadata = "langfuse.trace.metadata";
    let app = |rules: &[String]| with(PRIVACY, &[&[key("app", "truncate 100")], rules].concat());
    for (policy, list, named, sent, expected) in [
        (
            MASKS.into(),
            "app.info",
            metadata,
            json!({"gen_ai": {"prompt": "S"}}),
            json!({"gen_ai": {"prompt": CONTENT}}),
        ),
        (
            PRIVACY.into(),
            "app.info",
            "llm.invocation_parameters",
            json!({"span": {"output": "S", "n": "1"}}),
            json!({"span": {"output": CONTENT, "n": "1"}}),
        ),
        (
            with("", &[key("app", "truncate 100"), key("app.ctx.ssn", "drop"), key("app.ctx", "keep")]),
            "app",
            "cache",
            json!({"ctx": {"ssn": "S", "n": "1"}}),
            json!({"ctx": {"n": "1"}}),
        ),
        (
            app(&[key("app.gen_ai.usage.ssn", "drop")]),
            "app",
            "cache",
            json!({"gen_ai.usage": {"ssn": "S", "n": "1"}}),
            json!({"gen_ai.usage": {"n": "1"}}),
        ),
        (
            app(&[key("app.span", "keep")]),
            "app",
            "cache",
            json!({"span": {"input": "S"}}),
            json!({"span": {"input": CONTENT}}),
        ),
        (
            with(MASKS, &[key("metadata.ctx.ssn", "drop"), key("metadata.ctx", "keep")]),
            "metadata",
            "cache",
            json!({"ctx": {"ssn": "S", "n": "1"}}),
            json!({"ctx": {"n": "1"}}),
        ),
        (
            with(MASKS, &[key("app.info.value.ssn", "drop")]),
            "app.info",
            metadata,
            json!({"value": {"ssn": "S", "n": "1"}}),
            json!({"value": {"n": "1"}}),
        ),
        (
            with(MASKS, &[key("value.ssn", "drop")]),
            "app.info",
            metadata,
            json!({"value": {"ssn": "S", "n": "1"}}),
            json!({"value": {"n": "1"}}),
        ),
        // And what the key says holds however deep, whatever would stay there, pairs in pairs among it.
        (
            with(MASKS, &[key("note", "keep"), key("key", "keep")]),
            "app.info",
            metadata,
            json!({"gen_ai.usage": {"ctx": {"note": {"user_id": "S", "n": "1"}, "key": "other", "value": r#"{"email":"S"}"#}}}),
            json!({"gen_ai.usage": {"ctx": {"note": {"user_id": IDENTITY, "n": "1"}, "key": "other",
                "value": format!(r#"{{"email":"{IDENTITY}"}}"#)}}}),
        ),
    ] {
        let of = |members: &Value| {
            let mut pair = members.clone();
            pair.as_object_mut().unwrap().insert("key".into(), named.into());
            pair
        };
        becomes(&policy, list, &of(&sent), &of(&expected));
    }
}

#[test]
fn a_users_truncation_holds_in_every_list_and_lets_nobody_through() {
    for (policy, list) in [
        (PRIVACY, "metadata"),
        (MASKS, "metadata"),
        (HASHES, "langsmith.metadata"),
        (MASKS, "honeyhive_metadata"),
        (MASKS, "tag.tags"),
        (PRIVACY, "llm.invocation_parameters"),
        (MASKS, "app.info"),
    ] {
        for cuts in [
            key("note", "truncate 4"),
            rule("prefix", "note", "truncate 4"),
            rule("glob", "note", "truncate 4"),
        ] {
            let policy = with(policy, &[cuts]);
            for (sent, expected) in [
                (json!("a long text"), json!("a lo")),
                (json!("a"), json!("a")),
                (json!(12), json!(12)),
                (json!(123_456), json!(MASKED)),
                (json!({"t": "a long text"}), json!({"t": "a lo"})),
                (json!({"t": {"u": ["a long text"]}}), json!({"t": {"u": ["a lo"]}})),
            ] {
                becomes(
                    &policy,
                    list,
                    &json!({"note": sent, "n": "a long text"}),
                    &json!({"note": expected, "n": "a long text"}),
                );
                let of = |note: &Value| json!({"ctx": {"key": "note", "value": note}});
                becomes(&policy, list, &of(&sent), &of(&expected));
            }
        }
    }
    for length in [4, 12, 20, 200] {
        let policy = with(MASKS, &[key("note", &format!("truncate {length}"))]);
        for text in [
            r#"{"user_id":"SECRET","n":1}"#,
            r#"[{"user_id":"SECRET"}]"#,
            r#"{"a":[{"key":"user","value":"SECRET"}]}"#,
            r"{'user_id': 'SECRET'}",
            r#"see "user_id": "SECRET""#,
        ] {
            becomes(&policy, "metadata", &json!({"note": text}), &json!({"note": IDENTITY}));
            becomes(
                &policy,
                "metadata",
                &json!({"key": "note", "value": text}),
                &json!({"key": "note", "value": IDENTITY}),
            );
        }
        let of = |user: &str| json!({"note": {"user_id": user, "ctx": {"session": user}}});
        becomes(&policy, "metadata", &of("SECRET"), &of(IDENTITY));
    }
    let policy = with(MASKS, &[key("note", "truncate 6")]);
    becomes(&policy, "metadata", &json!({"note": "[draft] of it"}), &json!({"note": "[draft"}));
    becomes(&policy, "metadata", &json!({"note": "[1,2,3,4]"}), &json!({"note": "[1,2,3"}));
}

#[test]
fn what_a_user_takes_out_goes_from_messages_of_which_the_structure_stays() {
    let answer = "ai.response.providerMetadata";
    for (policy, list, sent, rule, expected) in [
        (
            STRUCTURE,
            "gen_ai.prompt",
            json!({"role": "user", "index": 1}),
            key("role", "mask"),
            json!({"role": MASKED, "index": 1}),
        ),
        (
            STRUCTURE,
            "gen_ai.prompt",
            json!([{"role": "user", "index": 1}]),
            key("gen_ai.prompt.role", "drop"),
            json!([{"index": 1}]),
        ),
        (
            STRUCTURE,
            "gen_ai.input.messages",
            json!({"messages": [{"role": "user", "parts": [{"type": "text", "index": 1}]}]}),
            key("parts.type", "drop"),
            json!({"messages": [{"role": "user", "parts": [{"index": 1}]}]}),
        ),
        (
            PRIVACY,
            answer,
            json!({"usage": {"input_tokens": 7, "output_tokens": 8}}),
            key("input_tokens", "drop"),
            json!({"usage": {"output_tokens": 8}}),
        ),
        (
            STRUCTURE,
            "gen_ai.prompt",
            json!({"ssn": "SECRET", "index": 1}),
            key("ssn", "drop"),
            json!({"index": 1}),
        ),
        // As a pair, too.
        (
            STRUCTURE,
            "gen_ai.input.messages",
            json!([{"key": "ssn", "index": 4213, "usage": {"input_tokens": 780}, "type": "Mueller"}]),
            key("ssn", "drop"),
            json!([{"[REDACTED:content:1]": "[REDACTED:content:3]"}]),
        ),
        (
            PRIVACY,
            answer,
            json!({"key": "billing", "latencyMs": 9, "usage": {"key": "ssn", "output_tokens": 7}}),
            key("ssn", "mask"),
            json!({"[REDACTED:content:1]": "[REDACTED:content:7]", "latencyMs": 9,
                "usage": {"[REDACTED:content:1]": "[REDACTED:content:3]", "output_tokens": MASKED}}),
        ),
        // What a rule leaves leaves nothing of what the structure does not.
        (
            STRUCTURE,
            "gen_ai.prompt",
            json!({"text": "SECRET"}),
            key("text", "keep"),
            json!({"text": "[REDACTED:content:6]"}),
        ),
    ] {
        becomes(&with(policy, &[rule]), list, &sent, &expected);
    }
}

/// A preset may not let through what a user's rule takes of a list.
#[test]
fn a_row_that_keeps_a_member_keeps_no_more_than_stays_of_its_list() {
    for (list, member) in
        [("text", "langfuse.trace.metadata"), ("app", "gen_ai.usage"), ("app", "service.name")]
    {
        for policy in ["presets = ['secrets']\n", PRIVACY, MASKS] {
            let policy = with(policy, &[key(list, "truncate 3")]);
            let of = |text: &str| json!({member: text, "ctx": {member: {"n": text}}, "key": member, "value": text});
            let expected =
                json!({member: "SEC", "ctx": {member: {"n": "SEC"}}, "key": &member[..3], "value": "SEC"});
            becomes(&policy, list, &of("SECRET"), &expected);
        }
    }
    // Nor what is said of a list in the user's that takes less.
    let policy = with(MASKS, &[key("app", "truncate 3")]);
    becomes(
        &policy,
        "app",
        &json!({"gen_ai.usage": {"gen_ai.prompt": "SECRET"}}),
        &json!({"gen_ai.usage": {"gen_ai.prompt": CONTENT}}),
    );
}

#[test]
fn keys_of_any_number_of_names_are_matched() {
    let names = ["b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let of = |value: &str| names.iter().rev().fold(json!(value), |inner, name| json!({ *name: inner }));
    let (whole, middle) = ("a.b.c.d.e.f.g.h.i.j", "b.c.d.e.f.g.h.i.j");
    for pattern in [whole, middle, "c.d.e.f.g.h.i.j", "d.e.f.g.h.i.j", "j"] {
        for kind in ["key", "prefix"] {
            for other in [vec![], vec![rule("glob", "zz*", "keep")]] {
                let policy = with(&rule(kind, pattern, "mask"), &other);
                becomes(&policy, "a", &of("SECRET"), &of(MASKED));
            }
        }
    }
    let policy = with(MASKS, &[rule("prefix", "metadata.b.c.d.e.f.g.h.i.j", "truncate 3")]);
    becomes(&policy, "metadata", &of("SECRET"), &of("SEC"));
    // Names that are too long for it are not matched, and not masked either.
    let long = "x".repeat(250);
    let of_long = |value: &str| names.iter().fold(json!(value), |inner, _| json!({ &long: inner }));
    becomes(&policy, &long, &of_long("SECRET"), &of_long("SECRET"));
}

/// The list knows by more of the path what its members are, however many names lie between.
#[test]
fn what_a_user_leaves_by_a_name_is_no_more_than_stays_of_the_list_however_deep() {
    let deep = |depth: usize, value: Value| {
        (0..depth).fold(value, |inner, level| json!({ format!("level{level}"): inner }))
    };
    for (policy, list, name, label) in [
        (MASKS, "metadata", "user_id", IDENTITY),
        (MASKS, "langsmith.metadata", "session_id", IDENTITY),
        (PRIVACY, "llm.invocation_parameters", "messages", CONTENT),
        // Rows that are of the list alone.
        (PRIVACY, "model_settings", "messages", CONTENT),
        (PRIVACY, "invocation_params", "prompt", CONTENT),
        (PRIVACY, "honeyhive_config_json", "template", CONTENT),
        (PRIVACY, "langchain.metadata", "outputs", "[REDACTED:tool]"),
    ] {
        let text = |value: &str| json!({ name: value, "n": 1 }).to_string();
        for action in ["keep", "truncate 500"] {
            for depth in [0, 1, 5, 6, 7, 8, 12] {
                let by_name = with(policy, &[key("note", action)]);
                let of = |note: Value| deep(depth, json!({"note": note}));
                let in_text = if action == "keep" { json!(text(label)) } else { json!(label) };
                becomes(&by_name, list, &of(json!(text("SECRET"))), &of(in_text));
                becomes(&by_name, list, &of(json!({name: "SECRET"})), &of(json!({ name: label })));
                let below = |value: &str| of(deep(depth, json!({name: value, "n": "x"})));
                becomes(&by_name, list, &below("SECRET"), &below(label));
            }
            // A rule for the path as a whole has the last word.
            let by_path = with(policy, &[key(&format!("{list}.note"), action)]);
            let of = |note: Value| json!({"note": note, "ctx": {"note": text(label)}});
            let kept = json!(text("SECRET"));
            becomes(&by_path, list, &of(kept.clone()), &of(kept));
        }
    }
    // So has one for the path from where a row knows it.
    let metadata = "langfuse.trace.metadata";
    let policy = with(MASKS, &[key(&format!("{metadata}.note"), "keep")]);
    let of =
        |note: &str| json!({ metadata: {"note": note, "ctx": {metadata: {"note": "{\"email\":\"x\"}"}}}});
    let expected = |note: &str| {
        let inner = format!("{{\"email\":\"{IDENTITY}\"}}");
        json!({ metadata: {"note": note, "ctx": {metadata: {"note": inner}}}})
    };
    becomes(&policy, "app", &of("{\"user\":\"x\"}"), &expected("{\"user\":\"x\"}"));
}

#[test]
fn a_pair_in_a_pair_names_a_member_of_what_the_outer_one_names() {
    let row = "braintrust.metadata";
    let gone = json!({"key": row, "x": {"key": row, "value": CONTENT}});
    becomes(PRIVACY, "app", &json!({"key": row, "x": {"key": row, "value": "SECRET"}}), &gone);
    let of = |value: &str| json!({"key": row, "x": {row: value}});
    becomes(PRIVACY, "app", &of("SECRET"), &of(CONTENT));
}

#[test]
fn of_two_truncations_the_shorter_stays() {
    for (list, member) in [(10, 5), (5, 10), (5, 5)] {
        let policy =
            with("", &[key("app", &format!("truncate {list}")), key("note", &format!("truncate {member}"))]);
        for (sent, expected) in [
            (json!("a long text of many"), json!("a lon")),
            (json!(1234), json!(1234)),
            (json!(1_234_567), json!(MASKED)),
            (json!({"t": ["a long text"], "n": 1}), json!({"t": ["a lon"], "n": 1})),
        ] {
            becomes(
                &policy,
                "app",
                &json!({"key": "note", "value": sent}),
                &json!({"key": "note", "value": expected}),
            );
        }
    }
    // In each pair of metadata what names somebody goes as well.
    let policy = with(MASKS, &[key("ctx", "truncate 50"), key("note", "truncate 3")]);
    let of = |user: &str, text: &str| json!({"ctx": {"key": "note", "user": user, "value": text}});
    becomes(&policy, "metadata", &of("SECRET", "a long text"), &of(IDENTITY, "a l"));
}

#[test]
fn a_prompt_under_the_name_key_takes_nothing_with_it() {
    let (long, longer) = ("x".repeat(2050), "x ".repeat(5000));
    for policy in [
        PRIVACY.to_owned(),
        MASKS.to_owned(),
        with("", &[key("zz", "drop")]),
        with("", &[rule("glob", "app.*", "keep"), key("zz", "drop")]),
    ] {
        for text in [&long, &longer] {
            let sent = json!({"key": text, "n": 5, "note": "a", "ctx": {"key": text, "n": 5}});
            becomes(&policy, "app", &sent, &sent);
        }
    }
    // What it begins with may be what a rule is of.
    let of = |value: &str| json!({"key": format!("gen_ai.prompt.{long}"), "value": value});
    becomes(PRIVACY, "app", &of("SECRET"), &of(CONTENT));
}

#[test]
fn a_key_that_is_cut_to_the_name_of_a_rule_goes() {
    let policy = with("", &[key("app", "truncate 4"), key("note", "drop")]);
    let of = |name: &str, value: &str| json!({"key": name, "value": value});
    becomes(&policy, "app", &of("notebook", "abcdef"), &of(MASKED, "abcd"));
    becomes(&policy, "app", &of("notary", "abcdef"), &of("nota", "abcd"));
    becomes(&policy, "app", &of("note", "abcdef"), &json!({"key": "note"}));
    let inner = |name: &str, value: &str| json!({"ctx": [of(name, value)]});
    becomes(&policy, "app", &inner("notebook", "abcdef"), &inner(MASKED, "abcd"));
    let policy = with(STRUCTURE, &[key("ctx", "truncate 50")]);
    let name = "llm.input_messages.0.message.tool_calls.0.tool_call.id";
    becomes(&policy, "ctx", &of(name, "abc"), &of(MASKED, "abc"));
    // So does one that is such a name without what detectors find in it.
    let finds = "[detectors]\non = ['email']\n";
    let policy = with("", &[rule("regex", "^app.*email.$", "drop"), finds.to_owned()]);
    becomes(&policy, "app", &of("joe@example.com", "abc"), &of(MASKED, "abc"));
}

#[test]
fn what_a_truncation_leaves_is_looked_at_as_well() {
    let policy = with(
        "[detectors]\non = ['card', 'email']\n",
        &[key("note", "truncate 16"), key("short", "truncate 6"), key("long", "truncate 40")],
    );
    let card = "4111111111111111222";
    becomes(&policy, "note", &json!(card), &json!("[REDACTED:card]"));
    becomes(&policy, "app", &json!({"note": [card]}), &json!({"note": ["[REDACTED:card]"]}));
    becomes(
        &policy,
        "app",
        &json!({"key": "note", "value": card}),
        &json!({"key": "note", "value": "[REDACTED:card]"}),
    );
    becomes(&policy, "note", &json!("4111111111111112222"), &json!("4111111111111112"));
    // What is put in may be too long in its turn.
    becomes(&policy, "short", &json!("a@b.com"), &json!("[REDAC"));
    becomes(
        &policy,
        "long",
        &json!("id 4111111111111111222 of joe@example.com"),
        &json!("id 4111111111111111222 of [REDACTED:emai"),
    );
}

/// By the member's own row, not by that of the list it stands in.
#[test]
fn who_looks_at_a_member_says_the_rule_of_the_member() {
    let finds = "[detectors]\non = ['card', 'email']\n";
    let (card, found) = ("4111111111111111", "[REDACTED:card]");
    for policy in [PRIVACY, MASKS] {
        let policy = with(policy, &[finds.to_owned()]);
        for list in ["metadata", "app", "gen_ai.usage"] {
            let of =
                |text: &str| json!({"gen_ai.response.id": card, "langfuse.trace.metadata": {"note": text}});
            becomes(&policy, list, &of(card), &of(found));
        }
        let of = |text: &str, mail: &str| json!({"note": text, "gen_ai.response.id": mail});
        becomes(&policy, "metadata", &of(card, "joe@example.com"), &of(found, "[REDACTED:email]"));
    }
    let policy = with(MASKS, &[key("note", "keep") + "detectors = false\n", finds.to_owned()]);
    let of = |text: &str, other: &str| json!({"note": text, "n": other});
    becomes(&policy, "metadata", &of(card, card), &of(card, found));
}

#[test]
fn names_that_are_masked_are_counted() {
    let drops = with(STRUCTURE, &[key("ssn", "drop")]);
    for (policy, key, sent, changes) in [
        (STRUCTURE, "gen_ai.prompt", json!({"zzz": null, "role": "user"}), 1),
        (PRIVACY, "genkit:output", json!({"x": null}), 1),
        (STRUCTURE, "gen_ai.prompt", json!({"zzz": "SECRET"}), 2),
        (STRUCTURE, "gen_ai.prompt", json!({"role": "user"}), 0),
        // What is dropped goes with its name.
        (&drops, "gen_ai.prompt", json!({"role": "user", "ssn": "SECRET"}), 1),
    ] {
        let policy = compiled(policy);
        let report = redact_json(document(key, &sent), &policy).unwrap().report;
        assert_eq!(report.changes(), changes, "{key} {sent}");
        let counted: u64 = report.rules(&policy).iter().map(|rule| rule.count).sum();
        assert_eq!(counted, changes, "{key} {sent}");
    }
}
