//! Streams of documents made from the fuzzer's bytes by `spanwise-testgen`: what is cut between spans must have some.

#![no_main]

mod streams;

use spanwise_testgen::{Damage, Dialect, Entropy, damage, document, lines};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((coming, data)) = streams::Coming::of(data) else { return };
    let Some((&[kind, a, b, c, d], bytes)) = data.split_first_chunk::<5>() else { return };
    let dialect = if kind & 1 == 0 { Dialect::LENIENT } else { Dialect::STRICT };
    let mut text = if kind & 2 == 0 { document(bytes, dialect).text } else { lines(bytes, dialect) };
    if kind & 4 != 0 && !text.is_empty() {
        let at = usize::from(u16::from_be_bytes([a, b])) % text.len();
        damage(&mut text, at, Damage::any(&mut Entropy::new(&[c, d, a])));
    }
    streams::check(&text, &coming);
});
