//! Indexes that were stored: as good as those that were not, whatever becomes of their bytes.

use std::sync::{Arc, Mutex};

use spanwise::SpanBatch;
use spanwise::index::{Index, IndexError, IndexLimits, Query, Scan, Sections};

use crate::random::{Random, documents, query};
use crate::{TIGHT, built, rows};

/// Sections in memory, and which of them were read.
#[derive(Debug, Default)]
struct Stored {
    sections: Vec<Vec<u8>>,
    read: Mutex<Vec<u32>>,
}

impl Sections for Stored {
    fn section(&self, number: u32) -> Result<Vec<u8>, IndexError> {
        self.read.lock().unwrap().push(number);
        self.sections.get(number as usize).cloned().ok_or(IndexError::Damaged)
    }
}

fn stored(index: &Index) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut sections = Vec::new();
    let directory = index
        .store(&mut |section| {
            sections.push(section.to_vec());
            Ok(())
        })
        .unwrap();
    (directory, sections)
}

pub(crate) fn opened(index: &Index) -> Index {
    let (directory, sections) = stored(index);
    Index::open(&directory, Arc::new(Stored { sections, ..Stored::default() })).unwrap()
}

/// An index that was stored at half of its batches, was added to, stored again and merged.
pub(crate) fn merged(batches: &[SpanBatch], limits: IndexLimits) -> Index {
    let (before, after) = batches.split_at(batches.len() / 2);
    let (first, rest) = before.split_at(before.len().min(1));
    let mut index = opened(&built(first, limits));
    for batch in rest {
        index.add(batch).unwrap();
    }
    let mut index = opened(&index);
    index.merge(&opened(&built(after, limits))).unwrap();
    opened(&index)
}

