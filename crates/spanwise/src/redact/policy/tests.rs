//! The catalogue's rows and traps, one by one, and the errors of policy files.

use super::*;
use crate::redact::catalogue::{self, Class, Match};

fn privacy_mode() -> CompiledPolicy {
    Policy::from_preset(Preset::PrivacyMode).compile(None).unwrap()
}

fn treatment(policy: &CompiledPolicy, key: &str) -> Treatment {
    policy.resolve(Place::Span, EventClass::default(), key).treatment
}

/// A key that a row's pattern matches.
fn example(pattern: &str) -> String {
    pattern.replace("**", "x.y").replace('*', "7")
}

#[test]
fn every_row_of_the_catalogue_decides_what_becomes_of_its_keys() {
    let policy = privacy_mode();
    for row in catalogue::rows() {
        let class = row.event.map(|event| policy.event_class(&example(event))).unwrap_or_default();
        let place = row.places.iter().next().unwrap();
        let mut keys = vec![example(row.pattern)];
        if row.matching == Match::Tree {
            keys.extend([".7", ".7.content", ":x", "[0]"].map(|rest| format!("{}{rest}", row.pattern)));
        }
        let is_of_a_member = |key: &str| {
            let rest = key.strip_prefix(row.pattern).and_then(|rest| rest.rsplit_once('.'));
            rest.is_some_and(|(_, name)| row.members.contains(&name))
        };
        for key in keys {
            let verdict = policy.resolve(place, class, &key);
            let expected = match row.class {
                Class::Content | Class::Word | Class::Credential => Treatment::Mask,
                Class::Answer => Treatment::Figures,
                Class::Settings if is_of_a_member(&key) => Treatment::Mask,
                Class::Settings => Treatment::Members,
                Class::Numeric if row.label == "marker" => Treatment::KeepMark,
                Class::Identity | Class::Metadata | Class::Kept | Class::Numeric => Treatment::Keep,
            };
            // Another row may decide of a key below, and must then be an exception that is meant.
            let decides = policy.label(verdict.rule) == row.label;
            assert!(verdict.treatment == expected || !decides, "{key}: {verdict:?}");
            if key == example(row.pattern) && row.matching != Match::Glob {
                assert_eq!(verdict.treatment, expected, "{key}");
                assert!(verdict.rule.is_some(), "{key}");
            }
        }
    }
}

#[test]
fn headers_are_known_whatever_is_in_the_key_and_shown_by_their_row() {
    let policy = privacy_mode();
    for (key, row) in [
        ("HTTP.Request.Header.X_API-Key.0", "http.*.header.x-api-key"),
        ("rpc.a\nb.metadata.authorization", "rpc.**.metadata.authorization"),
        ("http.a\nb.header.cookie", "http.*.header.cookie"),
    ] {
        let verdict = policy.resolve(Place::Span, EventClass::default(), key);
        assert_eq!(verdict.treatment, Treatment::Mask, "{key}");
        assert_eq!(verdict.rule.map(|rule| policy.pattern_text(rule)), Some(row), "{key}");
        let explanation = policy.explain(Place::Span, key, None).to_string();
        assert!(explanation.contains(&format!("`{row}`")), "{explanation}");
    }
}

#[test]
fn a_text_without_a_key_is_explained_as_one() {
    let policy =
        Policy::from_toml("presets = [\"secrets\"]\n[text]\nspan_name = \"mask\"\nschema = \"mask\"\n");
    let policy = policy.unwrap().compile(None).unwrap();
    for (place, outcome, scanned) in [
        (Place::SpanName, "The name of a span is masked.", false),
        (Place::Schema, "A schema URL, or text of an entity reference, is dropped.", false),
        (Place::EventName, "The name of an event stays.", true),
    ] {
        let explanation = policy.explain(place, "gen_ai.prompt", None).to_string();
        assert!(explanation.starts_with(outcome), "{explanation}");
        assert!(explanation.contains(&format!("`{}`", place.id())), "{explanation}");
        assert_eq!(explanation.contains("Detectors that look at it"), scanned, "{explanation}");
    }
}

