//! Index files: the answers are those of looking at every span, the spans those of the sources; and what is damaged, foreign
//! or changed is an error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::format_push_string,
    reason = "a test"
)]

#[allow(dead_code, clippy::cast_possible_truncation, reason = "the core's tests use all of it, and allow it")]
#[path = "../../spanwise/tests/index/random.rs"]
mod random;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use random::{Random, documents, query};
use spanwise::frame::BlockSizes;
use spanwise::index::{Order, Query, Scan as Looking};
use spanwise::{Decoder, SpanBatch};
use spanwise_corpora::{Corpus, Form};
use spanwise_io::{BatchRows, BlockPlace, IndexFileError, ReadSettings, Scan, Source, SpanIndex};
use tempfile::TempDir;

fn settings(sizes: BlockSizes) -> ReadSettings {
    ReadSettings { sizes, ..ReadSettings::default() }
}

/// The batches of files, and an index of them.
fn indexed(paths: &[PathBuf], sizes: BlockSizes) -> (Vec<SpanBatch>, SpanIndex) {
    let settings = settings(sizes);
    let options = settings.decode;
    let sources = || paths.iter().cloned().map(Source::File);
    let mut index = SpanIndex::default();
    let numbers: Vec<u32> = sources().map(|source| index.add_source(&source, options).unwrap()).collect();
    let scan = Scan::new(sources().collect(), settings, 1, || {
        let mut decoder = Decoder::new(options);
        move |piece| {
            let block = piece.block.unwrap();
            let place = BlockPlace::of(&block);
            let mut batch = SpanBatch::new();
            decoder.decode_framed(block, &mut batch).unwrap();
            (piece.source, place, batch)
        }
    });
    let mut batches = Vec::new();
    for (source, place, batch) in scan {
        index.add_block(numbers[source], place, &batch).unwrap();
        batches.push(batch);
    }
    (batches, index)
}

fn reopened(index: &SpanIndex, folder: &TempDir) -> SpanIndex {
    let path = folder.path().join("traces.idx");
    index.save(&path).unwrap();
    SpanIndex::open(&path).unwrap()
}

/// Holds an index to what looking at every span gives: rows, orders and the spans themselves.
fn compare(index: &SpanIndex, batches: &[SpanBatch], query: &str) {
    let parsed = Query::parse(query).unwrap();
    let looking = Looking::new(batches);
    let expected = looking.run(&parsed);
    let found = index.run(&parsed).unwrap_or_else(|error| panic!("{query}: {error}"));
    assert!(found.iter().eq(expected.iter()), "{query}");
    for (order, limit) in [(Order::Input, 3), (Order::Latest, 5), (Order::Longest, usize::MAX)] {
        let first = index.first(&found, order, limit).unwrap();
        assert_eq!(first, looking.first(&expected, order, limit), "{query} {order:?}");
        let by_batch = index.by_batch(first.iter().copied()).unwrap();
        assert!(by_batch.is_sorted_by_key(|rows| rows.number), "{query} {order:?}");
        let mut places = vec![(0, 0); first.len()];
        for BatchRows { number, spans, .. } in by_batch {
            assert!(!spans.is_empty() && spans.is_sorted(), "{query} {order:?}");
            for (span, place) in spans {
                places[place] = (number, span);
            }
        }
        let alone = first.iter().map(|row| index.batch_of(*row).map(|(number, start)| (number, row - start)));
        assert_eq!(places, alone.map(Result::unwrap).collect::<Vec<_>>(), "{query} {order:?}");
        for row in first {
            let (number, start) = index.batch_of(row).unwrap();
            let batch = index.batch(number).unwrap();
            let (found, expected) = (batch.span((row - start) as usize).unwrap(), looking.span(row).unwrap());
            assert!(found == expected, "{query}, row {row}");
            assert!(found.scope() == expected.scope() && found.resource() == expected.resource(), "{query}");
        }
    }
}

