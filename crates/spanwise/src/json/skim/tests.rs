//! Arrays passed over as they are read token by token.

use super::super::samples::step;
use super::super::scan::Vectorized;
use super::super::{JsonErrorKind, Simd};
use super::*;

/// [`Cursor::end_of_array`] whether it is worth it or not, of which sets differ in the outline alone.
struct End<'a, 't>(&'a Cursor<'t>, usize, &'a mut Walk);

impl Vectorized for End<'_, '_> {
    type Output = Result<usize, Found>;

    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        self.0.end_of_array(kernel, (self.1, 1), 0, self.2)
    }
}

/// Where the array ends that stands at `at`, by every set, after whatever `walk` has seen.
fn end(cursor: &Cursor<'_>, most: usize, walk: &mut Walk) -> Option<usize> {
    let (spaced, blocks) = (walk.spaced, walk.blocks);
    let mut ends = Simd::available().into_iter().map(|simd| {
        (walk.spaced, walk.blocks) = (spaced, blocks);
        let found = simd.vectorize(End(cursor, most, walk));
        if found == Err(Found::Spaces) {
            walk.spaced = true;
            return simd.vectorize(End(cursor, most, walk)).ok();
        }
        found.ok()
    });
    let first = ends.next().unwrap();
    ends.for_each(|end| assert_eq!(end, first, "{}", cursor.text.escape_ascii()));
    first
}

fn cursor(text: &[u8]) -> Cursor<'_> {
    Cursor::over(text, 0, true)
}

/// What reading token by token says: where the array ends, if it is without an anomaly but half a surrogate pair.
fn by_token(cursor: &mut Cursor<'_>) -> Option<usize> {
    cursor.skip().ok()?;
    let plain = |kind| kind == super::super::AnomalyKind::LoneSurrogate;
    cursor.anomalies.iter().all(|anomaly| plain(anomaly.kind)).then_some(cursor.at)
}

