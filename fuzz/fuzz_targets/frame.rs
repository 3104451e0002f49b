//! Any bytes as a stream. The first bytes say how it comes: the size of the chunks, of blocks, and of documents that are held whole.

#![no_main]

mod streams;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((coming, text)) = streams::Coming::of(data) else { return };
    streams::check(text, &coming);
});