#[test]
fn content_goes_and_what_only_looks_like_it_stays() {
    let policy = privacy_mode();
    for (key, expected) in [
        // A key of metadata under the prefix of a content key, and a key that only shares its letters.
        ("gen_ai.prompt.name", Treatment::Keep),
        ("gen_ai.prompt_caching", Treatment::Keep),
        ("gen_ai.prompt.truncated", Treatment::KeepMark),
        // Bare and flattened.
        ("gen_ai.prompt", Treatment::Mask),
        ("gen_ai.prompt.0.content", Treatment::Mask),
        ("gen_ai.prompt.0.role", Treatment::Keep),
        ("llm.prompts", Treatment::Mask),
        ("llm.prompts.0.prompt.text", Treatment::Mask),
        ("traceloop.entity.input.topic", Treatment::Mask),
        ("langfuse.observation.metadata.apiKey", Treatment::Keep),
        // A key that is a leaf and a prefix.
        ("gen_ai.usage.input_tokens", Treatment::Keep),
        ("gen_ai.usage.input_tokens.cached", Treatment::Keep),
        // Colons and camel case.
        ("genkit:input", Treatment::Mask),
        ("genkit:metadata:subtype", Treatment::Keep),
        ("ai.toolCall.args", Treatment::Mask),
        ("ai.toolcall.args", Treatment::Keep),
        ("mlflow.spanInputs", Treatment::Mask),
        // Near names are other keys, unless they were seen to hold content.
        ("gen_ai.input_messages", Treatment::Mask),
        ("gen_ai.response.reasoning_text", Treatment::Mask),
        ("gen_ai.inputs_messages", Treatment::Keep),
        ("GEN_AI.PROMPT", Treatment::Keep),
        ("llm.input_messages.0.message.name", Treatment::Mask),
        ("llm.invocation_parameters", Treatment::Members),
        ("ai.prompt.format", Treatment::Keep),
        ("ai.prompt.messages", Treatment::Mask),
        ("content", Treatment::Keep),
    ] {
        assert_eq!(treatment(&policy, key), expected, "{key}");
    }
}

#[test]
fn events_of_messages_hold_content_and_others_do_not() {
    let policy = privacy_mode();
    let of = |event: &str, key: &str| policy.resolve(Place::Event, policy.event_class(event), key).treatment;
    for event in ["gen_ai.system.message", "gen_ai.user.message", "gen_ai.tool.message", "gen_ai.choice"] {
        for key in ["content", "message", "tool_calls", "gen_ai.event.content"] {
            assert_eq!(of(event, key), Treatment::Mask, "{event} {key}");
        }
        assert_eq!(of(event, "finish_reason"), Treatment::Keep);
    }
    assert_eq!(of("cache.miss", "content"), Treatment::Keep);
    assert_eq!(of("gen_ai.content.prompt", "gen_ai.prompt"), Treatment::Mask);
}

#[test]
fn nested_names_are_matched_alone_and_joined() {
    let policy = privacy_mode();
    let of =
        |path: &[&str]| policy.resolve_nested(Place::Span, EventClass::default(), path).map(|v| v.treatment);
    assert_eq!(of(&["app.payload", "gen_ai.prompt"]), Some(Treatment::Mask));
    assert_eq!(of(&["app.payload", "gen_ai", "completion"]), Some(Treatment::Mask));
    assert_eq!(of(&["gen_ai", "prompt", "name"]), Some(Treatment::Keep));
    assert_eq!(of(&["app.payload", "label"]), None);
    assert_eq!(of(&["app.payload", "prompt"]), None);
    let own = Policy::new()
        .rule(Rule::new(KeyPattern::Exact("prompt".into()), Action::Mask))
        .compile(None)
        .unwrap();
    let verdict = own.resolve_nested(Place::Span, EventClass::default(), &["app.payload", "prompt"]);
    assert_eq!(verdict.map(|verdict| verdict.treatment), Some(Treatment::Mask));
}

#[test]
fn identities_are_kept_hashed_masked_or_dropped() {
    for (identity, expected) in [
        (Identity::Keep, Treatment::Keep),
        (Identity::Hash, Treatment::Hash),
        (Identity::Mask, Treatment::Mask),
        (Identity::Drop, Treatment::Drop),
    ] {
        let policy = Policy::from_preset(Preset::PrivacyMode).identity(identity);
        let policy = policy.compile(Some(HashKey::new(b"a key for the tests"))).unwrap();
        for row in catalogue::rows().filter(|row| row.class == Class::Identity) {
            assert_eq!(treatment(&policy, row.pattern), expected, "{}", row.pattern);
        }
    }
}