const QUERIES: [&str; 16] = [
    "{ }",
    "{ false }",
    r#"{ name =~ ".*a.*" }"#,
    "{ status = error }",
    "{ kind = client && duration > 1ms }",
    "{ duration >= 0s }",
    r#"{ resource.service.name != "" }"#,
    "{ span.gen_ai.request.model != nil }",
    r#"{ .http.request.method = "GET" || .http.response.status_code >= 500 }"#,
    r#"{ span:id > "8" }"#,
    "{ childCount > 0 }",
    "{ } >> { status != error }",
    "{ } | count() > 2",
    "{ traceDuration > 1ms } | by(name)",
    r#"{ event:name != "" }"#,
    r#"{ rootName =~ "[a-m].*" }"#,
];

fn folder(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(name);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        path.is_file() && !name.starts_with("expected.") && name != "README.md"
    });
    paths.sort();
    paths
}

#[test]
fn payloads_and_cases_answer_as_if_every_span_were_looked_at() {
    let temporary = tempfile::tempdir().unwrap();
    for paths in [folder("payloads"), folder("cases")] {
        assert!(paths.len() > 5);
        let (batches, index) = indexed(&paths, BlockSizes::default());
        let opened = reopened(&index, &temporary);
        assert_eq!((opened.index().len(), opened.left_out()), (index.index().len(), index.left_out()));
        for query in QUERIES {
            compare(&opened, &batches, query);
        }
    }
}

#[test]
fn corpora_in_every_form_and_compression_in_small_blocks_and_in_parts_of_documents() {
    let temporary = tempfile::tempdir().unwrap();
    let small = BlockSizes { block: 20_000, document: 30_000, ..BlockSizes::default() };
    for (corpus, form) in [
        ("micro", Form::Ndjson),
        ("llm", Form::Ndjson),
        ("pretty", Form::Document),
        ("nested", Form::Document),
    ] {
        let text = Corpus::parse(corpus).unwrap().to_vec(3, 200_000, form);
        let (plain, gzip, zstd) = (
            temporary.path().join("a.jsonl"),
            temporary.path().join("b.jsonl.gz"),
            temporary.path().join("c.jsonl.zst"),
        );
        fs::write(&plain, &text).unwrap();
        let mut encoder =
            flate2::write::GzEncoder::new(fs::File::create(&gzip).unwrap(), flate2::Compression::fast());
        encoder.write_all(&text).unwrap();
        encoder.finish().unwrap();
        fs::write(&zstd, zstd::encode_all(&text[..], 1).unwrap()).unwrap();
        let (batches, index) = indexed(&[plain, gzip, zstd], small);
        assert!(batches.len() > 20, "{corpus}: {}", batches.len());
        let opened = reopened(&index, &temporary);
        for query in QUERIES {
            compare(&opened, &batches, query);
        }
    }
}

#[test]
fn random_queries_over_random_spans_that_are_embedded_merged_and_in_files() {
    let mut random = Random::new(11);
    let temporary = tempfile::tempdir().unwrap();
    for _ in 0..20 {
        let held = documents(&mut random);
        let path = temporary.path().join("source.jsonl");
        let lines: Vec<String> = documents(&mut random)
            .iter()
            .map(|batch| String::from_utf8(spanwise::encode(batch)).unwrap() + "\n")
            .collect();
        fs::write(&path, lines.concat()).unwrap();
        let (mut batches, mut index) = indexed(&[path], BlockSizes::default());
        let mut other = SpanIndex::default();
        for batch in held {
            other.add(Arc::new(spanwise::decode(spanwise::encode(&batch)).unwrap())).unwrap();
            batches.push(batch);
        }
        let other = reopened(&other, &temporary);
        index.merge(&other).unwrap();
        let mut opened = reopened(&index, &temporary);
        for _ in 0..20 {
            compare(&opened, &batches, &query(&mut random));
        }
        // What was opened is added to, merged with and stored again.
        let more = documents(&mut random).remove(0);
        opened.add(Arc::new(spanwise::decode(spanwise::encode(&more)).unwrap())).unwrap();
        batches.push(more);
        let opened = reopened(&opened, &temporary);
        for _ in 0..10 {
            compare(&opened, &batches, &query(&mut random));
        }
    }
}

