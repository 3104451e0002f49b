//! `TraceQL`: any text is read, or refused with a column of it. What is read picks the same spans whether each is looked at
//! or an index is asked, with room for everything and with room for next to nothing.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use spanwise::SpanBatch;
use spanwise::index::{Index, IndexLimits, Query, Scan};

const SPANS: &[u8] = include_bytes!("../../crates/spanwise/tests/traceql/spans.json");

struct Indexed {
    batches: [SpanBatch; 1],
    indexes: [Index; 2],
}

thread_local! {
    static INDEXED: Indexed = {
        let batches = [spanwise::decode(SPANS).expect("spans")];
        let tight = IndexLimits { distinct: 2, text_bytes: 3, fields: 14 };
        let indexes = [IndexLimits::default(), tight].map(|limits| {
            let mut index = Index::new(limits);
            index.add(&batches[0]).expect("few spans");
            index
        });
        Indexed { batches, indexes }
    };
}

fuzz_target!(|text: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(text) else { return Corpus::Reject };
    match Query::parse(text) {
        Ok(query) => INDEXED.with(|indexed| {
            let scan = Scan::new(&indexed.batches);
            let expected = scan.run(&query);
            for index in &indexed.indexes {
                assert_eq!(index.run(&query, &scan).expect("spans in memory"), expected);
            }
        }),
        Err(error) => assert!((1..=text.chars().count() + 1).contains(&error.column()), "{error}"),
    }
    Corpus::Keep
});