#[test]
fn identifiers_and_counts_are_not_read_by_detectors_of_digits() {
    for preset in [vec![Preset::Secrets], vec![Preset::PrivacyMode, Preset::Secrets]] {
        let policy = preset.into_iter().fold(Policy::new(), Policy::preset).compile(None).unwrap();
        let selection = |key| policy.resolve(Place::Span, EventClass::default(), key).selection;
        for key in
            ["gen_ai.response.id", "openrouter.trace.id", "gen_ai.usage.input_tokens", "llm.cost.total"]
        {
            assert!(!selection(key).has(crate::redact::Builtin::Card), "{key}");
            assert!(selection(key).has(crate::redact::Builtin::Email), "{key}");
        }
        assert!(selection("app.note").has(crate::redact::Builtin::Card));
        let is_private =
            policy.resolve(Place::Span, EventClass::default(), "input.value").treatment == Treatment::Mask;
        let expected = if is_private { Treatment::KeepMark } else { Treatment::Keep };
        assert_eq!(treatment(&policy, "gen_ai.prompt.truncated"), expected);
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let policy = Policy::from_preset(Preset::PrivacyMode)
        .rule(Rule::new(KeyPattern::Regex("^app\\.".into()), Action::Drop).places([Place::Span]))
        .rule(Rule::new(KeyPattern::Exact("app.x".into()), Action::Keep))
        .rule(Rule::new(KeyPattern::Glob("gen_ai.**".into()), Action::Keep))
        .compile(None)
        .unwrap();
    assert_eq!(treatment(&policy, "app.x"), Treatment::Drop);
    assert_eq!(policy.resolve(Place::Link, EventClass::default(), "app.x").rule, Some(1));
    assert_eq!(treatment(&policy, "gen_ai.prompt"), Treatment::Keep);
    assert_eq!(treatment(&policy, "input.value"), Treatment::Mask);
}

#[test]
fn an_allow_list_drops_what_no_rule_keeps() {
    let policy = Policy::from_preset(Preset::PrivacyMode).mode(Mode::Allow).compile(None).unwrap();
    assert_eq!(treatment(&policy, "gen_ai.inputs_messages"), Treatment::Drop);
    assert_eq!(treatment(&policy, "gen_ai.request.model"), Treatment::Keep);
    assert_eq!(treatment(&policy, "service.name"), Treatment::Keep);
    assert_eq!(treatment(&policy, "gen_ai.prompt"), Treatment::Mask);
    let own = Policy::new().mode(Mode::Allow);
    assert_eq!(own.compile(None).unwrap().unknown(), Unknown::Drop);
    assert_eq!(own.unknown(Unknown::Keep).compile(None).unwrap().unknown(), Unknown::Keep);
}

#[test]
fn members_of_settings_are_content_wherever_they_stand_in_the_key() {
    let policy = privacy_mode();
    for (key, expected) in [
        ("llm.invocation_parameters.temperature", Treatment::Members),
        ("llm.invocation_parameters.messages", Treatment::Mask),
        ("llm.invocation_parameters.messages.0.content", Treatment::Mask),
        ("llm.invocation_parameters.config.system_instruction", Treatment::Mask),
        ("llm.invocation_parameters.config[stop]", Treatment::Mask),
        ("llm.invocation_parameters.messages_kept", Treatment::Members),
        ("llm.invocation_parameters", Treatment::Members),
    ] {
        assert_eq!(treatment(&policy, key), expected, "{key}");
    }
}

#[test]
fn globs_and_expressions_are_asked_for_a_path_of_any_length() {
    let of = |pattern: KeyPattern, names: usize| {
        let policy = Policy::new().rule(Rule::new(pattern, Action::Mask)).compile(None).unwrap();
        let path: Vec<&str> =
            std::iter::once("app").chain(std::iter::repeat_n("x", names)).chain(["secret"]).collect();
        policy.resolve_nested(Place::Span, EventClass::default(), &path).map(|verdict| verdict.treatment)
    };
    for names in [0, 1, 5, 6, 7, 8, 20, 400, 2000] {
        let expected = Some(Treatment::Mask);
        assert_eq!(of(KeyPattern::Glob("app.**secret".into()), names), expected, "{names}");
        assert_eq!(of(KeyPattern::Regex("^app[.].*secret$".into()), names), expected, "{names}");
        assert_eq!(of(KeyPattern::Exact("secret".into()), names), expected, "{names}");
    }
    assert_eq!(of(KeyPattern::Glob("ap.**.secret".into()), 20), None);
}

#[test]
fn a_path_that_is_too_long_is_masked_only_for_rules_that_could_take_it() {
    let long = "x".repeat(91);
    let path: Vec<&str> = std::iter::repeat_n(long.as_str(), 30).chain(["name"]).collect();
    let of = |policy: Policy, path: &[&str]| {
        let policy = policy.compile(Some(HashKey::new(b"a key for the tests"))).unwrap();
        policy.resolve_nested(Place::Span, EventClass::default(), path).map(|verdict| verdict.treatment)
    };
    let rule = |action| Rule::new(KeyPattern::Glob("zzz.*".into()), action);
    let name = || Policy::new().rule(Rule::new(KeyPattern::Exact("name".into()), Action::Drop));
    assert_eq!(of(name(), &path), Some(Treatment::Drop));
    assert_eq!(of(name().rule(rule(Action::Keep)), &path), Some(Treatment::Drop));
    assert_eq!(of(name().rule(rule(Action::Drop)), &path), Some(Treatment::Mask));
    for actions in [[Action::Drop, Action::Keep], [Action::Keep, Action::Drop]] {
        let policy = actions.into_iter().fold(name(), |policy, action| policy.rule(rule(action)));
        assert_eq!(of(policy, &path), Some(Treatment::Mask), "{actions:?}");
    }
    assert_eq!(of(Policy::new().rule(rule(Action::Keep)), &path), None);
    let longer = "x".repeat(2048);
    assert_eq!(of(name(), &[&longer, "name"]), Some(Treatment::Mask));
}

#[test]
fn what_is_left_of_an_event_is_its_attributes_and_not_their_members() {
    let policy = Policy::from_preset(Preset::PrivacyMode)
        .rule(Rule::new(KeyPattern::Exact("custom.note".into()), Action::Keep))
        .rule(Rule::new(KeyPattern::Exact("b".into()), Action::Drop))
        .compile(None)
        .unwrap();
    let event = policy.event_class("gen_ai.choice");
    let of =
        |path: &[&str]| policy.resolve_nested(Place::Event, event, path).map(|verdict| verdict.treatment);
    assert_eq!(policy.resolve(Place::Event, event, "custom.other").treatment, Treatment::Mask);
    assert_eq!(policy.resolve(Place::Event, event, "custom.note").treatment, Treatment::Keep);
    assert_eq!(of(&["custom.note", "a"]), None);
    assert_eq!(of(&["custom.note", "b"]), Some(Treatment::Drop));
    assert_eq!(of(&["custom.note", "gen_ai.prompt"]), Some(Treatment::Mask));
}

#[test]
fn case_is_folded_where_asked() {
    let policy = Policy::from_preset(Preset::PrivacyMode).fold_case(true).compile(None).unwrap();
    for key in ["GEN_AI.PROMPT", "Input.Value", "AI.TOOLCALL.ARGS", "llm.prompts.0.PROMPT.text"] {
        assert_eq!(treatment(&policy, key), Treatment::Mask, "{key}");
    }
    assert_eq!(treatment(&policy, "llm.invocation_parameters.Messages"), Treatment::Mask);
    assert_eq!(treatment(&privacy_mode(), "llm.invocation_parameters.Messages"), Treatment::Members);
}

#[test]
fn rules_ask_for_so_many_names_of_events() {
    let of = |names: usize| {
        let rule =
            |name| Rule::new(KeyPattern::Exact("a".into()), Action::Mask).event(format!("event-{name}"));
        let policy = (0..names).fold(Policy::new(), |policy, name| policy.rule(rule(name)).rule(rule(0)));
        policy.compile(None)
    };
    let policy = of(64).unwrap();
    for name in [0, 63] {
        let class = policy.event_class(&format!("event-{name}"));
        assert_eq!(policy.resolve(Place::Event, class, "a").treatment, Treatment::Mask, "{name}");
    }
    assert_eq!(policy.resolve(Place::Event, policy.event_class("event-64"), "a").treatment, Treatment::Keep);
    assert!(of(65).unwrap_err().message().contains("more than 64 names"));
}

#[test]
fn a_key_alone_takes_nothing_out_and_a_preset_drops_what_is_unknown() {
    let key_alone = Policy::new().compile(Some(HashKey::new(b"a key for the tests"))).unwrap();
    assert!(key_alone.is_empty());
    assert_eq!(key_alone.unknown(), Unknown::Keep);
    assert_eq!(privacy_mode().unknown(), Unknown::Drop);
    assert!(privacy_mode().selection(Place::Span).is_empty());
    assert!(!privacy_mode().is_empty());
}

#[test]
fn a_file_says_all_that_the_builder_says() {
    let policy = Policy::from_toml(
        r#"
presets = ["privacy-mode", "secrets"]
mode = "allow"
unknown = "keep"
bodies = "structure"
content = "mask"
identity = "hash"
fold_case = true

[hash]
key_env = "SPANWISE_HASH_KEY"

[text]
span_name = "mask"
trace_state = "keep"

[detectors]
on = ["ipv4", "employee"]
off = ["phone_e164"]
action = "hash"
places = ["span", "event", "status_message"]
only = { card = ["span"] }
numbers = true
custom = { employee = '\bEMP-[0-9]{6}\b' }

[limits]
text = 1000

[[rules]]
key = "app.note"
places = ["span"]
action = "truncate"
length = 20

[[rules]]
prefix = "app.secret"
action = "mask"
label = "app"
detectors = false

[[rules]]
glob = "app.*.x"
event = "log"
action = "drop"

[[rules]]
regex = "^x-"
action = "hash"
"#,
    )
    .unwrap();
    assert_eq!(policy.key_source(), Some(&HashKeySource::Environment("SPANWISE_HASH_KEY".into())));
    let policy = policy.compile(Some(HashKey::new(b"a key for the tests"))).unwrap();
    assert_eq!(treatment(&policy, "app.note"), Treatment::Truncate(20));
    assert_eq!(treatment(&policy, "app.secret.x"), Treatment::Mask);
    assert_eq!(treatment(&policy, "x-a"), Treatment::Hash);
    assert_eq!(treatment(&policy, "input.value"), Treatment::Structure);
    assert_eq!(policy.resolve(Place::Event, policy.event_class("log"), "app.1.x").rule, Some(2));
    assert_eq!(policy.text_action(Place::SpanName), TextAction::Mask);
    assert_eq!(policy.text_action(Place::StatusMessage), TextAction::Scan);
    let ids = policy.detectors().ids_of(policy.selection(Place::Event));
    assert!(ids.contains(&"ipv4") && ids.contains(&"employee"));
    assert!(!ids.contains(&"phone_e164") && !ids.contains(&"card"));
    assert!(policy.detectors().ids_of(policy.selection(Place::Span)).contains(&"card"));
    assert!(policy.selection(Place::Link).is_empty());
    assert!(policy.hashes_finds() && policy.reads_numbers() && policy.longest_text() == 1000);
}

#[test]
fn mistakes_in_a_file_are_errors_with_their_line() {
    for (file, line, message) in [
        ("presets = [\"secrets\"]\nmod = 1\n", 2, "unknown field `mod`"),
        ("presets = [\"privacy\"]\n", 1, "a preset: \"privacy-mode\", \"secrets\""),
        ("\nmode = \"off\"\n", 2, "a mode"),
        ("mode = 1\n", 1, "invalid type"),
        ("mode = \"c2VjcmV0\"\n", 1, "invalid value: string, expected a mode"),
        ("hash = \"c2VjcmV0, expected\"\n", 1, "invalid type: string, expected where the hash key is kept"),
        ("presets = \"c2VjcmV0\"\n", 1, "invalid type: string, expected a sequence"),
        ("[text]\nspan = \"mask\"\n", 2, "no place of texts"),
        ("[detectors]\non = [\n \"emial\"]\n", 3, "no such detector"),
        ("[detectors]\nonly = { emial = [\"span\"] }\n", 2, "no such detector"),
        ("[detectors.custom]\nx = '('\n", 2, "not valid"),
        ("[detectors.custom]\nx = 'a*'\n", 2, "matches the empty text"),
        ("[detectors.custom]\nemail = 'a'\n", 2, "already is a detector"),
        ("[detectors.custom]\n\"Big Id\" = 'a'\n", 2, "lower-case letters"),
        ("[[rules]]\nkey = \"a\"\n", 1, "missing field `action`"),
        ("[[rules]]\naction = \"mask\"\n", 1, "one of `key`"),
        ("[[rules]]\nkey = \"a\"\nglob = \"b\"\naction = \"mask\"\n", 1, "one of `key`"),
        ("[[rules]]\nkey = \"a\"\naction = \"truncate\"\n", 1, "needs a `length`"),
        ("[[rules]]\nkey = \"a\"\naction = \"mask\"\nlength = 3\n", 1, "`length` is for"),
        ("[[rules]]\nregex = \"(\"\naction = \"mask\"\n", 2, "unclosed group"),
        ("[[rules]]\nglob = \"a***\"\naction = \"mask\"\n", 2, "stars in a row"),
        ("[[rules]]\nkey = \"\"\naction = \"mask\"\n", 2, "empty"),
        ("[[rules]]\nkey = \"gen_ai.*\"\naction = \"mask\"\n", 2, "write a `glob`"),
        ("[[rules]]\nprefix = \"gen_ai.prompt.**\"\naction = \"mask\"\n", 2, "write a `glob`"),
        ("[[rules]]\nkey = \"a\"\naction = \"burn\"\n", 3, "an action"),
        ("[[rules]]\nkey = \"a\"\naction = \"mask\"\nplaces = [\"spam\"]\n", 4, "a place"),
        ("[hash]\nkey = \"c2VjcmV0\"\n", 2, "unknown field `key`"),
        ("[hash]\n", 1, "either `key_env` or `key_file`"),
        ("x = [\n", 1, ""),
    ] {
        let error = Policy::from_toml(file).unwrap_err();
        assert_eq!(error.line(), Some(line), "{file}: {error}");
        assert!(error.message().contains(message), "{file}: {error}");
        assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
    }
    for (file, line) in [
        (
            "[[rules]]\nkey = \"a\"\naction = \"mask\"\n[[rules]]\nkey = \"a\"\naction = \"mask\"\nlabel = \"A B\"\n",
            4,
        ),
        ("\n[[rules]]\nkey = \"a\"\naction = \"mask\"\nplaces = [\"span_name\"]\n", 2),
        ("\n[[rules]]\nkey = \"a\"\naction = \"mask\"\nplaces = [\"span\"]\nevent = \"x\"\n", 2),
        ("\n[[rules]]\nkey = \"a\"\naction = \"mask\"\nplaces = [\"span\", \"event\"]\nevent = \"x\"\n", 2),
    ] {
        assert_eq!(Policy::from_toml(file).unwrap().compile(None).unwrap_err().line(), Some(line), "{file}");
    }
}

#[test]
fn a_setting_that_can_do_nothing_is_a_mistake() {
    for (file, message) in [
        ("presets = [\"secrets\"]\nidentity = \"drop\"\n", "`identity` is for keys"),
        ("identity = \"mask\"\n", "`identity` is for keys"),
        ("presets = [\"secrets\"]\ncontent = \"drop\"\n", "`content` is for keys"),
        ("presets = [\"secrets\"]\nbodies = \"structure\"\n", "`bodies` is for keys"),
        (
            "presets = [\"privacy-mode\"]\nbodies = \"structure\"\ncontent = \"drop\"\n",
            "`bodies` is for content",
        ),
        ("presets = [\"secrets\"]\n[detectors]\nplaces = []\n", "no place"),
        ("[detectors]\non = [\"email\"]\nplaces = []\n", "no place"),
        ("[detectors]\nplaces = []\ncustom = { x = 'y' }\n", "no place"),
        ("[detectors]\non = [\"email\"]\nonly = { email = [] }\n", "can be `off`"),
        ("[detectors]\nonly = { ipv4 = [\"span\"] }\n", "is not on"),
        ("presets = [\"secrets\"]\n[detectors]\nonly = { ipv4 = [\"span\"] }\n", "is not on"),
        (
            "presets = [\"secrets\"]\n[detectors]\noff = [\"email\"]\nonly = { email = [\"span\"] }\n",
            "is not on",
        ),
        ("[detectors]\non = [\"email\"]\noff = [\"email\"]\n", "both on and off"),
        ("presets = [\"privacy-mode\"]\n[detectors]\nnumbers = true\n", "none is on"),
        ("[detectors]\nplaces = [\"span\"]\n", "none is on"),
        ("", "changes nothing"),
        ("mode = \"deny\"\nunknown = \"keep\"\n", "changes nothing"),
        ("[detectors]\noff = [\"email\"]\n", "changes nothing"),
        ("[[rules]]\nkey = \"a\"\naction = \"keep\"\n", "changes nothing"),
        (
            "[detectors]\non = [\"email\"]\nplaces = [\"span_name\"]\n[text]\nspan_name = \"keep\"\n",
            "changes nothing",
        ),
        ("[detectors]\noff = [\"x\"]\n[detectors.custom]\nx = 'y'\n", "changes nothing"),
    ] {
        let error = Policy::from_toml(file).unwrap().compile(None).unwrap_err();
        assert!(error.message().contains(message), "{file}: {error}");
    }
    for file in [
        "presets = [\"privacy-mode\"]\nidentity = \"drop\"\nbodies = \"structure\"\n",
        "presets = [\"secrets\"]\n[detectors]\nplaces = []\nonly = { email = [\"span\"] }\n",
        "[detectors]\nonly = { x = [\"span\"] }\ncustom = { x = 'y' }\n",
        "presets = [\"secrets\"]\n[detectors]\noff = [\"email\"]\n",
        "[[rules]]\nkey = \"a\"\naction = \"mask\"\nevent = \"x\"\n",
        "[[rules]]\nkey = \"a\"\naction = \"mask\"\nevent = \"x\"\nplaces = [\"event\"]\n",
        "[[rules]]\nregex = \"^a[*]$\"\naction = \"mask\"\n",
    ] {
        let compiled = Policy::from_toml(file).unwrap().compile(None);
        assert!(compiled.is_ok(), "{file}: {:?}", compiled.err());
    }
}

#[test]
fn a_policy_that_cannot_be_applied_is_not() {
    let hashing = Policy::new().rule(Rule::new(KeyPattern::Exact("a".into()), Action::Hash));
    assert!(hashing.compile(None).unwrap_err().message().contains("no key"));
    for key in [&b""[..], b"a", b"fifteen bytes ."] {
        let error = hashing.compile(Some(HashKey::new(key))).unwrap_err();
        assert!(error.message().contains("shorter than 16 bytes"), "{error}");
    }
    assert!(hashing.compile(Some(HashKey::new(b"sixteen bytes .."))).is_ok());
    assert!(Policy::from_preset(Preset::PrivacyMode).identity(Identity::Hash).compile(None).is_err());
    assert!(Policy::new().detectors_on(["email"]).hash_finds(true).compile(None).is_err());
    assert!(Policy::new().detectors_on(["nothing"]).compile(None).is_err());
    assert!(Policy::new().content(Action::Keep).compile(None).is_err());
}

/// Beside a preset, too, it would look as if texts went there that stay.
#[test]
fn what_becomes_of_attributes_is_no_setting_for_texts() {
    for place in Place::ALL.iter().copied() {
        for action in [TextAction::Mask, TextAction::Keep] {
            let compiled = Policy::from_preset(Preset::Secrets).text(place, action).compile(None);
            assert_eq!(compiled.is_err(), place.has_keys(), "{place:?} {action:?}");
        }
        assert_eq!(Policy::new().text(place, TextAction::Mask).compile(None).is_err(), place.has_keys());
        assert!(Policy::from_preset(Preset::Secrets).text(place, TextAction::Scan).compile(None).is_ok());
    }
    let error = Policy::new().text(Place::Span, TextAction::Mask).compile(None).unwrap_err();
    assert!(error.message().contains("`span`"), "{error}");
}

#[test]
fn a_key_that_was_not_fetched_is_told_as_that() {
    for (file, source) in [
        ("presets = [\"privacy-mode\"]\nidentity = \"hash\"\n[hash]\nkey_env = \"c2VjcmV0\"\n", "`key_env`"),
        (
            "presets = [\"privacy-mode\"]\nidentity = \"hash\"\n[hash]\nkey_file = \"c2VjcmV0\"\n",
            "`key_file`",
        ),
        ("[hash]\nkey_env = \"c2VjcmV0\"\n", "`key_env`"),
    ] {
        let error = Policy::from_toml(file).unwrap().compile(None).unwrap_err().to_string();
        assert!(error.starts_with("there is no key") && error.contains(source), "{file}: {error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
    // Where nothing needs the key, a policy does without.
    assert!(
        Policy::from_toml("presets = [\"secrets\"]\n[hash]\nkey_env = \"X\"\n")
            .unwrap()
            .compile(None)
            .is_ok()
    );
}
