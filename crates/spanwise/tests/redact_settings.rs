//! Each setting of a policy does what the guide says of it: what stands in the output afterwards, and what the report counts.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test")]

use serde_json::{Value, json};
use spanwise::redact::{
    Action, Bodies, HashKey, KeyPattern, Place, Policy, PolicyError, Preset, RedactionReport, Redactor, Rule,
    TextAction, Unknown, redact, redact_json,
};
use spanwise::{DecodeOptions, Mode, decode};

const EMAIL: &str = "ada@example.com";

/// A request of one span with these attributes.
fn request(attributes: &Value) -> String {
    let span = json!({
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "n", "attributes": attributes,
    });
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string()
}

fn attribute(key: &str, value: Value) -> Value {
    json!({"key": key, "value": value})
}

fn text(key: &str, value: &str) -> Value {
    attribute(key, json!({ "stringValue": value }))
}

fn rule(key: &str, action: Action) -> Rule {
    Rule::new(KeyPattern::Exact(key.to_owned()), action)
}

/// What becomes of the attributes by a policy, in the JSON and, which must be the same, in a batch.
fn redacted(policy: Policy, attributes: &Value) -> (Value, RedactionReport) {
    let policy = policy.compile(Some(HashKey::new(b"a key for the tests"))).unwrap();
    let input = request(attributes);
    let output = redact_json(input.clone(), &policy).unwrap();
    let of_batch = redact(&decode(input).unwrap(), &policy).unwrap();
    assert!(of_batch.batch == decode(output.data.clone()).unwrap());
    assert_eq!(of_batch.report.changes(), output.report.changes());
    let document: Value = serde_json::from_slice(&output.data).unwrap();
    (document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].clone(), output.report)
}

fn counts(counts: Vec<spanwise::redact::Count>) -> Vec<(String, u64)> {
    counts.into_iter().map(|count| (count.name, count.count)).collect()
}

#[test]
fn keys_that_are_private_are_masked_and_told_apart() {
    let attributes = json!([
        text(EMAIL, "1"),
        text("x", "2"),
        text("bob@example.com", "3"),
        attribute("map", json!({"kvlistValue": {"values": [text("eve@example.com", "4"), text("y", "5")]}})),
    ]);
    let (found, report) = redacted(Policy::new().detectors_on(["email"]), &attributes);
    let key = |value: &Value| value["key"].as_str().unwrap().to_owned();
    let first = key(&found[0]);
    assert!(first.starts_with("[REDACTED:"), "{first}");
    let second = key(&found[2]);
    assert!(second.starts_with("[REDACTED:") && second != first, "{first} {second}");
    let inner = &found[3]["value"]["kvlistValue"]["values"];
    assert!(key(&inner[0]).starts_with("[REDACTED:"), "{inner}");
    assert_eq!((key(&found[1]), key(&inner[1])), ("x".to_owned(), "y".to_owned()));
    assert_eq!(
        [0, 1, 2].map(|index| found[index]["value"]["stringValue"].as_str().unwrap()),
        ["1", "2", "3"]
    );
    assert!(!found.to_string().contains('@'), "{found}");
    assert_eq!(counts(report.places()), [("span".to_owned(), 3)]);
}

#[test]
fn any_number_of_masked_keys_are_told_apart() {
    let attributes: Vec<Value> = (0..3000).map(|at| text(&format!("ada{at}@example.com"), "1")).collect();
    let (found, report) = redacted(Policy::new().detectors_on(["email"]), &attributes.into());
    let keys: Vec<&str> =
        found.as_array().unwrap().iter().map(|attribute| attribute["key"].as_str().unwrap()).collect();
    assert_eq!(
        (keys[0], keys[1], keys[2999]),
        ("[REDACTED:email]", "[REDACTED:key:2]", "[REDACTED:key:3000]")
    );
    assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 3000);
    assert_eq!(counts(report.places()), [("span".to_owned(), 3000)]);
}

#[test]
fn a_prefix_is_found_at_the_head_of_a_key_of_any_length() {
    let long = "k.".repeat(5000);
    let drop = |prefix: &str| Rule::new(KeyPattern::Prefix(prefix.to_owned()), Action::Drop);
    let attributes =
        json!([text(&format!("a.b.{long}"), "1"), text("a.b", "2"), text("a.bc.d", "3"), text("a", "4")]);
    let policy = Policy::new().rule(drop("a.b")).rule(drop("quite.another"));
    let (found, _) = redacted(policy, &attributes);
    assert_eq!(found, json!([attributes[2], attributes[3]]));
}

#[test]
fn numbers_are_looked_at_where_the_policy_says_so() {
    let attributes = json!([
        attribute("card", json!({"intValue": "4111111111111111"})),
        attribute("other", json!({"intValue": "7"})),
        attribute("half", json!({"doubleValue": 0.5})),
    ]);
    let policy = || Policy::new().detectors_on(["card"]);
    let (found, report) = redacted(policy(), &attributes);
    assert_eq!((found, report.changes()), (attributes.clone(), 0));
    let (found, report) = redacted(policy().read_numbers(true), &attributes);
    let masked = found[0]["value"]["stringValue"].as_str().unwrap();
    assert!(masked.starts_with("[REDACTED:"), "{found}");
    assert_eq!((&found[1], &found[2], report.changes()), (&attributes[1], &attributes[2], 1));
}

#[test]
fn what_comes_again_goes_again() {
    let number = |key: &str| attribute(key, json!({"intValue": "4111111111111111"}));
    let of_spans = |attributes: &Value| {
        let mut document: Value = serde_json::from_str(&request(attributes)).unwrap();
        let spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().unwrap();
        let first = spans[0].clone();
        spans.extend([first.clone(), first]);
        document
    };
    let attributes =
        json!([number("card"), attribute(EMAIL, json!({"boolValue": true})), text("note", EMAIL)]);
    let masked = json!([
        text("card", "[REDACTED:card]"),
        attribute("[REDACTED:email]", json!({"boolValue": true})),
        text("note", "[REDACTED:email]"),
    ]);
    for (numbers, first) in [(true, masked[0].clone()), (false, attributes[0].clone())] {
        let policy = Policy::from_preset(Preset::Secrets).read_numbers(numbers).compile(None).unwrap();
        let mut expected = masked.clone();
        expected[0] = first;
        let output = redact_json(of_spans(&attributes).to_string(), &policy).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&output.data).unwrap(), of_spans(&expected));
    }
}

