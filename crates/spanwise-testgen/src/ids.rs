//! Trace and span ids in hex, and in every other form in which they are met.

use crate::writer::Writer;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for index in 0..4 {
            let value = (bits >> (18 - 6 * index) & 63) as usize;
            out.push(if index <= group.len() { char::from(BASE64[value]) } else { '=' });
        }
    }
    out
}

impl Writer {
    pub(crate) fn trace_id(&mut self) {
        self.id(16, false);
    }

    pub(crate) fn span_id(&mut self) {
        self.id(8, false);
    }

    pub(crate) fn parent_id(&mut self) {
        self.id(8, true);
    }

    /// An id of a link may be empty, or nothing but zeros.
    pub(crate) fn link_trace_id(&mut self) {
        self.id(16, true);
    }

    /// The same for its span id.
    pub(crate) fn link_span_id(&mut self) {
        self.id(8, true);
    }

    fn id(&mut self, length: usize, may_be_empty: bool) {
        let mut bytes: Vec<u8> = (0..length).map(|_| self.entropy.byte()).collect();
        bytes[0] |= 1;
        if self.liberty() {
            return self.other_id(&bytes);
        }
        if may_be_empty && self.entropy.chance(40) {
            return self.word("");
        }
        let mut text = hex(&bytes);
        if self.entropy.chance(40) {
            text.make_ascii_uppercase();
        }
        self.word(&text);
    }

    fn other_id(&mut self, bytes: &[u8]) {
        let text = match self.entropy.below(20) {
            0 => base64(bytes),
            1 => base64(hex(bytes).as_bytes()),
            2 => hex(hex(bytes).as_bytes()),
            3 => {
                let mut text = hex(bytes);
                for at in [20, 16, 12, 8] {
                    if at < text.len() {
                        text.insert(at, '-');
                    }
                }
                text
            }
            4 => hex(&vec![0; bytes.len()]),
            5 => hex(&bytes[..bytes.len() / 2]),
            6 => hex(&bytes[1..]),
            7 => hex(bytes) + "ab",
            8 => String::new(),
            9 => base64(bytes).replace('+', "-").replace('/', "_"),
            10 => base64(&vec![0; bytes.len()]),
            11 => return self.raw(&format!("{bytes:?}")),
            12 => return self.raw("null"),
            13 => {
                // A number of as many digits as the id has in hex.
                let digits: String = hex(bytes)
                    .chars()
                    .map(|digit| if digit.is_ascii_digit() { digit } else { '7' })
                    .collect();
                let start = digits.trim_start_matches('0');
                let number = if start.is_empty() { "7" } else { start };
                return self.raw(number);
            }
            14 | 15 => return self.any_json(),
            _ => return self.text(),
        };
        self.word(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_spelt_in_hex_and_in_base64() {
        assert_eq!(
            (hex(b"\x0f\xa0"), base64(b"\xfb\xff"), base64(b"foobar")),
            ("0fa0".into(), "+/8=".into(), "Zm9vYmFy".into())
        );
    }
}