/// A file of a few hundred spans, its batches, and the bytes of an index of it.
fn small(temporary: &TempDir) -> (Vec<SpanBatch>, Vec<u8>) {
    let source = temporary.path().join("source.jsonl");
    fs::write(&source, Corpus::parse("micro").unwrap().to_vec(5, 150_000, Form::Ndjson)).unwrap();
    let (mut batches, mut index) = indexed(&[source], BlockSizes { block: 30_000, ..BlockSizes::default() });
    let held = spanwise::decode(Corpus::parse("llm").unwrap().to_vec(5, 20_000, Form::Document)).unwrap();
    index.add(Arc::new(held.clone())).unwrap();
    batches.push(held);
    reopened(&index, temporary);
    (batches, fs::read(temporary.path().join("traces.idx")).unwrap())
}

/// What an index answers, or that it says it cannot.
fn answers(path: &Path) -> Result<String, IndexFileError> {
    let index = SpanIndex::open(path)?;
    let mut said = String::new();
    for query in QUERIES {
        let found = index.run(&Query::parse(query).unwrap())?;
        let rows = index.first(&found, Order::Longest, 20)?;
        for row in rows {
            let (number, start) = index.batch_of(row)?;
            let batch = index.batch(number)?;
            let span = batch.span((row - start) as usize).unwrap();
            said += &format!("{query}: {row} {} {}\n", span.trace_id(), span.span_id());
        }
    }
    for key in index.index().keys()? {
        said += &format!("{key:?}\n");
    }
    Ok(said)
}

#[test]
fn a_thousand_flips_and_truncations_are_each_an_error_or_a_right_answer() {
    let temporary = tempfile::tempdir().unwrap();
    let (_, bytes) = small(&temporary);
    let path = temporary.path().join("damaged.idx");
    fs::write(&path, &bytes).unwrap();
    let right = answers(&path).unwrap();
    assert!(right.len() > 5000);
    let mut random = Random::new(13);
    let mut below = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap();
    let mut errors = 0;
    for round in 0..1000 {
        let mut damaged = bytes.clone();
        if round % 4 == 3 {
            damaged.truncate(below(bytes.len()));
        } else {
            // Every byte of the ends, where most means something, and any of the others.
            let at = match round {
                0..64 => round,
                64..192 => bytes.len() - 1 - (round - 64),
                _ => below(bytes.len()),
            };
            damaged[at] ^= 1 << below(8);
        }
        fs::write(&path, &damaged).unwrap();
        match answers(&path) {
            Ok(said) => assert!(said == right, "round {round} answers something else"),
            Err(IndexFileError::Damaged | IndexFileError::Foreign | IndexFileError::Version(_)) => {
                errors += 1;
            }
            Err(error) => panic!("round {round}: {error}"),
        }
    }
    assert!(errors > 900, "{errors} errors");
}

/// What cannot be read of an index that is merged costs the other one nothing, and is not half in it.
#[test]
fn an_index_with_which_a_damaged_one_could_not_be_merged_answers_as_before() {
    let temporary = tempfile::tempdir().unwrap();
    let (batches, bytes) = small(&temporary);
    let path = temporary.path().join("damaged.idx");
    let (mut alone, mut twice, mut index) =
        (SpanIndex::default(), SpanIndex::default(), SpanIndex::default());
    let first = Arc::new(batches[0].clone());
    for index in [&mut alone, &mut twice, &mut index] {
        index.add(Arc::clone(&first)).unwrap();
    }
    twice.add(Arc::clone(&first)).unwrap();
    // Damage anywhere in the columns, of which each is read when it is merged.
    let mut errors = 0;
    for at in (100..bytes.len() * 9 / 10).step_by(bytes.len() / 40) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let Ok(opened) = SpanIndex::open(&path) else { continue };
        if index.merge(&opened).is_ok() {
            // It was in a span that is kept in the file.
            index = SpanIndex::default();
            index.add(Arc::clone(&first)).unwrap();
            continue;
        }
        errors += 1;
        for query in QUERIES {
            let query = Query::parse(query).unwrap();
            assert!(index.run(&query).unwrap() == alone.run(&query).unwrap(), "{at}");
        }
    }
    assert!(errors > 10, "{errors} errors");
    index.add(first).unwrap();
    for query in QUERIES {
        let query = Query::parse(query).unwrap();
        assert!(index.run(&query).unwrap() == twice.run(&query).unwrap());
    }
}

