//! Base64 as ProtoJSON reads it: standard or URL-safe alphabet, padded or not.

const INVALID: u8 = 0xff;

const VALUES: [u8; 256] = {
    let mut values = [INVALID; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut index = 0;
    while index < 64 {
        values[alphabet[index as usize] as usize] = index;
        index += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

/// `text` without its padding; `None` where the padding is wrong.
fn unpadded(text: &[u8]) -> Option<&[u8]> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let data = text.get(..text.len() - padding)?;
    let right = match data.len() % 4 {
        0 => padding == 0,
        2 => padding == 0 || padding == 2,
        3 => padding == 0 || padding == 1,
        _ => false,
    };
    right.then_some(data)
}

/// Calls `put` with the decoded bytes in order; `false` where `text` is not base64.
fn decode(text: &[u8], mut put: impl FnMut(u8)) -> bool {
    let Some(data) = unpadded(text) else { return false };
    for group in data.chunks(4) {
        let mut bits = 0u32;
        for &byte in group {
            let value = VALUES[usize::from(byte)];
            if value == INVALID {
                return false;
            }
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - group.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        bytes.into_iter().take(group.len() * 6 / 8).for_each(&mut put);
    }
    true
}

/// Appends what `text` stands for. Where it is not base64, `out` is as it was.
pub(crate) fn decode_into(text: &[u8], out: &mut Vec<u8>) -> bool {
    let from = out.len();
    let read = decode(text, |byte| out.push(byte));
    if !read {
        out.truncate(from);
    }
    read
}

/// Decodes exactly as many bytes as `out` holds.
pub(super) fn decode_exact(text: &[u8], out: &mut [u8]) -> bool {
    let length = out.len();
    let mut count = 0;
    let read = decode(text, |byte| {
        if let Some(slot) = out.get_mut(count) {
            *slot = byte;
        }
        count += 1;
    });
    read && count == length
}

/// Appends `bytes` in the standard alphabet with padding.
pub(crate) fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three.iter_mut().zip(group).for_each(|(slot, byte)| *slot = *byte);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for index in 0..4 {
            let value = (bits >> (18 - 6 * index) & 63) as usize;
            out.push(if index <= group.len() { ALPHABET[value] } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_same_bytes_is_read() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("+/8=", b"\xfb\xff"),
            ("-_8=", b"\xfb\xff"),
            ("-_8", b"\xfb\xff"),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm9v", b"foo"),
            ("Zm9vYmFy", b"foobar"),
        ] {
            let mut out = b"x".to_vec();
            assert!(decode_into(text.as_bytes(), &mut out), "{text}");
            assert_eq!(&out[1..], bytes, "{text}");
        }
    }

    #[test]
    fn what_is_not_base64_leaves_no_bytes_behind() {
        for text in ["#", "###", "Z", "Zg=", "Zm9v=", "Zm9v====", "Zm 9v", "=", "Zg==Zg==", "é"] {
            let mut out = Vec::new();
            assert!(!decode_into(text.as_bytes(), &mut out), "{text}");
            assert!(out.is_empty());
        }
    }

    #[test]
    fn encoding_and_decoding_are_inverse() {
        for length in 0..40u8 {
            let bytes: Vec<u8> = (0..length).map(|index| index.wrapping_mul(37) ^ 0xa5).collect();
            let mut text = Vec::new();
            encode_into(&bytes, &mut text);
            assert_eq!(text.len() % 4, 0);
            let mut back = Vec::new();
            assert!(decode_into(&text, &mut back));
            assert_eq!(back, bytes);
        }
    }
}
