//! `spanwise generate`: the corpora, under the name that was given or not at all.

#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "made-up traces need no test data")]
mod support;

use std::path::Path;

use spanwise_corpora::{Corpus, Form};
use support::run_with;

#[test]
fn every_corpus_is_what_the_generator_makes() {
    for corpus in Corpus::ALL {
        for (flag, form) in [(None, Form::Ndjson), (Some("--single-document"), Form::Document)] {
            let words = ["generate", "--corpus", corpus.name(), "--size=40KiB", "--seed=7", "-o", "-"];
            let run = run_with(words.iter().chain(&flag), b"", Path::new("."));
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", corpus.name());
            assert!(run.stdout.as_bytes() == corpus.to_vec(7, 40 << 10, form), "{}", corpus.name());
        }
    }
}

#[test]
fn a_file_is_told_of_and_valid() {
    let folder = tempfile::tempdir().unwrap();
    let run =
        run_with(["generate", "--corpus=micro", "--size=1MiB", "-o", "micro.jsonl"], b"", folder.path());
    let mut expected = Vec::new();
    let stats = Corpus::Micro.write(1, 1 << 20, Form::Ndjson, &mut expected).unwrap();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains(&format!(" {} documents, ", stats.documents)), "{run:?}");
    assert!(std::fs::read(folder.path().join("micro.jsonl")).unwrap() == expected);
    let run = run_with(["validate", "--mode=strict", "micro.jsonl"], b"", folder.path());
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn what_is_not_known_is_refused() {
    for words in [["--corpus=macro", "--size=1MiB"], ["--corpus=micro", "--size=1MB"]] {
        let run = run_with(["generate", "-o", "-"].iter().chain(&words), b"", Path::new("."));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(
            run.stderr.contains("one of llm, openrouter") || run.stderr.contains("write a whole number"),
            "{run:?}"
        );
    }
}