#[test]
fn opening_reads_nothing_and_a_query_what_it_asks_for() {
    let batches = documents(&mut Random::new(4));
    let (directory, sections) = stored(&built(&batches, IndexLimits::default()));
    let sections = Arc::new(Stored { sections, ..Stored::default() });
    let index = Index::open(&directory, Arc::clone(&sections) as Arc<dyn Sections>).unwrap();
    let read = || std::mem::take(&mut *sections.read.lock().unwrap());
    let scan = Scan::new(&batches);
    assert_eq!((read(), index.len(), index.memory() > 0), (vec![], scan.len(), true));
    let ask = |text: &str| index.run(&Query::parse(text).unwrap(), &scan).unwrap();
    ask(r#"{ span.a = "x" }"#);
    assert_eq!(read().len(), 2, "the column, and whether rows have attributes without one");
    ask(r#"{ name = "x" }"#);
    assert_eq!(read().len(), 1);
    ask(r#"{ name = "y" && span.a = "y" }"#);
    assert_eq!(read(), []);
    ask("{ duration > 1us }");
    assert_eq!(read(), [1]);
    // Stored again, what was read and what was not are what they were.
    assert_eq!(stored(&index), stored(&built(&batches, IndexLimits::default())));
}

/// An index that was stored, and one of whose sections is gone.
fn without(index: &Index, number: usize) -> Index {
    #[derive(Debug)]
    struct Without(Stored, u32);
    impl Sections for Without {
        fn section(&self, number: u32) -> Result<Vec<u8>, IndexError> {
            if number == self.1 { Err(IndexError::Damaged) } else { self.0.section(number) }
        }
    }
    let (directory, sections) = stored(index);
    let sections = Stored { sections, ..Stored::default() };
    Index::open(&directory, Arc::new(Without(sections, number.try_into().unwrap()))).unwrap()
}

#[test]
fn nothing_is_added_of_what_cannot_be_read_whole() {
    let mut random = Random::new(6);
    for limits in [IndexLimits::default(), TIGHT] {
        let batches = documents(&mut random);
        let (before, after) = batches.split_at(batches.len() / 2);
        let (ours, theirs) = (built(before, limits), built(after, limits));
        let mut both = built(before, limits);
        both.merge(&theirs).unwrap();
        assert!(stored(&theirs).1.len() > 10 && both.len() > ours.len() && both.len() > theirs.len());
        for number in 0..stored(&theirs).1.len() {
            let mut index = built(before, limits);
            let error = index.merge(&without(&theirs, number)).unwrap_err();
            assert!(matches!(error, IndexError::Damaged), "{number}: {error}");
            assert!(index.len() == ours.len() && stored(&index) == stored(&ours), "{number}");
            // What comes next is added as if nothing had been tried.
            index.merge(&theirs).unwrap();
            assert!(index.len() == both.len() && stored(&index) == stored(&both), "{number}");
        }
        for number in 0..stored(&ours).1.len() {
            let mut index = without(&ours, number);
            assert!(matches!(index.merge(&theirs), Err(IndexError::Damaged)), "{number}");
            assert!(matches!(index.add(&after[0]), Err(IndexError::Damaged)), "{number}");
            assert_eq!(index.len(), ours.len(), "{number}");
            assert!(index.sections().eq(ours.sections()), "{number}");
        }
    }
}

#[test]
fn damaged_sections_are_an_error_or_answer_something() {
    let mut random = Random::new(5);
    let mut refused = 0;
    for round in 0..2000 {
        let batches = documents(&mut random);
        let limits = if round % 2 == 0 { TIGHT } else { IndexLimits::default() };
        let (mut directory, mut sections) = stored(&built(&batches, limits));
        let number = random.below(sections.len() as u64 + 1) as usize;
        let bytes = sections.get_mut(number).unwrap_or(&mut directory);
        if bytes.is_empty() {
            continue;
        }
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(3) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.below(8),
            _ => bytes[at] = random.below(256) as u8,
        }
        let Ok(index) = Index::open(&directory, Arc::new(Stored { sections, ..Stored::default() })) else {
            refused += 1;
            continue;
        };
        if index.len() > 1 << 16 {
            // It says that it has very many rows, and looking for them takes long.
            continue;
        }
        let scan = Scan::new(&batches);
        let errors = (0..10).filter(|_| {
            let query = Query::parse(&query(&mut random)).unwrap();
            // What finds damage is the checksum of whoever stores the section. Here no answer may end in a panic.
            index.run(&query, &scan).is_err()
        });
        refused += usize::from(errors.count() > 0);
        let _ = (index.keys(), Index::default().merge(&index));
    }
    assert!(refused > 500, "{refused} of 2,000");
}

#[test]
fn answers_and_facets_of_large_columns_survive() {
    // More values than a byte numbers, more than a segment holds, and lists.
    let spans: Vec<String> = (0..70_000u64)
        .map(|at| {
            format!(
                r#"{{"name":"n{}","traceId":"{:032x}","spanId":"{:016x}","parentSpanId":"{:016x}","startTimeUnixNano":"{}",
                "endTimeUnixNano":"{}","attributes":[{{"key":"a","value":{{"intValue":"{}"}}}},
                {{"key":"b","value":{{"stringValue":"{}"}}}},{{"key":"c","value":{{"doubleValue":{}.5}}}}]}}"#,
                at % 700,
                at / 5 + 1,
                at + 1,
                at,
                at * 1000,
                at * 1000 + at * 7919 % 100_003,
                at * 7919 % 100_003,
                at % 6000,
                at % 300,
            )
        })
        .collect();
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    let batches = [spanwise::decode(text.into_bytes()).unwrap()];
    let index = built(&batches, IndexLimits::default());
    let reopened = opened(&index);
    let scan = Scan::new(&batches);
    for text in [
        r#"{ name = "n123" }"#,
        "{ span.a > 99000 }",
        r#"{ span.b = "17" }"#,
        r#"{ span.b = "5999" }"#,
        "{ span.c <= 1.5 }",
        "{ duration > 100us }",
        r#"{ trace:id = "00000000000000000000000000000007" }"#,
        r#"{ span:parentID = "0000000000000007" }"#,
        r#"{ name = "n6" } > { span.c = 7.5 }"#,
        "{ childCount = 1 && name = \"n3\" }",
    ] {
        let query = Query::parse(text).unwrap();
        let expected = scan.run(&query);
        assert!(!expected.is_empty(), "{text}");
        for index in [&index, &reopened] {
            assert_eq!(rows(&index.run(&query, &scan).unwrap()), rows(&expected), "{text}");
        }
    }
    assert_eq!(reopened.keys().unwrap(), index.keys().unwrap());
    for field in ["name", "span.a", "span.b", "span.c"] {
        assert_eq!(reopened.values(field, 10).unwrap(), index.values(field, 10).unwrap());
    }
    assert_eq!(reopened.quantiles("duration", &[0.5]).unwrap(), index.quantiles("duration", &[0.5]).unwrap());
}
