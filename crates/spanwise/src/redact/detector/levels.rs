//! What is found in a text is found in the text with its escapes written, level upon level: only so a look at raw bytes can say
//! that there is nothing.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::redact::escape::push_escaped;

/// What every detector finds something in, with what it takes for it around.
const PRIVATE: [&str; 33] = [
    "joe@example.com",
    "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd@example.com",
    "joe%40example.com",
    "joe@example.com_old",
    "иван@почта.рф",
    "+49 89 1234567",
    "+33 (0)6 12 34 56 78",
    "#access_token=abcdef123456789",
    "postgres://u:p/w@h.example",
    "dXNlcjpwYXNz",
    "(212) 555-1234",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "212-55-6788",
    "192.168.17.1",
    "fe80:db8:1::17",
    "https://user:pa",
    "ss@host.example/x",
    "https://h.example/?token=Zx81kQ0tRw22",
    "sig=Zx81kQ0tRw22&a=b",
    "Bearer ",
    "Basic ",
    "a1BDxsruelf94Zn1h0fW0FS4",
    "a1bd2sruelf94zn1h0fw0fs4",
    "-----BEGIN RSA",
    "PRIVATE KEY-----",
    "hunter2hunter2",
    "ZLht5BGhRfmtakG9pWyXJbyFmESLTu618eE6dHaB",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqb2UifQ.c2lnbmF0dXJl",
    "\u{1b}[32mhunter2hunter2\u{1b}[0m",
    "?token=\u{8}Zx81kQ0tRw22",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyD4k8Zx81kQ0tRw22mPq7Lr5Vt9Nu3Bo1Xc",
];
const WORDS: [&str; 11] = [
    "password",
    "token",
    "api_key",
    "Authorization",
    "authorization: Basic ",
    "authorization: ApiKey ",
    "Bearer",
    "hooks.slack.com/services/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",
    "aws_secret_access_key",
    "AWS secret",
    "https://u:p/w@h.example",
];
const BETWEEN: [&str; 24] = [
    " ",
    "\n",
    "\t",
    "\r",
    "\u{8}",
    "\u{c}",
    "\u{1}",
    "\"",
    "\\",
    "/",
    "'",
    ":",
    "=",
    ",",
    "{\"",
    "\": \"",
    "\"}",
    "n",
    "b",
    "é",
    "?",
    "\\\\\\\"",
    "\u{0}",
    "\u{1b}[0m",
];

fn finds(text: &str) -> Vec<Builtin> {
    let everything = Builtin::all().fold(Selection::NONE, Selection::with);
    let mut finds = Vec::new();
    let _ = scan::scan(text.as_bytes(), everything, false, &mut |builtin, _, _| {
        finds.push(builtin);
        ControlFlow::Continue(())
    });
    finds
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let mut text = text.to_owned();
    for level in 1..=4 {
        let mut escaped = String::new();
        push_escaped(&mut escaped, &text);
        let raw = finds(&escaped);
        for find in finds(&text) {
            let is_told = raw.contains(&find)
                || raw.contains(&Builtin::DeepEscapes)
                // Without its URL, a query is told by its beginning.
                || (find == Builtin::UrlSecretParam && url::find_secret_member(escaped.as_bytes(), 0).is_some());
            prop_assert!(is_told, "{} of {text:?} is not told at level {level}", find.id());
        }
        text = escaped;
    }
    Ok(())
}

#[test]
fn escapes_around_and_within_hide_no_find() {
    for secret in PRIVATE {
        for between in BETWEEN {
            for around in ["", "\n"] {
                for word in WORDS {
                    check(&format!("{around}{secret}{between}{around}{word}")).unwrap();
                    check(&format!("{word}{between}{around}{secret}{around}{between}")).unwrap();
                    check(&format!("{word}{around}{between}{secret}")).unwrap();
                    check(&format!("{{\"{word}\"{between}{around}\"{secret}\"}}")).unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 10_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_text_hides_a_find_in_its_escapes(
        pieces in prop::collection::vec(prop_oneof![
            prop::sample::select(&PRIVATE[..]),
            prop::sample::select(&WORDS[..]),
            prop::sample::select(&BETWEEN[..]),
            prop::sample::select(&BETWEEN[..]),
        ], 1..12),
    ) {
        check(&pieces.concat())?;
    }
}
