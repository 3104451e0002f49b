//! One byte of a document flipped, dropped or doubled.

use crate::Entropy;

/// What happens to the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// One of its bits changes.
    Flip(u8),
    /// It is taken out.
    Drop,
    /// It stands there twice.
    Double,
    /// Another one takes its place.
    Replace(u8),
    /// Another one is put before it.
    Insert(u8),
    /// Nothing follows it.
    Cut,
}

impl Damage {
    /// Bytes that mean something in JSON, or nothing anywhere.
    const TELLING: &[u8] = b"\"\\{}[]:, \n\r\t0123456789-+.eEntfNIu\x00\x0c\x1f\x7f\x80\xc3\xef\xff";

    /// Any kind of damage.
    pub fn any(entropy: &mut Entropy) -> Self {
        match entropy.below(8) {
            0 => Self::Drop,
            1 => Self::Double,
            2 | 3 => Self::Replace(entropy.pick(Self::TELLING)),
            4 | 5 => Self::Insert(entropy.pick(Self::TELLING)),
            6 => Self::Cut,
            _ => Self::Flip(1 << entropy.below(8)),
        }
    }
}

/// Does `damage` to the byte at `at`, if there is one.
pub fn damage(text: &mut Vec<u8>, at: usize, damage: Damage) {
    let Some(&byte) = text.get(at) else { return };
    match damage {
        Damage::Flip(bits) => text[at] = byte ^ bits,
        Damage::Drop => {
            text.remove(at);
        }
        Damage::Double => text.insert(at, byte),
        Damage::Replace(other) => text[at] = other,
        Damage::Insert(other) => text.insert(at, other),
        Damage::Cut => text.truncate(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_does_what_it_says() {
        for (kind, expected) in [
            (Damage::Flip(2), "acc"),
            (Damage::Drop, "ac"),
            (Damage::Double, "abbc"),
            (Damage::Replace(b'x'), "axc"),
            (Damage::Insert(b'x'), "axbc"),
            (Damage::Cut, "ab"),
        ] {
            let mut text = b"abc".to_vec();
            damage(&mut text, 1, kind);
            let expected = if kind == Damage::Flip(2) { "a`c" } else { expected };
            assert_eq!(text, expected.as_bytes(), "{kind:?}");
        }
        let mut text = b"abc".to_vec();
        damage(&mut text, 3, Damage::Drop);
        assert_eq!(text, b"abc");
    }
}
