//! Keeps `docs/redaction.md` true: its policies are policies, it shows every setting, and its tables are those of the code.

#![cfg(feature = "redact")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use spanwise::redact::{Builtin, EventClass, HashKey, Place, Policy, Preset, RedactionReport, Treatment};

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/redaction.md")).unwrap()
}

fn policies(page: &str) -> Vec<&str> {
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The cells of each row of the tables under a heading.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.skip(1).map(|row| row.split(" | ").map(|cell| cell.replace('`', "")).collect()).collect()
}

#[test]
fn its_policies_do_what_it_says() {
    let page = page();
    let policies = policies(&page);
    assert_eq!(policies.len(), 2);
    let compiled = |text: &str| {
        Policy::from_toml(text).unwrap().compile(Some(HashKey::new(b"a key for the tests"))).unwrap()
    };
    for (text, key, outcome) in [
        (policies[0], "trace.metadata.note", "is cut to its first 20 characters"),
        (policies[0], "app.secret.x", "is dropped"),
        (policies[0], "app.7.comment", "[REDACTED:comment]"),
        (policies[0], "internal.x", "No rule matches"),
        (policies[0], "app.public", "No detector looks at it"),
        (policies[0], "gen_ai.input.messages", "keeps its structure"),
        (policies[0], "user.id", "is hashed"),
        (policies[0], "anything", "stays"),
        (policies[1], "gen_ai.usage.input_tokens", "stays"),
        (policies[1], "gen_ai.usages", "is dropped"),
        (policies[1], "service.name", "is dropped"),
    ] {
        let explanation = compiled(text).explain(Place::Span, key, None).to_string();
        assert!(explanation.contains(outcome), "{explanation}");
    }
    let event = compiled(policies[0]).explain(Place::Event, "internal.x", Some("log.line")).to_string();
    assert!(event.contains("is hashed"), "{event}");
    let resource = compiled(policies[1]).explain(Place::Resource, "service.name", None).to_string();
    assert!(resource.contains("stays"), "{resource}");
}

/// Taking any line with a setting out and writing its name wrong shows that the first policy holds every setting: each is
/// known, and the names that an unknown one is told of all stand there.
#[test]
fn it_shows_every_setting() {
    let page = page();
    let shown = policies(&page)[0];
    for table in ["", "[hash]\n", "[detectors]\n", "[limits]\n", "[[rules]]\n"] {
        let error = Policy::from_toml(&format!("{table}no_such_setting = 1\n")).unwrap_err().to_string();
        let names: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert!(!names.is_empty(), "{error}");
        for name in names {
            let forms = [
                format!("{name} = "),
                format!("[{name}]"),
                format!("[[{name}]]"),
                format!("[detectors.{name}]"),
            ];
            let is_shown = forms.iter().any(|form| shown.contains(form.as_str()))
                || shown.contains(&format!(" {name} "));
            assert!(is_shown, "{name} of {table:?}");
        }
    }
    for place in Place::ALL {
        assert!(shown.contains(place.id()), "{}", place.id());
    }
}

#[test]
fn what_it_says_of_errors_is_so() {
    let page = page();
    let paragraph = page.split("What `privacy-mode` alone does not take").nth(1).unwrap();
    let (stays, goes) =
        paragraph.split("Who it was").next().unwrap().split_once("of a convention's own").unwrap();
    let policy = Policy::from_preset(Preset::PrivacyMode);
    let rule = page.split("regex = \"^(exception").nth(1).unwrap().split('"').next().unwrap();
    let rule = format!("[[rules]]\nregex = '^(exception{rule}'\naction = \"mask\"\n");
    let (policy, rule) =
        (policy.compile(None).unwrap(), Policy::from_toml(&rule).unwrap().compile(None).unwrap());
    let keys = |text: &str| -> Vec<String> {
        let quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
        quoted.filter(|name| name.contains('.') && !name.contains(' ')).collect()
    };
    let treatment = |key: &str| policy.resolve(Place::Span, EventClass::default(), key).treatment;
    assert!(keys(stays).len() > 6 && keys(goes).len() > 1);
    for key in keys(stays) {
        assert_eq!(treatment(&key), Treatment::Keep, "{key}");
        let masked = rule.resolve(Place::Span, EventClass::default(), &key).treatment;
        let is_error = key.starts_with("exception.") || key.starts_with("error.");
        assert_eq!(masked == Treatment::Mask, is_error, "{key}");
    }
    for key in keys(goes) {
        assert_eq!(treatment(&key), Treatment::Mask, "{key}");
    }
}

#[test]
fn its_detectors_are_those_of_the_code() {
    let expected: Vec<Vec<String>> = Builtin::all()
        .map(|builtin| {
            let default = if builtin.is_on_by_default() { "on" } else { "off" };
            vec![builtin.id().to_owned(), default.to_owned(), builtin.summary().to_owned()]
        })
        .collect();
    assert_eq!(rows(&page(), "Detectors"), expected);
}

#[test]
fn its_counts_are_those_of_the_report() {
    let mut listed: Vec<String> = rows(&page(), "The report")
        .iter()
        .flat_map(|row| row[0].split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut expected: Vec<String> =
        RedactionReport::default().totals().map(|(name, _)| name.to_owned()).collect();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}
