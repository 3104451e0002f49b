//! An index gives the answers that looking at every span gives: random queries over random spans, under limits that leave
//! most to the source and under those that leave nothing, built at once and merged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::format_push_string,
    reason = "a test"
)]

mod asking;
mod facets;
mod queries;
mod random;
mod stored;

use random::{Random, documents, query};
use spanwise::SpanBatch;
use spanwise::index::{Index, IndexLimits, Order, Query, RowSet, Scan};
use spanwise_testgen::{Dialect, document};

const TIGHT: IndexLimits = IndexLimits { distinct: 2, text_bytes: 3, fields: 14 };

fn built(batches: &[SpanBatch], limits: IndexLimits) -> Index {
    let mut index = Index::new(limits);
    for batch in batches {
        index.add(batch).unwrap();
    }
    index
}

/// An index all of whose fields are asked for after each batch, and what is above and below what.
fn asked_between(batches: &[SpanBatch], limits: IndexLimits) -> Index {
    let queries = ["{ } > { }", "{ } >> { }", "{ span:childCount > 0 }", "{ } | count() > 1"];
    let queries = queries.map(|text| Query::parse(text).unwrap());
    let mut index = Index::new(limits);
    for (at, batch) in batches.iter().enumerate() {
        index.add(batch).unwrap();
        index.keys().unwrap();
        let scan = Scan::new(&batches[..=at]);
        for query in &queries {
            index.run(query, &scan).unwrap();
        }
    }
    index
}

fn merged(batches: &[SpanBatch], limits: IndexLimits) -> Index {
    let middle = batches.len() / 2;
    let mut index = built(&batches[..middle], limits);
    index.merge(&built(&batches[middle..], limits)).unwrap();
    index
}

fn rows(rows: &RowSet) -> Vec<u32> {
    rows.iter().collect()
}

/// Runs `queries` random queries over the batches in every way and counts those that picked some spans and not all.
fn compare(random: &mut Random, batches: &[SpanBatch], queries: usize) -> usize {
    let scan = Scan::new(batches);
    let indexes = [
        ("", built(batches, IndexLimits::default())),
        (" under tight limits", built(batches, TIGHT)),
        (" asked between", asked_between(batches, IndexLimits::default())),
        (" asked between under tight limits", asked_between(batches, TIGHT)),
        (" merged", merged(batches, IndexLimits::default())),
        (" merged under tight limits", merged(batches, TIGHT)),
        (" stored", stored::opened(&built(batches, IndexLimits::default()))),
        (" stored under tight limits", stored::opened(&built(batches, TIGHT))),
        (" stored and merged", stored::merged(batches, TIGHT)),
    ];
    let mut telling = 0;
    for _ in 0..queries {
        let text = query(random);
        let query = Query::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected = scan.run(&query);
        telling += usize::from(!expected.is_empty() && expected.len() < u64::from(scan.len()));
        for (how, index) in &indexes {
            let found = index.run(&query, &scan).unwrap();
            assert_eq!(rows(&found), rows(&expected), "{text}{how}");
        }
    }
    telling
}

#[test]
fn random_queries_over_random_spans() {
    let mut random = Random::new(1);
    let mut telling = 0;
    for _ in 0..200 {
        let batches = documents(&mut random);
        telling += compare(&mut random, &batches, 50);
    }
    // Were most answers empty or everything, the test would say little.
    assert!(telling > 3000, "{telling} of 10,000");
}

/// The text with some of its characters taken out, put twice, or put in the place of others.
fn damaged(random: &mut Random, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(3) {
        let (at, from) = (random.below(letters.len() as u64), random.below(letters.len() as u64));
        let (at, letter) = (at as usize, letters[from as usize]);
        match random.below(4) {
            0 if letters.len() > 1 => drop(letters.remove(at)),
            1 => letters.insert(at, letter),
            2 => letters.truncate(at.max(1)),
            _ => letters[at] = letter,
        }
    }
    letters.into_iter().collect()
}