fn attribute(key: usize, value: &str) -> String {
    format!(r#"{{"key":"key.{key}","value":{{{value}}}}}"#)
}

const VALUES: [&str; 24] = [
    r#""stringValue":"text""#,
    r#""stringValue":"""#,
    r#""stringValue":"a \"quoted\" \\ \u00e9\n\ud83d\ude00 [{,:}] é""#,
    r#""stringValue":"half a pair: \ud83d""#,
    r#""intValue":"12""#,
    r#""intValue":0"#,
    r#""intValue":7"#,
    r#""intValue":1234567"#,
    r#""intValue":12345678901234567890"#,
    r#""intValue":-5"#,
    r#""doubleValue":0.5"#,
    r#""doubleValue":1234567.7654321"#,
    r#""doubleValue":1.123456789012"#,
    r#""doubleValue":-1.5e-07"#,
    r#""doubleValue":2E+5"#,
    r#""boolValue":true"#,
    r#""boolValue":false"#,
    r#""bytesValue":null"#,
    r#""arrayValue":{"values":[{"intValue":1},{"stringValue":"x"},{}]}"#,
    r#""arrayValue":{"values":[]}"#,
    r#""arrayValue":{}"#,
    r#""kvlistValue":{"values":[{"key":"a","value":{"boolValue":true}},{"value":{"doubleValue":1.5},"key":"b"}]}"#,
    "",
    r#""unknown":[[1,[2,3.5],"]"],{"a":{"b":null}}]"#,
];

/// As it is, as Python writes by default, indented, and with all white space that there is.
fn laid_out(text: &str) -> [String; 4] {
    let spaced = |comma: &str, colon: &str, open: &str, close: &str| {
        let (mut out, mut string, mut escaped) = (String::new(), false, false);
        for letter in text.chars() {
            let ends = letter == '"' && !escaped;
            escaped = string && letter == '\\' && !escaped;
            string ^= ends;
            match letter {
                ',' if !string => out.push_str(comma),
                ':' if !string => out.push_str(colon),
                '{' | '[' if !string => out.extend([letter.to_string(), open.to_owned()]),
                '}' | ']' if !string => out.extend([close.to_owned(), letter.to_string()]),
                _ => out.push(letter),
            }
        }
        out
    };
    [
        text.to_owned(),
        spaced(", ", ": ", "", ""),
        spaced(",\n    ", ": ", "\n        ", "\n    "),
        spaced(" \t,\r\n", " \n: ", " ", "\r\t"),
    ]
}

#[test]
fn arrays_are_passed_over_whole_whatever_came_before() {
    let mut walk = Walk::default();
    let mut arrays = vec!["[]".to_owned(), "[[]]".to_owned(), r#"["a",1,null,true,{}]"#.to_owned()];
    for count in (1..70).step_by(step(17)) {
        let list: Vec<_> =
            (0..count).map(|index| attribute(index, VALUES[(index * 7 + count) % VALUES.len()])).collect();
        arrays.push(format!("[{}]", list.join(",")));
    }
    for value in VALUES {
        arrays.push(format!("[{}]", attribute(1, value)));
        arrays.push(format!("[{},{}]", attribute(1, value), attribute(2, VALUES[0])));
    }
    for array in &arrays {
        for text in laid_out(array) {
            let behind = format!("{text} ,\"more\":[{{\"key\":\"]\"}}]}}\n");
            assert_eq!(end(&cursor(text.as_bytes()), 1000, &mut walk), Some(text.len()), "{text}");
            assert_eq!(end(&cursor(behind.as_bytes()), 1000, &mut walk), Some(text.len()), "{behind}");
        }
    }
}

#[test]
fn what_is_damaged_is_passed_over_only_if_tokens_say_so() {
    let whole: Vec<_> = VALUES.iter().enumerate().map(|(index, value)| attribute(index, value)).collect();
    let mut walk = Walk::default();
    let (mut passed, mut refused) = (0, 0);
    for (layout, text) in laid_out(&format!("[{}]", whole.join(","))).iter().enumerate() {
        for at in (0..text.len()).step_by(step(97) * (layout + 1)) {
            let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + 1..]);
            let swaps: Vec<_> = b"\"\\{}[],:0 -.enxu\n\x01\xff".iter().cycle().skip(at * 2).take(2).collect();
            let replaced = swaps.iter().map(|byte| [before, &[**byte], after].concat());
            let added = swaps.iter().map(|byte| [before, &[**byte], &text.as_bytes()[at..]].concat());
            let fewer = [[before, after].concat(), before.to_vec()];
            for damaged in replaced.chain(added).chain(fewer).filter(|text| text.starts_with(b"[")) {
                let expected = by_token(&mut cursor(&damaged));
                let found = end(&cursor(&damaged), 1000, &mut walk);
                // What comes behind the end may be looked at, and is no JSON where the array ends early.
                let whole = expected.is_some_and(|end| end + 1 >= damaged.len());
                assert!(found == expected || found.is_none() && !whole, "{}", damaged.escape_ascii());
                *(if found.is_some() { &mut passed } else { &mut refused }) += 1;
            }
        }
    }
    assert!(passed.min(refused) > 300 / step(5), "{passed} {refused}");
}

#[test]
fn bounds_hold_as_they_do_token_by_token() {
    let text = format!("[{},{}]", attribute(1, VALUES[18]), attribute(2, VALUES[0]));
    let mut walk = Walk::default();
    let short = format!("[{},{}]", attribute(1, VALUES[0]), attribute(2, VALUES[6]));
    let nested = format!("[{}1{}]", "[".repeat(20), "]".repeat(20));
    // Attributes and elements; members and what is opened may count as well.
    for (text, items, counted) in [(&text, 5, 16), (&short, 2, 9), (&nested, 21, 21)] {
        let least = (0..99).find(|most| end(&cursor(text.as_bytes()), *most, &mut walk) == Some(text.len()));
        assert_eq!(least, Some(counted), "{text}");
        assert!(items <= counted);
        for most in 0..99 {
            let expected = (most >= counted).then_some(text.len());
            assert_eq!(end(&cursor(text.as_bytes()), most, &mut walk), expected, "{most}");
        }
    }
    for (max_depth, text) in (0..12).flat_map(|depth| [(depth, &text), (depth, &short)]) {
        let deep = Cursor { max_depth, depth: 3, ..cursor(text.as_bytes()) };
        let mut tokens = Cursor { max_depth, depth: 3, ..cursor(text.as_bytes()) };
        assert_eq!(end(&deep, 99, &mut walk), by_token(&mut tokens), "{max_depth} {text}");
    }
    let long = Cursor { max_string: text.len() - 1, ..cursor(text.as_bytes()) };
    assert_eq!(end(&long, 99, &mut walk), None);
    // Deeper than is kept account of.
    for depth in [59, 60, 61, 70, 400] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(end(&cursor(deep.as_bytes()), 99, &mut walk), (depth <= 60).then_some(2 * depth));
    }
}