#[test]
fn what_is_no_index_says_so() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("file");
    for text in [&b""[..], b"{", b"{\"resourceSpans\":[]}\n", &[0; 100], b"PAR1 and so on, PAR1"] {
        fs::write(&path, text).unwrap();
        assert!(!SpanIndex::is_index(&path));
        assert!(matches!(SpanIndex::open(&path), Err(IndexFileError::Foreign)));
    }
    assert!(matches!(SpanIndex::open(temporary.path().join("none")), Err(IndexFileError::Io(_))));
    let (_, mut bytes) = small(&temporary);
    bytes[8] = 9;
    fs::write(&path, &bytes).unwrap();
    assert!(SpanIndex::is_index(&path));
    let error = SpanIndex::open(&path).unwrap_err();
    // Too short to say which version it has, or that it has one.
    for len in 1..16 {
        fs::write(&path, &bytes[..len]).unwrap();
        assert!(SpanIndex::is_index(&path), "{len}");
        assert!(matches!(SpanIndex::open(&path), Err(IndexFileError::Damaged)), "{len}");
    }
    assert_eq!(
        error.to_string(),
        "the index file has version 9, which this program does not know; make it again"
    );
}

#[test]
fn a_source_that_changes_while_it_is_read_is_not_said_to_have_been_indexed() {
    let temporary = tempfile::tempdir().unwrap();
    let (source, path) = (temporary.path().join("grows.jsonl"), temporary.path().join("traces.idx"));
    let line = b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"chat\"}]}]}]}\n";
    for again in [&line.repeat(2)[..], &line.to_ascii_uppercase()] {
        fs::write(&source, line).unwrap();
        let (_, index) = indexed(std::slice::from_ref(&source), BlockSizes::default());
        let mut merged = SpanIndex::default();
        merged.merge(&index).unwrap();
        rewrite(&source, again);
        for index in [index, merged] {
            let error = index.save(&path).unwrap_err();
            assert!(matches!(error, IndexFileError::SourceChanges(_)), "{error}");
            let message = "grows.jsonl changed while it was read; index it when nothing writes to it";
            assert!(error.to_string().ends_with(message), "{error}");
            assert!(!path.exists());
        }
    }
}

/// Writes a file so that only what it says tells that it is another.
fn rewrite(path: &Path, text: &[u8]) {
    fs::write(path, text).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(10)).unwrap();
}

#[test]
fn a_source_is_another_wherever_it_has_changed_and_the_same_only_if_it_has_not() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("source.jsonl");
    let span = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#;
    let line = [&span[..], b"\n"].concat();
    let none = b"{\"resourceSpans\":[]}\n";
    let long = Corpus::parse("pretty").unwrap().to_vec(3, 100_000, Form::Document);
    let sizes = BlockSizes { block: 300, document: 20_000, ..BlockSizes::default() };
    for text in [
        none.to_vec(),
        none.repeat(100),
        [&none.repeat(100)[..], &line.repeat(3), &none.repeat(100), &line].concat(),
        [b"{}", &b" ".repeat(5000)[..]].concat(),
        [&line[..], &b" ".repeat(5000), b"\n", &line, &b"\n \t".repeat(2000)].concat(),
        [&line[..], &b"no JSON\n".repeat(200), &line].concat(),
        [&b" ".repeat(5000)[..], &long, &b" ".repeat(5000)].concat(),
    ] {
        fs::write(&path, &text).unwrap();
        let (_, index) = indexed(std::slice::from_ref(&path), sizes);
        let mut both = SpanIndex::default();
        both.merge(&reopened(&index, &temporary)).unwrap();
        reopened(&both, &temporary);
        let index = temporary.path().join("traces.idx");
        rewrite(&path, &text);
        SpanIndex::open(&index).unwrap();
        // Another document in the place of any bytes.
        for at in (0..=text.len().saturating_sub(span.len())).step_by(text.len() / 50 + 1) {
            let mut other = text.clone();
            let there = other.iter_mut().skip(at).zip(span);
            there.for_each(|(byte, new)| *byte = *new);
            if other == text {
                continue;
            }
            rewrite(&path, &other);
            let opened = SpanIndex::open(&index);
            let start = String::from_utf8_lossy(&text[..text.len().min(30)]);
            assert!(matches!(opened, Err(IndexFileError::SourceChanged(_))), "{start} … at {at}");
        }
    }
}

