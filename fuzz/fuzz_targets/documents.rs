//! Documents made from the fuzzer's bytes by `spanwise-testgen`: deep in the schema, where random bytes hardly come.

use spanwise_testgen::{Damage, Dialect, Entropy, damage, document, lines};

/// What an input stands for: a document or lines of them, strict or not, and damaged or not.
pub(crate) fn of(data: &[u8]) -> Option<Vec<u8>> {
    let (&[kind, a, b, c, d], bytes) = data.split_first_chunk::<5>()?;
    let dialect = if kind & 1 == 0 { Dialect::LENIENT } else { Dialect::STRICT };
    let mut text = if kind & 2 == 0 { document(bytes, dialect).text } else { lines(bytes, dialect) };
    if kind & 4 != 0 && !text.is_empty() {
        let at = usize::from(u16::from_be_bytes([a, b])) % text.len();
        damage(&mut text, at, Damage::any(&mut Entropy::new(&[c, d, a])));
    }
    Some(text)
}
