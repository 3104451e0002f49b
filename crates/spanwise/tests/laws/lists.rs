//! Lists of attributes that come again, or nearly: what was learned of lists gives what the general path gives.

use proptest::prelude::*;
use spanwise::{DecodeOptions, Decoder, Limits, Mode, Simd, SpanBatch, encode};

use super::runs;

/// Numbers from a seed (xorshift).
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// How a writer lays out attributes: before an object and before its members, and before values.
const LAYOUTS: [(&str, &str); 4] = [("", ""), (" ", "  "), ("\n        ", "\n  "), ("\n\t", "")];
const NAMES: [&str; 5] = ["GET /a", "GET /b", "a name of more than eight bytes", "x", ""];
const PREFIXES: [&str; 3] =
    ["", "k", "the.name.of.a.key.that.does.not.fit.into.sixty.four.bytes.with.all.of.this"];

/// What a writer puts under a key, most of the time.
fn usual_value(key: usize, draws: &mut Draws) -> String {
    match key % 5 {
        0 => format!(r#"{{"intValue":"{}"}}"#, draws.below(100_000)),
        1 => format!(r#"{{"boolValue":{}}}"#, draws.one_in(2)),
        2 => format!(r#"{{"doubleValue":{}.25}}"#, draws.below(50)),
        _ => format!(r#"{{"stringValue":"{}"}}"#, "w".repeat(draws.below(40))),
    }
}

fn unusual_value(draws: &mut Draws) -> String {
    let length = draws.below(140);
    match draws.below(12) {
        0 => format!(r#"{{"stringValue":"{}"}}"#, "y".repeat(length)),
        1 => format!(r#"{{"stringValue":"{}"}}"#, r"é\n".repeat(length / 7)),
        2 => r#"{"arrayValue":{"values":[{"stringValue":"x"},{"intValue":1}]}}"#.to_owned(),
        3 => r#"{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"x"}}]}}"#.to_owned(),
        4 => (*draws.pick(&[
            "{}",
            "null",
            r#"{"stringValue":1}"#,
            r#"{"intValue":"x"}"#,
            r#"{"stringValue":"\q"}"#,
        ]))
        .to_owned(),
        5 => format!(r#"{{"intValue":{length}}}"#),
        _ => format!(r#"{{"stringValue":"{}"}}"#, "v".repeat(length % 34)),
    }
}

/// The keys with one less, more, moved or twice, or with those of another kind behind.
fn changed(mut keys: Vec<usize>, kinds: &[Vec<usize>], draws: &mut Draws) -> Vec<usize> {
    let place = draws.below(keys.len().max(1));
    match draws.below(6) {
        0 => keys.truncate(place),
        1 if place < keys.len() => drop(keys.remove(place)),
        2 => keys.insert(place.min(keys.len()), draws.below(90)),
        3 if !keys.is_empty() => {
            let other = draws.below(keys.len());
            keys.swap(place, other);
        }
        4 if !keys.is_empty() => keys.push(keys[place]),
        _ => keys.extend(draws.pick(kinds).iter().copied()),
    }
    keys
}

fn span(kinds: &[Vec<usize>], prefix: &str, (space, gap): (&str, &str), draws: &mut Draws) -> String {
    let kind = draws.below(kinds.len());
    let keys = kinds[kind].clone();
    let keys = if draws.one_in(3) { changed(keys, kinds, draws) } else { keys };
    let is_odd = draws.one_in(5);
    let attribute = |key: &usize| {
        let value = if is_odd && draws.one_in(4) { unusual_value(draws) } else { usual_value(*key, draws) };
        if is_odd && draws.one_in(4) {
            return format!(r#"{space}{{{space}"value":{gap}{value},"key":"{prefix}{key}"{space}}}"#);
        }
        format!(r#"{space}{{{space}"key":{gap}"{prefix}{key}",{space}"value":{gap}{value}{space}}}"#)
    };
    let attributes = keys.iter().map(attribute).collect::<Vec<_>>().join(",");
    let mut list = format!("[{attributes}{}]", draws.pick(&[space, ""]));
    if is_odd && draws.one_in(30) {
        list = list.replacen("},", "}, ,", 1);
    }
    let name = if draws.one_in(8) { *draws.pick(&NAMES) } else { NAMES[kind % NAMES.len()] };
    let id = draws.below(1 << 30) + 1;
    let ids = format!(r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"{id:016x}""#);
    match draws.below(3) {
        0 if is_odd => format!(r#"{{"attributes":{list},"name":"{name}",{ids}}}"#),
        1 => format!(r#"{{{ids},"name":"{name}","kind":2,"attributes":{list}}}"#),
        _ => format!(r#"{{{ids},"name":"{name}",{space}"attributes":{gap}{list},"flags":1}}"#),
    }
}

/// The law for requests of one writer, by one decoder.
fn check(seed: u64) -> Result<(), TestCaseError> {
    let mut draws = Draws(seed | 1);
    let mut options = DecodeOptions::default().with_record_sources(draws.one_in(3));
    options = options.with_mode(if draws.one_in(3) { Mode::Strict } else { Mode::Lenient });
    options = options.with_simd(*draws.pick(&Simd::available()));
    if draws.one_in(3) {
        let string_bytes = if draws.one_in(2) { 20 + draws.below(60) } else { 1 << 20 };
        let limits = Limits { attributes: 1 + draws.below(45), string_bytes, ..Limits::default() };
        options = options.with_limits(limits);
    }
    let kinds: Vec<Vec<usize>> = (0..=draws.below(4))
        .map(|_| {
            let (count, first) = (draws.below(38), draws.below(60));
            (first..first + count).map(|key| if draws.one_in(12) { draws.below(90) } else { key }).collect()
        })
        .collect();
    let (prefix, layout) = (*draws.pick(&PREFIXES), *draws.pick(&LAYOUTS));
    let (mut decoder, mut batch) = (Decoder::new(options), SpanBatch::new());
    for _ in 0..12 {
        let spans: Vec<_> = (0..=draws.below(6)).map(|_| span(&kinds, prefix, layout, &mut draws)).collect();
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
        let mut expected = SpanBatch::new();
        let general = Decoder::new(options.with_general_path(true)).decode(body.clone(), &mut expected);
        prop_assert_eq!(decoder.decode(body.clone(), &mut batch), general, "{}", body);
        prop_assert!(batch.diagnostics().eq(expected.diagnostics()), "{}", body);
        prop_assert!(batch == expected, "{} and {}: {}", encode(&batch).len(), encode(&expected).len(), body);
    }
    Ok(())
}

proptest! {
    #![proptest_config(runs(600))]

    #[test]
    fn lists_that_come_again_are_read_as_by_the_general_path(seed in any::<u64>()) {
        check(seed)?;
    }
}
