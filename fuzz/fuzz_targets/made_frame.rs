//! Streams of documents that follow the schema: what is cut between spans must have some.

#![no_main]

mod documents;
mod streams;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((coming, data)) = streams::Coming::of(data) else { return };
    let Some(text) = documents::of(data) else { return };
    streams::check(&text, &coming);
});