#[test]
fn a_rule_of_a_path_reaches_into_lists() {
    let attributes = json!([attribute(
        "app",
        json!({"kvlistValue": {"values": [
            text("secret", "one"),
            text("public", "two"),
            attribute("inner", json!({"kvlistValue": {"values": [text("secret", "three"), text("public", "four")]}})),
        ]}})
    )]);
    let policy =
        Policy::new().rule(rule("app.secret", Action::Mask)).rule(rule("app.inner.secret", Action::Mask));
    let (found, _) = redacted(policy, &attributes);
    let values = &found[0]["value"]["kvlistValue"]["values"];
    let inner = &values[2]["value"]["kvlistValue"]["values"];
    let texts =
        [&values[0], &values[1], &inner[0], &inner[1]].map(|at| at["value"]["stringValue"].as_str().unwrap());
    assert_eq!(texts, ["[REDACTED:masked]", "two", "[REDACTED:masked]", "four"]);
}

#[test]
fn pairs_are_attributes_wherever_somebody_wrote_them() {
    let pair =
        |key: &str, value: &str| json!({"kvlistValue": {"values": [text("key", key), text("value", value)]}});
    let pairs = json!({"arrayValue": {"values": [pair("secret", "one"), pair("public", "two")]}});
    let attributes = json!([attribute("list", pairs)]);
    let (found, _) = redacted(Policy::new().rule(rule("secret", Action::Mask)), &attributes);
    let values = &found[0]["value"]["arrayValue"]["values"];
    let texts = |index: usize| {
        let pair = &values[index]["kvlistValue"]["values"];
        [0, 1].map(|member| pair[member]["value"]["stringValue"].as_str().unwrap())
    };
    assert_eq!((texts(0), texts(1)), (["secret", "[REDACTED:masked]"], ["public", "two"]));
}

