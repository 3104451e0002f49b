//! `TraceQL` by hand: which spans of `spans.json` each query of `answers.txt` picks, and what each query of `errors.txt`
//! is refused for. A test per line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;

use libtest_mimic::{Arguments, Failed, Trial};
use spanwise::index::{Query, Scan};
use spanwise::{DecodeOptions, Decoder, SpanBatch};

/// The lines that say something, each with its number.
fn lines(text: &'static str) -> impl Iterator<Item = (usize, &'static str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn answers(query: &str, expected: &str, batch: &SpanBatch) -> Result<(), Failed> {
    let query = Query::parse(query).map_err(|error| error.to_string())?;
    let scan = Scan::new([batch]);
    let picked = scan.run(&query);
    let picked: BTreeSet<String> =
        picked.iter().map(|row| scan.span(row).expect("a row").span_id()[14..].to_owned()).collect();
    let expected: BTreeSet<String> = match expected {
        "all" => batch.spans().map(|span| span.span_id()[14..].to_owned()).collect(),
        expected => expected.split_whitespace().map(str::to_owned).collect(),
    };
    if picked == expected { Ok(()) } else { Err(format!("picks {picked:?}, not {expected:?}").into()) }
}

/// What a query asks for is enough for its answer, and no list that it names is missing.
fn asks_for_enough(query: &str, text: &'static [u8], batch: &SpanBatch) -> Result<(), Failed> {
    let query = Query::parse(query).map_err(|error| error.to_string())?;
    let options = DecodeOptions::default().with_projection(query.projection());
    let mut few = SpanBatch::new();
    Decoder::new(options).decode(text, &mut few)?;
    let (found, expected) = (Scan::new([&few]).run(&query), Scan::new([batch]).run(&query));
    let same = found.iter().eq(expected.iter());
    if same { Ok(()) } else { Err(format!("other spans of {:?}", query.projection()).into()) }
}

fn refuses(query: &str, expected: &str) -> Result<(), Failed> {
    match Query::parse(query) {
        Ok(_) => Err("is taken".into()),
        Err(error) if error.to_string() == format!("column {expected}") => Ok(()),
        Err(error) => Err(format!("is refused with {error}").into()),
    }
}

fn main() {
    let arguments = Arguments::from_args();
    let text: &'static [u8] = include_bytes!("spans.json");
    let batch: &'static SpanBatch = Box::leak(Box::new(spanwise::decode(text).expect("spans.json")));
    let mut trials = Vec::new();
    for (number, line) in lines(include_str!("answers.txt")) {
        let (query, expected) = line.rsplit_once("=>").expect("a query and what it picks");
        let name = format!("answers:{number} {}", query.trim());
        trials.push(Trial::test(name, move || answers(query.trim(), expected.trim(), batch)));
        let name = format!("lists:{number} {}", query.trim());
        trials.push(Trial::test(name, move || asks_for_enough(query.trim(), text, batch)));
    }
    for (number, line) in lines(include_str!("errors.txt")) {
        let (query, expected) = line.rsplit_once("=>").expect("a query and its error");
        let name = format!("errors:{number} {}", query.trim());
        trials.push(Trial::test(name, move || refuses(query.trim_end(), expected.trim())));
    }
    libtest_mimic::run(&arguments, trials).exit();
}