#[test]
fn damaged_queries_are_read_or_refused_with_a_column_of_theirs() {
    let mut random = Random::new(3);
    let batches = documents(&mut random);
    let scan = Scan::new(&batches);
    let indexes = [built(&batches, IndexLimits::default()), built(&batches, TIGHT)];
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let text = query(&mut random);
        let text = damaged(&mut random, &text);
        match Query::parse(&text) {
            Ok(query) => {
                read += 1;
                let expected = scan.run(&query);
                for index in &indexes {
                    assert_eq!(rows(&index.run(&query, &scan).unwrap()), rows(&expected), "{text}");
                }
            }
            Err(error) => {
                refused += 1;
                assert!((1..=text.chars().count() + 1).contains(&error.column()), "{text}: {error}");
            }
        }
    }
    assert!(read > 1000 && refused > 10_000, "{read} read, {refused} refused");
}

#[test]
fn random_queries_over_documents_of_every_kind() {
    let mut random = Random::new(2);
    for seed in 0..300 {
        let batches: Vec<SpanBatch> = (0..3)
            .filter_map(|_| {
                let bytes: Vec<u8> = (0..800).map(|_| random.below(256) as u8).collect();
                spanwise::decode(
                    document(&bytes, if seed % 2 == 0 { Dialect::LENIENT } else { Dialect::STRICT }).text,
                )
                .ok()
            })
            .collect();
        compare(&mut random, &batches, 5);
    }
}

#[test]
fn an_order_holds_and_ties_keep_the_order_of_the_input() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"startTimeUnixNano":"5","endTimeUnixNano":"9"},{"startTimeUnixNano":"3","endTimeUnixNano":"4"},
        {"startTimeUnixNano":"5","endTimeUnixNano":"6"},{"startTimeUnixNano":"7","endTimeUnixNano":"7"}]}]}]}"#;
    let batches = [spanwise::decode(&body[..]).unwrap()];
    let (index, scan) = (built(&batches, IndexLimits::default()), Scan::new(&batches));
    let all: RowSet = (0..4).collect();
    for (order, expected) in [
        (Order::Input, [0, 1, 2, 3]),
        (Order::Earliest, [1, 0, 2, 3]),
        (Order::Latest, [3, 0, 2, 1]),
        (Order::Shortest, [3, 1, 2, 0]),
        (Order::Longest, [0, 1, 2, 3]),
    ] {
        assert_eq!(index.first(&all, order, 9).unwrap(), expected);
        for limit in 0..4 {
            assert_eq!(scan.first(&all, order, limit), expected[..limit]);
        }
    }
}

#[test]
fn what_does_not_say_when_it_starts_is_last_however_spans_are_ordered_by_their_starts() {
    let starts = ["0", "3", "18446744073709551615", "0", "1"];
    let spans: Vec<String> =
        starts.iter().map(|start| format!(r#"{{"startTimeUnixNano":"{start}"}}"#)).collect();
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    let batches = [spanwise::decode(body.into_bytes()).unwrap()];
    let (index, scan) = (built(&batches, IndexLimits::default()), Scan::new(&batches));
    let all: RowSet = (0..5).collect();
    for (order, expected) in [(Order::Earliest, [4, 1, 2, 0, 3]), (Order::Latest, [2, 1, 4, 0, 3])] {
        for limit in 0..=5 {
            assert_eq!(index.first(&all, order, limit).unwrap(), expected[..limit], "{order:?}");
            assert_eq!(scan.first(&all, order, limit), expected[..limit], "{order:?}");
        }
    }
}

#[test]
fn threads_that_ask_a_new_index_at_once_get_the_same() {
    let mut random = Random::new(4);
    for _ in 0..20 {
        let batches = documents(&mut random);
        let index = built(&batches, IndexLimits::default());
        let queries: Vec<Query> = std::iter::repeat_with(|| query(&mut random))
            .map(|text| Query::parse(&text).unwrap())
            .take(10)
            .collect();
        let expected: Vec<RowSet> = queries.iter().map(|query| Scan::new(&batches).run(query)).collect();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let scan = Scan::new(&batches);
                    for (query, expected) in queries.iter().zip(&expected) {
                        assert_eq!(index.run(query, &scan).unwrap(), *expected);
                    }
                });
            }
        });
    }
}