#[test]
fn a_source_that_has_changed_is_an_error_and_a_copy_of_it_is_not() {
    let temporary = tempfile::tempdir().unwrap();
    let (batches, _) = small(&temporary);
    let (source, index) = (temporary.path().join("source.jsonl"), temporary.path().join("traces.idx"));
    let text = fs::read(&source).unwrap();
    let write = |text: &[u8]| rewrite(&source, text);
    let changed = |error: IndexFileError| {
        assert!(matches!(error, IndexFileError::SourceChanged(_)), "{error}");
        assert!(error.to_string().contains("source.jsonl has changed since it was indexed"), "{error}");
    };

    // The same text at another time, and both somewhere else.
    write(&text);
    compare(&SpanIndex::open(&index).unwrap(), &batches, "{ duration > 1ms }");
    let moved = tempfile::tempdir().unwrap();
    fs::copy(&source, moved.path().join("source.jsonl")).unwrap();
    fs::copy(&index, moved.path().join("moved.idx")).unwrap();

    // Longer, as long, changed while it is open, gone.
    write(&[&text[..], b"{}\n"].concat());
    changed(SpanIndex::open(&index).unwrap_err());
    let mut other = text.clone();
    let digit = other.iter().position(u8::is_ascii_digit).unwrap();
    other[digit] ^= 1;
    write(&other);
    changed(SpanIndex::open(&index).unwrap_err());
    write(&text);
    let opened = SpanIndex::open(&index).unwrap();
    write(&other);
    changed(opened.batch(0).unwrap_err());
    changed(opened.save(temporary.path().join("again.idx")).unwrap_err());
    fs::remove_file(&source).unwrap();
    assert!(matches!(SpanIndex::open(&index), Err(IndexFileError::Source(..))));

    compare(&SpanIndex::open(moved.path().join("moved.idx")).unwrap(), &batches, "{ duration > 1ms }");
}

#[test]
#[cfg(unix)]
fn an_index_that_is_written_through_a_link_finds_what_is_beside_the_link_and_beside_itself() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let path = temporary.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (here, there) = (folder("here"), folder("there"));
    fs::write(there.join("old.idx"), "").unwrap();
    std::os::unix::fs::symlink(there.join("old.idx"), here.join("traces.idx")).unwrap();
    for (place, name) in [(&here, "a.jsonl"), (&there, "b.jsonl")] {
        let text = Corpus::parse("micro").unwrap().to_vec(5, 10_000, Form::Ndjson);
        fs::write(place.join(name), text).unwrap();
    }
    // What is taken for a source where none of that name was.
    fs::write(there.join("a.jsonl"), "{}\n").unwrap();
    let (batches, index) = indexed(&[here.join("a.jsonl"), there.join("b.jsonl")], BlockSizes::default());
    index.save(here.join("traces.idx")).unwrap();
    for path in [here.join("traces.idx"), there.join("old.idx")] {
        compare(&SpanIndex::open(&path).unwrap(), &batches, r#"{ name =~ ".*a.*" }"#);
    }
}

