//! The request, and what stands round it.

use crate::writer::{Dialect, Field, Made, Writer};

const REQUEST: &[Field] = &[("resourceSpans", |writer| writer.messages(2, Writer::resource_spans), true)];

/// One request, or what is met in place of one. The same bytes make the same document.
pub fn document(bytes: &[u8], dialect: Dialect) -> Made {
    let mut writer = Writer::new(bytes, dialect);
    writer.envelope();
    writer.made
}

/// A file of lines, each a request of its own; some are blank or broken, as far as `dialect` takes liberties.
pub fn lines(bytes: &[u8], dialect: Dialect) -> Vec<u8> {
    let mut writer = Writer::new(bytes, Dialect { white: 0, ..dialect });
    let count = 1 + writer.entropy.below(5);
    for index in 0..count {
        if index > 0 {
            let end = writer.entropy.pick(&["\n", "\n", "\r\n"]);
            writer.raw(end);
        }
        if writer.liberty() {
            let odd =
                writer.entropy.pick(&["", " \t", "{\"resourceSpans\":[", "user=QZX {\"a\":1}", "[", "\u{c}"]);
            writer.raw(odd);
            continue;
        }
        let start = writer.made.text.len();
        writer.envelope();
        // A raw line break within a string would make two lines of one.
        for byte in &mut writer.made.text[start..] {
            if *byte == b'\n' {
                *byte = b'\t';
            }
        }
    }
    if writer.entropy.chance(128) {
        writer.raw("\n");
    }
    writer.made.text
}

impl Writer {
    fn envelope(&mut self) {
        if self.liberty() {
            self.raw("\u{feff}");
        }
        self.white();
        if self.liberty() {
            self.other_envelope();
        } else {
            self.message(REQUEST);
        }
        self.white();
        if self.liberty() {
            let between = self.entropy.pick(&["", "\n", " "]);
            self.raw(between);
            self.envelope();
        }
    }

    fn other_envelope(&mut self) {
        match self.entropy.below(9) {
            0 => self.list(3, |writer| writer.message(REQUEST)),
            1 => self.list(3, Self::resource_spans),
            2 => self.resource_spans(),
            3 => {
                // Bare members beside a list, in any order, repeatedly.
                let mut fields = Self::RESOURCE_SPANS.to_vec();
                fields.extend_from_slice(REQUEST);
                fields.push(("batches", REQUEST[0].1, false));
                fields.push(("scopeSpans", Self::RESOURCE_SPANS[1].1, false));
                fields.push(("resourceSpans", REQUEST[0].1, false));
                self.entropy.shuffle(&mut fields);
                self.message(&fields);
            }
            4 => {
                let mut fields = REQUEST.to_vec();
                fields.push(("resourceLogs", Self::any_json, true));
                self.message(&fields);
            }
            5 => self.message(&[("resourceMetrics", Self::any_json, true)]),
            6 => {}
            7 => self.list(2, Self::any_json),
            _ => self.any_json(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_make_the_same_document_and_none_make_an_empty_one() {
        let bytes: Vec<u8> = (0..=255u8).map(|index| index.wrapping_mul(97)).collect();
        assert_eq!(document(&bytes, Dialect::LENIENT).text, document(&bytes, Dialect::LENIENT).text);
        assert_eq!(document(&[], Dialect::LENIENT).text, br#"{"resourceSpans":[]}"#);
        assert_eq!(lines(&[], Dialect::STRICT), br#"{"resourceSpans":[]}"#);
    }
}