#[test]
fn settings_lose_their_content_and_keep_the_rest() {
    let settings = [text("system", "prompt words"), attribute("temperature", json!({"doubleValue": 0.5}))];
    let as_list = attribute("llm.invocation_parameters", json!({"kvlistValue": {"values": settings}}));
    let as_json = text("llm.invocation_parameters", r#"{"system":"prompt words","temperature":0.5}"#);
    for attributes in [json!([as_list]), json!([as_json])] {
        let (found, _) = redacted(Policy::from_preset(Preset::PrivacyMode), &attributes);
        let found = found.to_string();
        assert!(
            !found.contains("words") && found.contains("temperature") && found.contains("0.5"),
            "{found}"
        );
    }
}

#[test]
fn addresses_of_any_script_are_found_and_what_only_looks_like_one_stays() {
    let on = || Policy::new().detectors_on(["email"]);
    for (content, expected) in [
        ("an jürgen@bücher.example.de!", "an [REDACTED:email]!"),
        ("x ada@bücher.de, y", "x [REDACTED:email], y"),
        ("to ada@example.com.", "to [REDACTED:email]."),
        ("to ada@example.com中文", "to [REDACTED:email]中文"),
        ("icon@2x.png", "icon@2x.png"),
        ("name@1.2.3-beta.rc", "name@1.2.3-beta.rc"),
        ("@example.com", "@example.com"),
        ("ada@-example.com", "ada@-example.com"),
        ("ada@example", "ada@example"),
    ] {
        let (found, _) = redacted(on(), &json!([text("a", content)]));
        assert_eq!(found[0]["value"]["stringValue"].as_str(), Some(expected), "{content}");
    }
}

#[test]
fn what_detectors_find_is_masked_or_hashed_and_long_text_is_masked_whole() {
    let attributes = json!([text("a", "mail ada@example.com now"), text("b", "plain")]);
    let on = || Policy::new().detectors_on(["email"]);
    let value = |found: &Value| found[0]["value"]["stringValue"].as_str().unwrap().to_owned();
    assert_eq!(value(&redacted(on(), &attributes).0), "mail [REDACTED:email] now");
    let hashed = value(&redacted(on().hash_finds(true), &attributes).0);
    assert!(hashed.starts_with("mail hmac:") && hashed.ends_with(" now"), "{hashed}");
    let off = Policy::from_preset(Preset::Secrets).detectors_off(["email"]);
    assert_eq!(value(&redacted(off, &attributes).0), "mail ada@example.com now");
    let elsewhere = on().detector_places([Place::Resource]);
    assert_eq!(value(&redacted(elsewhere, &attributes).0), "mail ada@example.com now");
    let elsewhere = on().detector_only_at("email", [Place::Event]);
    assert_eq!(value(&redacted(elsewhere, &attributes).0), "mail ada@example.com now");
    // The text has 24 bytes: at the bound it is looked at, above it nothing of it stays.
    assert_eq!(value(&redacted(on().longest_text(24), &attributes).0), "mail [REDACTED:email] now");
    let (found, report) = redacted(on().longest_text(23), &attributes);
    assert_eq!((value(&found).as_str(), report.long_texts), ("[REDACTED:long_text]", 1));
    assert_eq!(found[1], attributes[1]);
    let error: PolicyError = on().longest_text(0).compile(None).unwrap_err();
    assert!(error.to_string().contains("0 bytes"), "{error}");
}

/// Under a key that nothing is known of, and under one that a rule keeps.
#[test]
fn detectors_look_at_what_stays_of_lists_however_deep_it_is() {
    let listed = |word: &str| {
        let inner = kvlist(json!([text("note", word), attribute("notes", array(json!([string(word)])))]));
        array(json!([string(word), inner, array(json!([string(word)]))]))
    };
    let given = listed("to ada@example.com");
    let kept = rule("kept", Action::Keep);
    let policy = Policy::from_preset(Preset::Secrets).rule(kept);
    let (found, report) =
        redacted(policy, &json!([attribute("unknown", given.clone()), attribute("kept", given.clone())]));
    for attribute in [&found[0], &found[1]] {
        assert_eq!(attribute["value"], listed("to [REDACTED:email]"));
    }
    assert_eq!(report.changes(), 8);
}

#[test]
fn detectors_of_the_users_take_the_secret_of_what_they_match() {
    let policy = Policy::new()
        .custom_detector("ticket", "ticket (?<secret>[A-Z]+-[0-9]+)")
        .custom_detector("employee", r"\bEMP-[0-9]{6}\b");
    let attributes =
        json!([text("a", "see ticket ABC-12 by EMP-123456"), text("b", "ABC-12 and XEMP-123456")]);
    let (found, report) = redacted(policy, &attributes);
    let masked = "see ticket [REDACTED:ticket] by [REDACTED:employee]";
    assert_eq!(found[0]["value"]["stringValue"], masked);
    assert_eq!((&found[1], report.changes()), (&attributes[1], 1));
    // What is wrong with the first that is no detector is told when the policy is compiled, whatever came behind it.
    let bad =
        Policy::new().custom_detector("ok", "a").custom_detector("bad", "(").custom_detector("worse", "a*");
    let error = bad.detectors_off(["ok"]).compile(None).unwrap_err().to_string();
    assert!(error.starts_with("the detector `bad`: the regular expression is not valid"), "{error}");
    let twice = Policy::new().custom_detector("ok", "a").custom_detector("ok", "b").compile(None);
    assert!(twice.unwrap_err().to_string().contains("`ok`: there already is a detector"));
}

#[test]
fn members_that_are_not_of_otlp_are_looked_at_where_they_are_kept() {
    let input =
        request(&json!([])).replace(r#""name":"n""#, r#""name":"n","extra":{"a":["to ada@example.com",1]}"#);
    let policy = |policy: Policy| policy.detectors_on(["email"]).compile(None).unwrap();
    let kept = redact_json(input.clone(), &policy(Policy::new().unknown(Unknown::Keep))).unwrap();
    let expected = input.replace(EMAIL, "[REDACTED:email]");
    assert_eq!(String::from_utf8(kept.data).unwrap(), expected);
    let dropped = redact_json(input.clone(), &policy(Policy::new().unknown(Unknown::Drop))).unwrap();
    let dropped: Value = serde_json::from_slice(&dropped.data).unwrap();
    let span = &dropped["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!((&span["extra"], &span["name"]), (&Value::Null, &json!("n")));
}

#[test]
fn a_member_that_is_not_of_otlp_goes_with_what_is_found_in_its_name() {
    let named =
        |members: &str| request(&json!([])).replace(r#""name":"n""#, &format!(r#""name":"n"{members}"#));
    let policy = Policy::new().unknown(Unknown::Keep).detectors_on(["email"]).compile(None).unwrap();
    let input = named(
        r#","ada@example.com":{"to":"bea@example.com"},"b":1,"bea\u0040example.com":"bea@example.com""#,
    );
    let kept = redact_json(input, &policy).unwrap();
    assert_eq!(String::from_utf8(kept.data).unwrap(), named(r#","b":1"#));
    assert_eq!((kept.report.unknown_members, kept.report.changes()), (2, 0));
    assert_eq!(kept.report.detectors(&policy).len(), 0);
}

#[test]
fn under_everyday_words_texts_go_and_numbers_stay() {
    let of = |policy: Policy, value: Value| {
        let (found, _) = redacted(policy, &json!([attribute("message", value)]));
        found.get(0).map(|attribute| attribute["value"].clone())
    };
    let privacy = || Policy::from_preset(Preset::PrivacyMode);
    let mask = json!({"stringValue": "[REDACTED:content]"});
    for value in [
        json!({"stringValue": "482913"}),
        json!({"stringValue": "true"}),
        json!({"arrayValue": {"values": [{"intValue": "1"}]}}),
        json!({"kvlistValue": {"values": [text("a", "b")]}}),
        json!({"bytesValue": "aGk="}),
    ] {
        assert_eq!(of(privacy(), value.clone()), Some(mask.clone()), "{value}");
        assert_eq!(of(privacy().content(Action::Drop), value.clone()), None, "{value}");
    }
    for value in [json!({"intValue": "7"}), json!({"boolValue": true}), json!({"doubleValue": 1.5})] {
        for policy in [
            privacy(),
            privacy().content(Action::Drop),
            privacy().content(Action::Hash),
            privacy().bodies(Bodies::Structure),
        ] {
            assert_eq!(of(policy, value.clone()), Some(value.clone()));
        }
        let of_gen_ai = redacted(privacy(), &json!([attribute("gen_ai.prompt", value.clone())])).0;
        assert_eq!(of_gen_ai[0]["value"], mask, "under a word of its own nothing stays");
        let allowed = of(privacy().mode(spanwise::redact::Mode::Allow), value.clone());
        assert_ne!(allowed, Some(value), "nor where only what is allowed does");
    }
}

#[test]
fn actions_leave_what_they_say() {
    let kinds = json!([
        attribute("text", json!({"stringValue": "some words"})),
        attribute("truth", json!({"boolValue": true})),
        attribute("int", json!({"intValue": "5"})),
        attribute("double", json!({"doubleValue": 0.5})),
        attribute("list", json!({"arrayValue": {"values": [{"intValue": "1"}]}})),
        attribute("empty", json!({})),
    ]);
    let policy = |action: fn() -> Action| {
        let keys = ["text", "truth", "int", "double", "list", "empty"];
        keys.into_iter().fold(Policy::new(), |policy, key| policy.rule(rule(key, action())))
    };
    let value =
        |found: &Value, index: usize| found[index]["value"]["stringValue"].as_str().map(str::to_owned);
    let (found, _) = redacted(policy(|| Action::Hash), &kinds);
    for index in 0..4 {
        assert!(value(&found, index).is_some_and(|text| text.starts_with("hmac:")), "{index}: {found}");
    }
    assert_eq!(value(&found, 4).as_deref(), Some("[REDACTED:masked]"));
    assert_eq!(found[5], kinds[5]);
    let again = redacted(policy(|| Action::Hash), &found).0;
    assert_eq!(again, found);
    let (found, _) = redacted(policy(|| Action::Truncate(4)), &kinds);
    assert_eq!(value(&found, 0).as_deref(), Some("some"));
    assert_eq!((&found[2], &found[4]), (&kinds[2], &kinds[4]));
    let (found, _) = redacted(policy(|| Action::Drop), &kinds);
    assert!(found.as_array().is_none_or(Vec::is_empty), "{found}");
}

#[test]
fn reports_name_rules_detectors_and_places_and_add_up() {
    let attributes = json!([text("gen_ai.prompt", "words"), text("note", EMAIL), text("gone", "x")]);
    let policy =
        Policy::from_preset(Preset::PrivacyMode).detectors_on(["email"]).rule(rule("gone", Action::Drop));
    let policy = policy.text(Place::SpanName, TextAction::Mask).compile(None).unwrap();
    let mut redactor = Redactor::new(policy.clone());
    let report = redactor.redact_json(request(&attributes)).unwrap().report;
    assert_eq!(
        counts(report.rules(&policy)),
        [("rule 1: gone".to_owned(), 1), ("privacy-mode: gen_ai.prompt".to_owned(), 1)]
    );
    assert_eq!(counts(report.detectors(&policy)), [("email".to_owned(), 1)]);
    let places = counts(report.places());
    assert!(places.contains(&("span_name".to_owned(), 1)), "{places:?}");
    let mut sum = RedactionReport::default();
    sum.add(&report);
    sum.add(&report);
    assert!(sum.totals().map(|(_, count)| count).eq(report.totals().map(|(_, count)| 2 * count)));
    assert_eq!(sum.changes(), 2 * report.changes());
    let twice = |list: Vec<(String, u64)>| {
        list.into_iter().map(|(name, count)| (name, 2 * count)).collect::<Vec<_>>()
    };
    assert_eq!(counts(sum.rules(&policy)), twice(counts(report.rules(&policy))));
    assert_eq!(counts(sum.detectors(&policy)), twice(counts(report.detectors(&policy))));
    assert_eq!(counts(sum.places()), twice(places));
    assert!(!report.lost_anything());
    assert_eq!(redactor.policy().rule_count(), policy.rule_count());
}

#[test]
fn what_is_refused_is_said_and_nothing_comes_out() {
    let policy = Policy::from_preset(Preset::Secrets).compile(None).unwrap();
    let strict = DecodeOptions::default().with_mode(Mode::Strict);
    let mut redactor = Redactor::with_options(policy, strict);
    assert_eq!(redactor.decode_options().mode, Mode::Strict);
    let error = redactor.redact_json(&b"{\"resourceSpans\":[}"[..]).unwrap_err();
    assert!(error.to_string().contains("unexpected"), "{error}");
    assert!(matches!(error, spanwise::redact::RedactError::Decode(_)), "{error:?}");
    for preset in [Preset::PrivacyMode, Preset::Secrets] {
        assert_eq!(Preset::from_id(preset.id()), Some(preset));
    }
    assert_eq!(Preset::from_id("none"), None);
}

/// An array of values.
fn array(values: Value) -> Value {
    json!({"arrayValue": {"values": values}})
}

/// A kvlist of attributes.
fn kvlist(members: Value) -> Value {
    json!({"kvlistValue": {"values": members}})
}

fn string(text: &str) -> Value {
    json!({ "stringValue": text })
}

#[test]
fn what_is_cut_to_its_beginning_is_cut_wherever_it_stands() {
    let nested = |texts: [&str; 3]| {
        let inner = kvlist(json!([text("a", texts[1]), attribute("b", array(json!([string(texts[2])])))]));
        attribute("note", array(json!([string(texts[0]), inner])))
    };
    let policy = || {
        let policy = Policy::from_preset(Preset::Secrets).rule(rule("note", Action::Truncate(4)));
        policy.rule(rule("long", Action::Truncate(20)))
    };
    for (given, expected) in [
        (text("note", "secret"), text("note", "secr")),
        (text("note", "käsekuchen"), text("note", "käse")),
        (text("note", "abc"), text("note", "abc")),
        (text("note", "ada@example.com"), text("note", "[RED")),
        (text("note", "[REDACTED:content]"), text("note", "[REDACTED:content]")),
        // What stands in the place of a find may be longer than the text was.
        (text("long", "a@b.co"), text("long", "[REDACTED:email]")),
        (nested(["secret", "secrets", "SECRETS"]), nested(["secr", "secr", "SECR"])),
        (attribute("note", json!({"bytesValue": "c2VjcmV0"})), text("note", "[REDACTED:masked]")),
        (attribute("note", json!({"intValue": "1234"})), attribute("note", json!({"intValue": "1234"}))),
        (attribute("note", json!({"intValue": "12345"})), text("note", "[REDACTED:masked]")),
        (attribute("note", json!({"doubleValue": 0.125})), text("note", "[REDACTED:masked]")),
        (attribute("note", json!({"doubleValue": 0.5})), attribute("note", json!({"doubleValue": 0.5}))),
        (attribute("note", json!({"boolValue": true})), attribute("note", json!({"boolValue": true}))),
        (attribute("note", json!({"boolValue": false})), text("note", "[REDACTED:masked]")),
        (attribute("note", json!({})), attribute("note", json!({}))),
    ] {
        let (found, report) = redacted(policy(), &json!([given]));
        assert_eq!(found, json!([expected]), "{given}");
        let (again, changes) = redacted(policy(), &found);
        assert_eq!((&again, changes.changes()), (&found, 0), "{given}");
        assert_eq!(report.changes() > 0, given != expected, "{given}");
    }
}

#[test]
fn members_of_settings_that_are_content_go_in_every_form() {
    const MASK: &str = "[REDACTED:content]";
    let key = "llm.invocation_parameters";
    let form = |content: &str, extra: &str| {
        [
            text(key, &format!(r#"{{"temperature":0.5,"model":"m","messages":{content}}}"#)),
            text(key, &format!(r#"{{"config":{{"stop":{content},"n":[1]}},"model":"m"}}"#)),
            text(key, &json!({"extra_body": format!(r#"{{"contents":{content}}}"#)}).to_string()),
            attribute(key, kvlist(json!([text("model", "m"), text("system_instruction", extra)]))),
            attribute(
                key,
                kvlist(json!([attribute("config", array(json!([kvlist(json!([text("user", extra)]))])))])),
            ),
            attribute(key, kvlist(json!([text("config", &format!(r#"{{"content":{content},"n":1}}"#))]))),
            attribute(key, kvlist(json!([text("extra", &format!(r#"[{{"tools":{content}}}]"#))]))),
            text(key, &format!(r#"{{"extra.tools":{content},"extra":1}}"#)),
            text(&format!("{key}.messages.0"), extra),
            text(&format!("{key}.model"), "m"),
        ]
    };
    let policy = || Policy::from_preset(Preset::PrivacyMode);
    let quoted = format!("{MASK:?}");
    let expected = form(&quoted, MASK);
    for (given, expected) in form(r#"["SECRET",{"a":"SECRET"}]"#, "SECRET").into_iter().zip(expected) {
        let (found, _) = redacted(policy(), &json!([given]));
        assert_eq!(found, json!([expected]));
        let (again, changes) = redacted(policy(), &found);
        assert_eq!((&again, changes.changes()), (&found, 0));
    }
}

#[test]
fn detectors_look_at_what_stays_of_settings() {
    let key = "llm.invocation_parameters";
    let form = |secret: &str| {
        let members = [text("model", secret), attribute("stop_words", array(json!([string(secret)])))];
        [
            text(key, &json!({"model": secret, "more": [secret]}).to_string()),
            attribute(key, kvlist(members.into_iter().collect())),
            attribute(key, kvlist(json!([text("more", &json!({ "model": secret }).to_string())]))),
        ]
    };
    for (given, expected) in form("AKIAIOSFODNN7EXAMPLE").into_iter().zip(form("[REDACTED:key_aws_id]")) {
        let policy = || Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets);
        let (found, _) = redacted(policy(), &json!([given]));
        assert_eq!(found, json!([expected]));
    }
    // What is a list has no members that could tell what it is.
    let list = attribute(key, array(json!([string("SECRET"), kvlist(json!([text("model", "m")]))])));
    let (found, _) = redacted(Policy::from_preset(Preset::PrivacyMode), &json!([list]));
    assert_eq!(found, json!([text(key, "[REDACTED:content]")]));
}

#[test]
fn members_of_settings_go_however_deep_they_are_in_lists() {
    let key = "llm.invocation_parameters";
    for depth in [1, 7, 8, 9, 20] {
        let of = |content: &str| {
            let members = kvlist(json!([text("messages", content), text("model", "m")]));
            attribute(key, (0..depth).fold(members, |inner, _| kvlist(json!([attribute("more", inner)]))))
        };
        let (found, _) = redacted(Policy::from_preset(Preset::PrivacyMode), &json!([of("SECRET")]));
        assert_eq!(found, json!([of("[REDACTED:content]")]), "{depth}");
    }
}

#[test]
fn marks_stay_and_what_is_more_than_a_mark_goes() {
    let key = "gen_ai.prompt.truncated";
    for (value, stays) in [
        (json!({"boolValue": true}), true),
        (json!({"intValue": "4"}), true),
        (string("true"), true),
        (string("12345678"), true),
        (string("123456789"), false),
        (string("yes"), false),
        (array(json!([{"boolValue": true}])), false),
    ] {
        let given = json!([attribute(key, value)]);
        let (found, _) = redacted(Policy::from_preset(Preset::PrivacyMode), &given);
        let masked = json!([text(key, "[REDACTED:marker]")]);
        assert_eq!(found, if stays { given } else { masked });
    }
}

#[test]
fn a_pseudonym_in_the_place_of_a_name_is_told_apart_from_one_that_is_there() {
    let pseudonym = HashKey::new(b"a key for the tests").pseudonym(EMAIL);
    let policy = Policy::new().detectors_on(["email"]).hash_finds(true);
    let (found, _) = redacted(policy, &json!([text("a", &format!(r#"{{"{pseudonym}":1,"{EMAIL}":2}}"#))]));
    assert_eq!(found[0]["value"]["stringValue"], format!(r#"{{"{pseudonym}":1,"[REDACTED:key:2]":2}}"#));
}

#[test]
fn escapes_too_deep_to_be_undone_take_the_text_with_them_whichever_detector_is_on() {
    let deep =
        (0..20).fold(EMAIL.to_owned(), |text, _| format!("\\u{:04x}{}", text.as_bytes()[0], &text[1..]));
    let policy = || Policy::new().detectors_on(["email"]);
    let (found, _) = redacted(policy(), &json!([text("a", &deep)]));
    assert_eq!(found, json!([text("a", "[REDACTED:deep_escapes]")]));
    let custom = Policy::new().custom_detector("ticket", "T-[0-9]+");
    assert_eq!(redacted(custom, &json!([text("a", &deep)])).0, found);
}

#[test]
fn settings_that_begin_as_json_and_are_none_go() {
    let key = "llm.invocation_parameters";
    let torn = r#"{"tools":"SECRET""#;
    let attributes = json!([
        text(key, torn),
        attribute(key, kvlist(json!([text("config", torn), text("model", "m")]))),
        text(&format!("{key}.x"), &json!({ "config": torn, "model": "m" }).to_string()),
    ]);
    for index in 0..3 {
        let policy = || Policy::from_preset(Preset::PrivacyMode);
        let (found, _) = redacted(policy(), &json!([attributes[index]]));
        assert!(!found.to_string().contains("SECRET"), "{found}");
        assert_eq!(found.to_string().contains("model"), index > 0, "{found}");
        assert_eq!(redacted(policy(), &found).0, found);
    }
}

#[test]
fn of_an_answer_the_figures_stay_and_nothing_else() {
    let answer = json!({"finishReason": "stop", "message": {"role": "model", "content": [{"text": "SECRET"}]},
        "usage": {"inputTokens": 7296, "custom": {"SECRET": 1}, "thoughtsTokens": 415_555_012}, "SECRET": [1, {"usage": {"inputTokens": 1}}]});
    let policy = || Policy::from_preset(Preset::PrivacyMode);
    let given = json!([
        text("genkit:output", &answer.to_string()),
        text(
            "gcp.vertex.agent.llm_response",
            r#"{"finish_reason":"SECRET of them","usage_metadata":{"prompt_token_count":9}}"#
        ),
        text("genkit:output.1", "SECRET, in no JSON"),
        attribute("genkit:output.2", kvlist(json!([text("finishReason", "stop"), text("text", "SECRET")]))),
    ]);
    let (found, _) = redacted(policy(), &given);
    assert!(!found.to_string().contains("SECRET"), "{found}");
    let values: Vec<&str> =
        found.as_array().unwrap().iter().filter_map(|found| found["value"]["stringValue"].as_str()).collect();
    let expected = json!({"finishReason": "stop", "message": "[REDACTED:content:46]",
        "usage": {"inputTokens": 7296, "[REDACTED:content:2]": "[REDACTED:content:12]", "thoughtsTokens": "[REDACTED:content:9]"},
        "[REDACTED:content:1]": "[REDACTED:content:31]"});
    assert_eq!(serde_json::from_str::<Value>(values[0]).unwrap(), expected);
    assert_eq!(
        values[1..],
        [
            r#"{"finish_reason":"[REDACTED:content:14]","usage_metadata":{"prompt_token_count":9}}"#,
            "[REDACTED:content]"
        ]
    );
    assert_eq!(
        found[3]["value"],
        kvlist(json!([text("finishReason", "stop"), text("text", "[REDACTED:content:6]")]))
    );
    assert_eq!(redacted(policy(), &found).0, found);
    // Whoever wants them dropped has them dropped.
    let (found, _) = redacted(policy().content(Action::Drop), &given);
    assert_eq!(found, json!([]));
}

#[test]
fn of_what_a_provider_tells_of_its_answer_the_figures_stay() {
    let given = json!([
        text(
            "ai.response.providerMetadata",
            r#"{"openrouter":{"provider":"SECRET","reasoning_details":[{"text":"SECRET","cost":7}],"usage":{"promptTokens":1243,"promptTokensDetails":{"cachedTokens":343},"cost":0.0123,"costDetails":{"upstreamInferenceCost":1e-2}}},"cost":12.5}"#
        ),
        text(
            "ai.response.providerMetadata",
            r#"{"openai":{"reasoningTokens":51,"cachedPromptTokens":101,"logprobs":[[{"token":"SECRET"}]]},"gateway":{"cost":"0.0045","marketCost":"4111111111111111"}}"#
        ),
        text(
            "gcp.vertex.agent.llm_response",
            r#"{"content":"SECRET","usageMetadata":{"promptTokenCount":9,"thoughtsTokenCount":8,"cachedContentTokenCount":7,"toolUsePromptTokenCount":6,"promptTokensDetails":[{"modality":"TEXT","tokenCount":9},"SECRET",5]},"modality":"a SECRET"}"#
        ),
        text(
            "gcp.vertex.agent.llm_response",
            r#"{"usage_metadata":{"tool_use_prompt_token_count":6,"prompt_tokens_details":[{"modality":"TEXT","token_count":9}],"traffic_type":"ON_DEMAND"}}"#
        ),
        text(
            "genkit:output",
            r#"{"usage":{"inputCharacters":16,"outputImages":1,"custom":{"SECRET":2}},"latencyMs":27.563862000000086}"#
        ),
        attribute(
            "ai.response.providerMetadata",
            kvlist(json!([attribute(
                "openrouter",
                kvlist(json!([attribute(
                    "usage",
                    kvlist(json!([attribute("cost", json!({"doubleValue": 0.5}))]))
                )]))
            )]))
        ),
    ]);
    let expected = [
        r#"{"openrouter":{"[REDACTED:content:1]":"[REDACTED:content:6]","reasoning_details":"[REDACTED:content:28]","usage":{"promptTokens":1243,"promptTokensDetails":{"cachedTokens":343},"cost":0.0123,"costDetails":{"upstreamInferenceCost":1e-2}}},"cost":"[REDACTED:content:4]"}"#,
        r#"{"openai":{"reasoningTokens":51,"cachedPromptTokens":101,"logprobs":"[REDACTED:content:22]"},"gateway":{"cost":"0.0045","marketCost":"[REDACTED:content:16]"}}"#,
        r#"{"content":"[REDACTED:content:6]","usageMetadata":{"promptTokenCount":9,"thoughtsTokenCount":8,"cachedContentTokenCount":7,"toolUsePromptTokenCount":6,"promptTokensDetails":[{"modality":"TEXT","tokenCount":9},"[REDACTED:content:6]","[REDACTED:content:1]"]},"modality":"[REDACTED:content:8]"}"#,
        r#"{"usage_metadata":{"tool_use_prompt_token_count":6,"prompt_tokens_details":[{"modality":"TEXT","token_count":9}],"traffic_type":"ON_DEMAND"}}"#,
        r#"{"usage":{"inputCharacters":16,"outputImages":1,"[REDACTED:content:1]":"[REDACTED:content:12]"},"latencyMs":27.563862000000086}"#,
    ];
    for (index, given) in given.as_array().unwrap().iter().enumerate() {
        let policy = || Policy::from_preset(Preset::PrivacyMode);
        let (found, _) = redacted(policy(), &json!([given]));
        assert!(!found.to_string().contains("SECRET"), "{found}");
        match expected.get(index) {
            Some(expected) => assert_eq!(found[0]["value"]["stringValue"], *expected),
            None => assert_eq!(found[0], *given),
        }
        assert_eq!(redacted(policy(), &found).0, found);
        let (found, _) = redacted(policy().bodies(spanwise::redact::Bodies::Structure), &json!([given]));
        assert!(!found.to_string().contains("SECRET"), "{found}");
    }
}

#[test]
fn masked_names_of_a_structure_stay_apart_from_those_masked_before() {
    let policy = || Policy::from_preset(Preset::PrivacyMode).bodies(spanwise::redact::Bodies::Structure);
    let names = ["role", "[REDACTED:content:1]", "zzz", "yyy"];
    let given = json!([
        attribute("input.value", kvlist(names.iter().map(|name| text(name, "user")).collect())),
        text("output.value", r#"{"role":"user","[REDACTED:content:1]":"a","zzz":"b","yyy":"c"}"#),
    ]);
    let (found, _) = redacted(policy(), &given);
    let masked = ["role", "[REDACTED:content:1]", "[REDACTED:content:2]", "[REDACTED:content:3]"];
    let members = found[0]["value"]["kvlistValue"]["values"].as_array().unwrap();
    assert_eq!(members.iter().map(|member| member["key"].as_str().unwrap()).collect::<Vec<_>>(), masked);
    let document: Value = serde_json::from_str(found[1]["value"]["stringValue"].as_str().unwrap()).unwrap();
    let mut keys: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["[REDACTED:content:1]", "[REDACTED:content:2]", "[REDACTED:content:3]", "role"]);
    assert_eq!(redacted(policy(), &found).0, found);
}

#[test]
fn detectors_look_at_what_stays_of_a_structure() {
    let policy = || {
        let policy = Policy::from_preset(Preset::PrivacyMode).preset(Preset::Secrets);
        policy.bodies(spanwise::redact::Bodies::Structure)
    };
    let tool = |name: &str| json!([{"role": "assistant", "parts": [{"type": "tool_call", "name": name}]}]);
    let listed = |name: &str| {
        let part = kvlist(json!([text("type", "tool_call"), text("name", name)]));
        array(json!([kvlist(json!([attribute("parts", array(json!([part])))]))]))
    };
    for (name, expected) in [
        ("4111111111111111", "[REDACTED:card]"),
        ("AKIAIOSFODNN7EXAMPLE", "[REDACTED:key_aws_id]"),
        ("get_weather", "get_weather"),
    ] {
        let attributes = json!([
            text("gen_ai.input.messages", &tool(name).to_string()),
            attribute("gen_ai.output.messages", listed(name)),
        ]);
        let (found, _) = redacted(policy(), &attributes);
        assert_eq!(found[0]["value"]["stringValue"].as_str().unwrap(), tool(expected).to_string());
        assert_eq!(found[1]["value"], listed(expected));
        assert_eq!(redacted(policy(), &found).0, found);
    }
}

#[test]
fn words_and_counts_of_a_structure_stay_in_text_and_in_lists() {
    let policy = || Policy::from_preset(Preset::PrivacyMode).bodies(spanwise::redact::Bodies::Structure);
    let long = "w".repeat(33);
    let digits = "v123";
    let more = "v1234";
    let as_text = json!({"choices": [{"index": 9999, "finish_reasons": ["stop", "a b"]},
        {"index": 10000, "role": long, "kind": digits, "type": more}]});
    let int = |number: u64| attribute("index", json!({"intValue": number.to_string()}));
    let as_lists = kvlist(json!([attribute(
        "choices",
        array(json!([
            kvlist(json!([
                int(9999),
                attribute("finish_reasons", array(json!([string("stop"), string("a b")])))
            ])),
            kvlist(json!([int(10000), text("role", &long), text("kind", digits), text("type", more)])),
        ]))
    )]));
    let (found, _) = redacted(
        policy(),
        &json!([text("input.value", &as_text.to_string()), attribute("output.value", as_lists)]),
    );
    let document: Value = serde_json::from_str(found[0]["value"]["stringValue"].as_str().unwrap()).unwrap();
    let expected = json!({"choices": [{"index": 9999, "finish_reasons": ["stop", "[REDACTED:content:3]"]},
        {"index": "[REDACTED:content:5]", "role": "[REDACTED:content:33]", "kind": "v123", "type": "[REDACTED:content:5]"}]});
    assert_eq!(document, expected);
    let choices = &found[1]["value"]["kvlistValue"]["values"][0]["value"]["arrayValue"]["values"];
    let reasons = attribute("finish_reasons", array(json!([string("stop"), string("[REDACTED:content:3]")])));
    assert_eq!(choices[0], kvlist(json!([int(9999), reasons])));
    let masked = [
        text("index", "[REDACTED:content]"),
        text("role", "[REDACTED:content:33]"),
        text("kind", "v123"),
        text("type", "[REDACTED:content:5]"),
    ];
    assert_eq!(choices[1], kvlist(masked.into_iter().collect()));
    assert_eq!(redacted(policy(), &found).0, found);
}

/// JSON as lists of OTLP values.
fn as_lists(value: &Value) -> Value {
    match value {
        Value::Array(values) => array(values.iter().map(as_lists).collect()),
        Value::Object(members) => {
            kvlist(members.iter().map(|(name, value)| attribute(name, as_lists(value))).collect())
        }
        text => string(text.as_str().unwrap()),
    }
}

/// What has it is a tool's where its type says so, or the member that it stands in.
#[test]
fn names_of_tools_stay_and_other_names_and_what_is_no_name_go() {
    let policy = || Policy::from_preset(Preset::PrivacyMode).bodies(spanwise::redact::Bodies::Structure);
    for (name, document, stays) in [
        ("lookup", json!({"content": [{"type": "tool_use", "name": "NAME"}]}), true),
        ("lookup", json!({"content": [{"kind": "function", "name": "NAME"}]}), true),
        ("lookup", json!({"tool_calls": [{"name": "NAME"}]}), true),
        ("lookup", json!({"message": {"function": {"name": "NAME"}}}), true),
        ("a/b.c:d-e_1", json!({"tools": [{"name": "NAME"}]}), true),
        ("lookup", json!({"content": [{"tool_name": "NAME"}]}), true),
        ("ada", json!({"content": [{"name": "NAME"}]}), false),
        ("ada", json!({"content": [{"type": "text", "name": "NAME"}]}), false),
        ("ada", json!({"content": [{"name": "NAME", "role": "tool"}]}), false),
        ("ada", json!({"content": [{"name": "NAME"}, {"type": "tool_use"}]}), false),
        ("call ada", json!({"tool_calls": [{"name": "NAME"}]}), false),
        ("ada@x", json!({"content": [{"type": "tool_use", "name": "NAME"}]}), false),
        ("am 3. Mai", json!({"content": [{"tool_name": "NAME"}]}), false),
    ] {
        let of = |name: &str| -> Value {
            serde_json::from_str(&document.to_string().replace("NAME", name)).unwrap()
        };
        let (given, masked) = (of(name), of(&format!("[REDACTED:content:{}]", name.len())));
        let expected = if stays { &given } else { &masked };
        let attributes =
            json!([text("input.value", &given.to_string()), attribute("output.value", as_lists(&given))]);
        let (found, _) = redacted(policy(), &attributes);
        assert_eq!(found[0]["value"]["stringValue"], expected.to_string(), "{name:?} in {document}");
        assert_eq!(found[1]["value"], as_lists(expected), "{name:?} in {document}");
    }
}

#[test]
fn names_of_tools_are_of_so_many_letters() {
    let policy = || Policy::from_preset(Preset::PrivacyMode).bodies(spanwise::redact::Bodies::Structure);
    for (length, stays) in [(64, true), (65, false)] {
        let of = |name: &str| json!({"tool_calls": [{"function": {"name": name}}]}).to_string();
        let name = "n".repeat(length);
        let (found, _) = redacted(policy(), &json!([text("input.value", &of(&name))]));
        let expected = if stays { of(&name) } else { of(&format!("[REDACTED:content:{length}]")) };
        assert_eq!(found[0]["value"]["stringValue"], expected);
    }
}

#[test]
fn the_secret_member_of_a_query_goes_whole_though_it_holds_an_address() {
    for (given, expected) in [
        ("token=ada@example.com1", "token=[REDACTED:url_secret_param]"),
        ("a=ada@example.com", "a=[REDACTED:email]"),
    ] {
        let (found, _) = redacted(Policy::from_preset(Preset::Secrets), &json!([text("url.query", given)]));
        assert_eq!(found[0]["value"]["stringValue"], expected);
    }
}

#[test]
fn no_text_of_a_span_is_passed_over_wherever_it_stands() {
    let of = |text: &str, id: &str| {
        let url = format!("https://schema.example/{text}");
        let pairs = json!([{"key": "a", "value": {"stringValue": text}}]);
        json!({"resourceSpans": [{
            "schemaUrl": url,
            "resource": {"attributes": pairs, "entityRefs": [{"type": "host", "idKeys": ["a"], "descriptionKeys": [text]}]},
            "scopeSpans": [{
                "schemaUrl": url,
                "scope": {"name": text, "version": text, "attributes": pairs},
                "spans": [{
                    "traceId": id, "spanId": id, "parentSpanId": id, "traceState": format!("k={text}"), "name": text,
                    "attributes": pairs, "status": {"message": text},
                    "events": [{"name": text, "attributes": pairs}],
                    "links": [{"traceId": id, "spanId": id, "traceState": format!("k={text}"), "attributes": pairs}],
                }],
            }],
        }]})
    };
    let leaves = |value: &Value| {
        let text = value.to_string();
        (text.matches("SECRET").count(), text.matches(EMAIL).count())
    };
    let given = of(EMAIL, "SECRET");
    assert_eq!(leaves(&given), (5, 15));
    let policy = Policy::new().detectors_on(["email"]);
    let output = redact_json(given.to_string(), &policy.clone().compile(None).unwrap()).unwrap();
    let found: Value = serde_json::from_slice(&output.data).unwrap();
    assert_eq!(leaves(&found), (0, 0), "{found}");
    // Each of these alone.
    for part in ["type", "idKeys", "descriptionKeys", "schemaUrl"] {
        let mut given = of("plain", "5b8efff798038103");
        let reference = &mut given["resourceSpans"][0]["resource"]["entityRefs"][0];
        reference["descriptionKeys"] = json!(["b"]);
        reference[part] = if part.ends_with("Keys") { json!([EMAIL]) } else { json!(EMAIL) };
        let output = redact_json(given.to_string(), &policy.clone().compile(None).unwrap()).unwrap();
        assert!(!String::from_utf8(output.data).unwrap().contains(EMAIL), "{part}");
    }
    // An id of zeros says that there is none.
    let zeros = of("plain", "0000000000000000").to_string();
    assert_eq!(redact_json(zeros, &policy.compile(None).unwrap()).unwrap().report.changes(), 0);
    // A placeholder is no trace state and no URL.
    let places = [Place::TraceState, Place::Schema];
    let policy = places.into_iter().fold(Policy::new(), |policy, place| policy.text(place, TextAction::Mask));
    let output = redact_json(of("plain", "").to_string(), &policy.compile(None).unwrap()).unwrap();
    let found = String::from_utf8(output.data).unwrap();
    assert!(
        !found.contains("REDACTED") && !found.contains("k=plain") && !found.contains("schema.example"),
        "{found}"
    );
}

#[test]
fn an_allow_list_lets_no_unknown_member_through() {
    let mut document: Value =
        serde_json::from_str(&request(&json!([text("a", "1"), text("b", "2")]))).unwrap();
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["prompt"] = "SECRET".into();
    let policy = Policy::new().mode(spanwise::redact::Mode::Allow).rule(rule("a", Action::Keep));
    let output = redact_json(document.to_string(), &policy.compile(None).unwrap()).unwrap();
    let found: Value = serde_json::from_slice(&output.data).unwrap();
    let span = &found["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["attributes"], json!([text("a", "1")]));
    assert_eq!(span.get("prompt"), None, "{span}");
}
