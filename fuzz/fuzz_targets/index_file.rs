//! Index files: any bytes are opened or refused, and what is opened answers or says that it is damaged. Since no input gets
//! past a checksum by chance, most are edits of what an index file is made of, put together again with checksums that hold.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use spanwise::SpanBatch;
use spanwise::index::{Index, IndexLimits, Order, Query};
use spanwise_io::SpanIndex;

const SPANS: &[u8] = include_bytes!("../../crates/spanwise/tests/traceql/spans.json");
const QUERIES: [&str; 7] = [
    "{ }",
    r#"{ name = "chat" || span.tokens > 5 || .model != nil }"#,
    "{ duration > 1ms && status != error }",
    "{ } >> { childCount = 0 }",
    r#"{ rootName =~ ".*" } | by(name) | count() > 0"#,
    r#"{ trace:id = "00000000000000000000000000000001" || span:parentID != "x" }"#,
    "{ event.n > 0 || link:spanID != nil || resource.service.name = \"web\" }",
];

/// What a file is made of.
struct Parts {
    sections: Vec<Vec<u8>>,
    index: Vec<u8>,
    json: Vec<u8>,
    spans: u64,
}

thread_local! {
    static PARTS: [Parts; 2] = {
        let batch: SpanBatch = spanwise::decode(SPANS).expect("spans");
        let tight = IndexLimits { distinct: 2, text_bytes: 3, fields: 14 };
        [IndexLimits::default(), tight].map(|limits| {
            let mut index = Index::new(limits);
            index.add(&batch).expect("few spans");
            let mut sections = Vec::new();
            let directory = index.store(&mut |section| {
                sections.push(section.to_vec());
                Ok(())
            });
            let (index, json) = (directory.expect("in memory"), spanwise::encode(&batch));
            Parts { sections, index, json, spans: batch.len() as u64 }
        })
    };
    static PATH: PathBuf = std::env::temp_dir().join(format!("spanwise-fuzz-{}.idx", std::process::id()));
    /// What a file of this version begins with.
    static HEAD: Vec<u8> = PATH.with(|path| {
        SpanIndex::default().save(path).expect("a temporary file");
        fs::read(path).expect("a temporary file")[..16].to_vec()
    });
    static QUERY: Vec<Query> = QUERIES.iter().map(|query| Query::parse(query).expect("a query")).collect();
}

/// Writes a file as the container does, every block as it is.
struct Writer<'a> {
    out: Vec<u8>,
    edits: &'a [u8],
    part: u8,
}

impl Writer<'_> {
    /// The bytes with the edits of this part: its number, a place of two bytes, what is done, and two bytes to do it with.
    fn edited(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for edit in self.edits.as_chunks::<6>().0 {
            let [part, high, low, what, first, second] = *edit;
            let at = usize::from(high) << 8 | usize::from(low);
            if part % 64 != self.part || bytes.is_empty() {
                continue;
            }
            let at = at % bytes.len();
            match what % 6 {
                0 => bytes[at] = first,
                1 => bytes[at] ^= 1 << (first % 8),
                2 => bytes.truncate(at),
                3 => drop(bytes.remove(at)),
                4 => drop(bytes.splice(at..at, [first, second])),
                _ => drop(bytes.splice(at..(at + 8).min(bytes.len()), [first; 8])),
            }
        }
        self.part += 1;
        bytes
    }

    fn put(&mut self, bytes: &[u8]) -> Vec<u8> {
        let bytes = self.edited(bytes);
        let mut extent = Vec::new();
        for number in [self.out.len(), bytes.len(), bytes.len()] {
            extent.extend((number as u64).to_le_bytes());
        }
        extent.extend(crc32fast::hash(&bytes).to_le_bytes());
        self.out.extend(bytes);
        extent
    }
}

fn file(parts: &Parts, edits: &[u8]) -> Vec<u8> {
    let mut writer = Writer { out: HEAD.with(Vec::clone), edits, part: 0 };
    let extents: Vec<Vec<u8>> = parts.sections.iter().map(|section| writer.put(section)).collect();
    let sources = writer.put(&0u64.to_le_bytes());
    let json = writer.put(&parts.json);
    let numbers = [1u64, parts.spans, 0].map(u64::to_le_bytes).concat();
    let places = writer.put(&[numbers, json].concat());
    let index = writer.edited(&parts.index);
    let mut directory = (index.len() as u64).to_le_bytes().to_vec();
    directory.extend(index);
    directory.extend((extents.len() as u64).to_le_bytes());
    directory.extend([extents.concat(), sources, places, vec![0; 16]].concat());
    let mut footer = writer.put(&directory);
    footer.extend((writer.out.len() as u64 + 48).to_le_bytes());
    footer.extend(crc32fast::hash(&footer).to_le_bytes());
    footer.extend(b"\x89SPWIDX\n");
    writer.out.extend(footer);
    writer.out
}

fn ask(index: &SpanIndex) {
    // So many rows may be said to be there that looking for them takes long.
    if index.index().len() > 1 << 14 {
        return;
    }
    QUERY.with(|queries| {
        for query in queries {
            let first = index.run(query).and_then(|found| index.first(&found, Order::Longest, 10));
            let Ok(rows) = first else { continue };
            for row in rows {
                let _ = index.batch_of(row).and_then(|(number, _)| index.batch(number));
            }
        }
    });
    let _ = (index.index().keys(), index.index().values("span.tokens", 3));
    let mut other = SpanIndex::default();
    other.add(Arc::new(spanwise::decode(SPANS).expect("spans"))).expect("few spans");
    let _ = other.merge(index);
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else { return };
    let whole = match how % 4 {
        0 => bytes.to_vec(),
        how => PARTS.with(|parts| file(&parts[usize::from(how == 1)], bytes)),
    };
    PATH.with(|path| {
        fs::write(path, whole).expect("a temporary file");
        let opened = SpanIndex::open(path);
        if bytes.is_empty() && how % 4 != 0 {
            assert_eq!(opened.as_ref().expect("as it was written").index().len(), 8);
        }
        if let Ok(index) = opened {
            ask(&index);
        }
        fs::remove_file(path).expect("a temporary file");
    });
});
