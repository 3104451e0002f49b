//! Every fuzz target over its seeds, as `fuzz/seed.sh` makes them, and over each of them damaged a few times.
//!
//! It finds no more than a fuzzer does in its first second, but it finds it in every run of the tests: that a target no
//! longer builds, that a seed breaks a law, that a law is wrong.

#![allow(
    unused_attributes,
    clippy::duplicate_mod,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::pedantic,
    reason = "a test, of targets that libFuzzer gives a main function"
)]

#[path = "../../../fuzz/fuzz_targets/decode.rs"]
mod decode;
#[path = "../../../fuzz/fuzz_targets/frame.rs"]
mod frame;
#[path = "../../../fuzz/fuzz_targets/index_file.rs"]
mod index_file;
#[path = "../../../fuzz/fuzz_targets/made.rs"]
mod made;
#[path = "../../../fuzz/fuzz_targets/made_frame.rs"]
mod made_frame;
#[path = "../../../fuzz/fuzz_targets/query.rs"]
mod query;
#[path = "../../../fuzz/fuzz_targets/receiver_body.rs"]
mod receiver_body;
#[path = "../../../fuzz/fuzz_targets/redact.rs"]
mod redact;

use spanwise_testgen::{Damage, Entropy, damage, samples};

/// Bytes that are the same in every run.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
}

/// Runs a target over its seeds, and over each with `times` damages, one on top of the other.
fn run(target: impl Fn(&[u8]), seeds: impl IntoIterator<Item = Vec<u8>>, times: usize) {
    let mut count = 0;
    for (number, seed) in seeds.into_iter().enumerate() {
        target(&seed);
        let mut text = seed;
        for round in 0..times {
            let bytes: Vec<u8> = noise((number * 97 + round) as u64).take(8).collect();
            let at = usize::from_le_bytes([bytes[0], bytes[1], bytes[2], 0, 0, 0, 0, 0]);
            let at = at % text.len().max(1);
            damage(&mut text, at, Damage::any(&mut Entropy::new(&bytes[3..])));
            target(&text);
        }
        count += 1;
    }
    assert!(count > 20, "only {count} seeds");
}

/// Cases, payloads and regressions with `prefix` before each.
fn documents(prefix: &[u8]) -> Vec<Vec<u8>> {
    let files = [samples::cases(), samples::payloads(), samples::regressions()];
    let files = files.into_iter().flat_map(Result::unwrap);
    files.filter(|file| file.bytes.len() < 65_536).map(|file| [prefix, &file.bytes].concat()).collect()
}

/// `count` inputs of `length` bytes that mean nothing, whose first bytes are all kinds.
fn choices(count: u8, length: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |kind| std::iter::once(kind).chain(noise(kind.into())).take(length).collect())
}

#[test]
fn decode() {
    run(decode::run, documents(b""), 6);
}

#[test]
fn made() {
    run(made::run, choices(120, 700), 6);
}

#[test]
fn frame() {
    run(frame::run, documents(&[50, 25, 2]), 3);
}

#[test]
fn made_frame() {
    run(made_frame::run, choices(120, 700).map(|choice| [&[50, 25, 2], &*choice].concat()), 4);
}

#[test]
fn redact() {
    run(redact::run, documents(b"p"), 2);
    run(redact::run, choices(80, 700), 3);
}

#[test]
fn query() {
    let lines = [include_str!("../../../crates/spanwise/tests/traceql/answers.txt")];
    let errors = [include_str!("../../../crates/spanwise/tests/traceql/errors.txt")];
    let queries = lines.iter().chain(&errors).flat_map(|text| text.lines());
    let queries = queries.filter(|line| !line.is_empty() && !line.starts_with('#'));
    run(
        query::run,
        queries.map(|line| line.split("=>").next().unwrap_or_default().trim().as_bytes().to_vec()),
        6,
    );
}

#[test]
fn index_file() {
    // The short ones are files as they were written, which must open.
    run(index_file::run, choices(60, 40).chain((0..4).map(|kind| vec![kind])), 2);
}

#[test]
fn receiver_body() {
    run(receiver_body::run, documents(&[0]), 1);
    run(receiver_body::run, documents(&[1]), 1);
}