#[test]
fn a_line_feed_is_white_space_only_where_no_line_ends_with_it() {
    let values: Vec<_> = [0, 4, 6, 10, 13, 15, 19, 21].map(|index| attribute(index, VALUES[index])).into();
    let mut walk = Walk::default();
    let mut passed = [0, 0];
    for text in &laid_out(&format!("[{},[1,true],null]", values.join(",")))[..2] {
        for at in (1..=text.len()).rev().step_by(step(7)) {
            let text = format!("{}\n{}\n", &text[..at], &text[at..]);
            for in_line in [false, true] {
                let cursor = || Cursor { in_line, ..cursor(text.as_bytes()) };
                let found = end(&cursor(), 99, &mut walk);
                assert_eq!(found, by_token(&mut cursor()), "{in_line} {}", text.escape_debug());
                passed[usize::from(in_line)] += usize::from(found.is_some());
            }
        }
    }
    // In a line, the one behind it alone.
    assert!(passed[0] > 100 / step(7) && passed[1] == 2, "{passed:?}");
}

#[test]
fn nothing_moves_where_an_array_cannot_be_passed_over() {
    struct Skim<'a, 't>(&'a mut Cursor<'t>, &'a mut Walk);

    impl Vectorized for Skim<'_, '_> {
        type Output = (bool, bool);

        fn run<K: Kernel>(self, kernel: K) -> Self::Output {
            (K::OUTLINES, self.0.skim(kernel, (99, 1), 0, self.1))
        }
    }

    for simd in Simd::available() {
        let mut walk = Walk::default();
        let mut skim = |text: &str| {
            let mut cursor = cursor(text.as_bytes());
            let (outlines, passed) = simd.vectorize(Skim(&mut cursor, &mut walk));
            assert_eq!((cursor.at, cursor.depth), (if passed { text.len() } else { 0 }, 0));
            (outlines, passed)
        };
        let outlines = skim("[1]").0;
        assert_eq!(skim("[{}]"), (outlines, outlines), "{simd}");
        for text in ["[1,]", "{}", "[NaN]", "[", "", "[\"\\ud83\"]"] {
            (0..2 * PATIENCE).for_each(|_| assert!(!skim(text).1, "{simd} {text}"));
            // Sooner or later it is tried again, and then each time.
            let passed = (0..2 * PATIENCE).position(|_| skim("[1]").1);
            assert_eq!(passed.is_some(), outlines, "{simd} {text}");
            assert_eq!(skim("[2]").1, outlines);
        }
    }
}

#[test]
fn words_are_those_of_the_grammar() {
    for text in ["0", "-0", "12", "1.5", "0.0625", "-1e5", "1E+05", "2.5e-3", "true", "false", "null"] {
        for end in [",", "}", "]"] {
            assert_eq!(word(format!("{text}{end}").as_bytes(), true), Some(text.len()), "{text}");
            assert_eq!(word(format!("{text} {end}").as_bytes(), false), Some(text.len() + 1), "{text}");
        }
        assert_eq!(word(format!("{text}\n]").as_bytes(), true), Some(text.len() + 1), "{text}");
        assert_eq!(word(format!("{text}\n]").as_bytes(), false), None, "{text}");
        assert_eq!(word(text.as_bytes(), true), None, "{text}");
        assert_eq!(word(format!("{text}x").as_bytes(), true), None, "{text}");
    }
    for text in ["01", "-", "1.", ".5", "1e", "+1", "1.e5", "nul", "tru", "NaN", "-Infinity", "0x1"] {
        assert_eq!(word(format!("{text},").as_bytes(), true), None, "{text}");
        let error = Cursor::over(format!("[{text}]").as_bytes(), 0, false).skip().map_err(|error| error.kind);
        assert!(error.is_err_and(|kind| kind != JsonErrorKind::TooDeep), "{text}");
    }
}
