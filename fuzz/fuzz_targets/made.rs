//! Documents that follow the schema, as any bytes are decoded.

#![no_main]

mod documents;
mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(text) = documents::of(data) else { return };
    laws::check(&text);
});
