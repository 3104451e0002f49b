//! Numbers, enums and booleans in every form that ProtoJSON allows, and in forms that it does not.

use crate::writer::{Canaries, Writer};

impl Writer {
    /// What stands for a scalar that cannot be used.
    fn unusable(&mut self) {
        match self.entropy.below(7) {
            0 => self.text(),
            1 => self.raw("5.5"),
            2 => self.raw("\"1e-1\""),
            3 => self.raw("99999999999999999999"),
            4 => self.raw("\"-99999999999999999999\""),
            5 => self.long_object(),
            _ => self.any_json(),
        }
    }

    /// An object of two halves, as 64-bit integers leak out of protobuf.js.
    fn long_object(&mut self) {
        let bytes = [(); 8].map(|()| self.entropy.byte());
        let [a, b, c, d, rest @ ..] = bytes;
        let (low, high) = (i32::from_be_bytes([a, b, c, d]), u32::from_be_bytes(rest));
        let text = match self.entropy.below(4) {
            0 => format!("{{\"low\":{low},\"high\":{high}}}"),
            1 => format!("{{\"high\":{high},\"low\":{low},\"unsigned\":true}}"),
            2 => format!("{{\"low\":{low},\"low\":{low},\"high\":1}}"),
            _ => format!("{{\"low\":{low}}}"),
        };
        self.raw(&text);
    }

    fn integer(&mut self, value: i128) {
        let small = value.unsigned_abs() < 1 << 50;
        let text = match self.entropy.below(8) {
            0..=2 => value.to_string(),
            3 | 4 => return self.word(&value.to_string()),
            5 if small => format!("{value}.0"),
            6 if small => return self.word(&format!("{value}e0")),
            7 if value % 100 == 0 => format!("{}E+2", value / 100),
            _ => return self.word(&format!("{value}.000")),
        };
        self.raw(&text);
    }

    pub(crate) fn uint32(&mut self) {
        if self.liberty() {
            return self.unusable();
        }
        let value = match self.entropy.below(4) {
            0 => 0,
            1 => u64::from(u32::MAX),
            _ => self.entropy.number() & u64::from(u32::MAX),
        };
        self.integer(value.into());
    }

    pub(crate) fn fixed64(&mut self) {
        if self.liberty() {
            return self.unusable();
        }
        let value = match self.entropy.below(4) {
            0 => 1_700_000_000_000_000_000,
            1 => u64::MAX,
            _ => self.entropy.number(),
        };
        self.integer(value.into());
    }

    pub(crate) fn int64(&mut self) {
        if self.liberty() {
            return self.unusable();
        }
        let value = match self.entropy.below(4) {
            0 => i64::MIN,
            1 => i64::MAX,
            _ => self.entropy.number().cast_signed(),
        };
        self.integer(value.into());
    }

    pub(crate) fn double(&mut self) {
        if self.liberty() {
            let text =
                self.entropy.pick(&["1e400", "NaN", "-Infinity", "\"1e400\"", "\"inf\"", "true", "[1]"]);
            return self.raw(text);
        }
        let words = ["NaN", "Infinity", "-Infinity", "0.1", "1e-7"];
        match self.entropy.below(4) {
            0 => {
                let number =
                    self.entropy.pick(&["0", "0.5", "-0.0", "1e300", "5e-324", "0.1", "123456789.123456789"]);
                self.raw(number);
            }
            1 => {
                let word = self.entropy.pick(&words);
                self.word(word);
            }
            2 => {
                let value = f64::from_bits(self.entropy.number().rotate_left(20));
                self.raw(&if value.is_finite() { format!("{value:?}") } else { "1.5".to_owned() });
            }
            _ => {
                let value = self.entropy.number().cast_signed();
                self.raw(&value.to_string());
            }
        }
    }

    pub(crate) fn boolean(&mut self) {
        if self.liberty() {
            match self.entropy.below(4) {
                0 => self.word("true"),
                1 => self.word("false"),
                2 => self.raw("1"),
                _ => self.any_json(),
            }
            return;
        }
        let word = self.entropy.pick(&["true", "false"]);
        self.raw(word);
    }

    pub(crate) fn kind(&mut self) {
        self.enumeration(&["SPAN_KIND_SERVER", "client", "SPAN_KIND_internal", "4"]);
    }

    pub(crate) fn status_code(&mut self) {
        self.enumeration(&["STATUS_CODE_ERROR", "Ok", "UNSET", "1"]);
    }

    fn enumeration(&mut self, names: &[&str]) {
        if self.liberty() {
            if self.entropy.chance(128) {
                let name = self.entropy.pick(names);
                return self.word(name);
            }
            return self.unusable();
        }
        let number = self.entropy.pick(&["0", "1", "2", "5", "1.0", "2e0", "77", "-3", "2147483647"]);
        self.raw(number);
    }

    /// Base64 in each of its forms.
    pub(crate) fn bytes(&mut self) {
        if self.liberty() {
            // None of them has a letter of a canary in base64.
            let text = match self.entropy.below(8) {
                0 => "[0,2,255]",
                1 => "{\"0\":0,\"1\":2}",
                2 => "{\"type\":\"Buffer\",\"data\":[7,8]}",
                3 => "{\"type\":\"Buffer\",\"data\":[7,8],\"data\":[8]}",
                4 => "[1,2,256]",
                5 => "{\"0\":1,\"2\":2}",
                6 => return self.text(),
                _ => return self.any_json(),
            };
            return self.raw(text);
        }
        if self.dialect.canaries == Canaries::Content {
            // `QZXQZX` at each alignment, in both alphabets; or none of the letters.
            let text = if self.is_hidden {
                self.entropy.pick(&["UVpYUVpY", "P1FaWFFaWA==", "Pz9RWlhRWlg=", "_1FaWFFaWA", "/z9RWlhRWlg"])
            } else {
                self.entropy.pick(&["", "AAEC", "-_8=", "+/8"])
            };
            return self.word(text);
        }
        let text = self.entropy.pick(&[
            "",
            "AAEC",
            "Zg==",
            "Zg",
            "-_8=",
            "+/8",
            "Zm9vYmFy",
            "QUJDREVGR0hJSktMTU5PUA==",
        ]);
        self.word(text);
    }
}