#[test]
fn sources_rows_and_batches_that_are_not_there_are_told_as_that() {
    let temporary = tempfile::tempdir().unwrap();
    let source = temporary.path().join("source.jsonl");
    fs::write(&source, Corpus::parse("micro").unwrap().to_vec(5, 10_000, Form::Ndjson)).unwrap();
    let (mut empty, (batches, mut index)) =
        (SpanIndex::default(), indexed(std::slice::from_ref(&source), BlockSizes::default()));
    let block = spanwise_io::Blocks::open(Source::File(source), &ReadSettings::default()).unwrap().next();
    let place = BlockPlace::of(&block.unwrap().unwrap());
    let rows = index.index().len();
    for source in [1, u32::MAX] {
        for index in [&mut empty, &mut index] {
            let before = (index.index().len(), index.batches().unwrap(), index.left_out());
            let refused = index.add_block(source, place.clone(), &batches[0]);
            assert!(matches!(refused, Err(IndexFileError::NoSource(found)) if found == source));
            assert_eq!((index.index().len(), index.batches().unwrap(), index.left_out()), before);
        }
    }
    assert!(matches!(empty.add_block(0, place.clone(), &batches[0]), Err(IndexFileError::NoSource(0))));
    // What was refused is in no file, and stands in the way of nothing.
    empty.merge(&index).unwrap();
    for index in [&empty, &index, &reopened(&index, &temporary)] {
        let last = index.batches().unwrap() - 1;
        assert_eq!(index.batch_of(rows - 1).unwrap().0, last);
        assert!(index.batch(last).is_ok());
        for row in [rows, u32::MAX] {
            assert!(matches!(index.batch_of(row), Err(IndexFileError::NoRow(found)) if found == row));
        }
        for number in [last + 1, usize::MAX] {
            let error = index.batch(number).unwrap_err();
            assert!(matches!(error, IndexFileError::NoBatch(found) if found == number), "{error}");
            assert!(!error.to_string().contains("damaged"), "{error}");
        }
    }
    let empty = SpanIndex::default();
    assert!(matches!(empty.batch_of(0), Err(IndexFileError::NoRow(0))));
    assert!(matches!(empty.batch(0), Err(IndexFileError::NoBatch(0))));
}

#[test]
fn what_cannot_be_read_again_cannot_be_indexed() {
    let mut index = SpanIndex::default();
    let options = ReadSettings::default().decode;
    for source in [Source::Stdin, Source::Bytes("{}".into()), Source::File(std::env::temp_dir())] {
        assert!(matches!(index.add_source(&source, options), Err(IndexFileError::Fleeting)));
    }
    let missing = Source::File("no-such-file".into());
    assert!(matches!(index.add_source(&missing, options), Err(IndexFileError::Source(..))));
}

/// Of several threads that decode a batch at once all have the one that is kept, and no other batch goes for the others' sake.
#[test]
fn threads_that_want_one_batch_at_once_have_one() {
    let temporary = tempfile::tempdir().unwrap();
    let (batches, _) = small(&temporary);
    for round in 0..30 {
        let index = SpanIndex::open(temporary.path().join("traces.idx")).unwrap();
        let number = round % index.batches().unwrap();
        let together = std::sync::Barrier::new(4);
        let ask = || {
            together.wait();
            index.batch(number).unwrap()
        };
        let found: Vec<_> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(found.iter().all(|batch| Arc::ptr_eq(batch, &found[0])), "{round}");
        assert_eq!(found[0].len(), batches[number].len());
    }
}

#[test]
fn many_readers_share_a_file_that_is_replaced_meanwhile() {
    let temporary = tempfile::tempdir().unwrap();
    let (batches, bytes) = small(&temporary);
    let path = temporary.path().join("traces.idx");
    let opened = SpanIndex::open(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| QUERIES.iter().for_each(|query| compare(&opened, &batches, query)));
        }
        SpanIndex::default().save(&path).unwrap();
        assert_eq!(SpanIndex::open(&path).unwrap().index().len(), 0);
        opened.save(&path).unwrap();
    });
    // Read in any order and stored again, it is the same to the byte.
    assert!(fs::read(&path).unwrap() == bytes);
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 2);
}
