//! Numbers, read from their digits: integers exactly, never by way of a double.
//!
//! The forms are those of ProtoJSON: an integer may be written with an exponent or a zero fraction (`1e3`, `5.0`).

/// Why a text is not the integer that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntegerFault {
    /// Not a number at all.
    Format,
    /// A number with a fraction other than zero.
    Fraction,
    /// Beyond what any integer field can hold.
    Range,
}

/// The parts of a decimal number.
struct Decimal<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// Length of the run of decimal digits at the start of `text`.
fn digit_run(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len())
}

/// Splits a number in JSON's grammar, with a leading `+` and leading zeros allowed (quoted numbers have them).
fn split(text: &[u8]) -> Option<Decimal<'_>> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (whole, mut rest) = text.split_at(digit_run(text));
    if whole.is_empty() {
        return None;
    }
    let mut fraction: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        (fraction, rest) = after.split_at(digit_run(after));
        if fraction.is_empty() {
            return None;
        }
    }
    let mut exponent = 0;
    if let [b'e' | b'E', after @ ..] = rest {
        let (sign, digits) = match after {
            [b'-', digits @ ..] => (-1, digits),
            [b'+', digits @ ..] | digits => (1, digits),
        };
        if digits.is_empty() || digit_run(digits) != digits.len() {
            return None;
        }
        // Saturated: beyond this, only zero is still an integer in range.
        exponent = digits.iter().fold(0i64, |value, digit| {
            value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(1 << 40)
        }) * sign;
        rest = &[];
    }
    rest.is_empty().then_some(Decimal { negative, whole, fraction, exponent })
}

/// Whether a quoted text is a decimal number.
pub(crate) fn is_decimal(text: &[u8]) -> bool {
    split(text).is_some()
}

/// The number that eight decimal digits spell.
#[allow(clippy::inline_always, reason = "compiled with the instruction set of the loop that it is in")]
#[inline(always)]
fn eight_digits(text: [u8; 8]) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let word = u64::from_le_bytes(text);
    // In every byte the high half is 3, and stays so when 6 is added to the low half.
    let digits = (word & 0xf0f0_f0f0_f0f0_f0f0) == ZEROS
        && (word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0) == ZEROS;
    if !digits {
        return None;
    }
    let word = word - ZEROS;
    let pairs = (word & 0x000f_000f_000f_000f) * 10 + (word >> 8 & 0x000f_000f_000f_000f);
    let fours = (pairs & 0x0000_00ff_0000_00ff) * 100 + (pairs >> 16 & 0x0000_00ff_0000_00ff);
    Some((fours & 0xffff) * 10_000 + (fours >> 32))
}

/// The number that a text of 1 to 19 decimal digits and nothing else spells. (19 digits always fit.)
#[inline]
pub(crate) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let (eights, rest) = text.as_chunks::<8>();
    let mut value = 0;
    for eight in eights {
        value = value * 100_000_000 + eight_digits(*eight)?;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// Reads the integer of at most 18 digits at the start of `text`, and its length. `None` where more digits follow, or a zero
/// leads: rare forms, which the general reading takes.
#[allow(clippy::inline_always, reason = "compiled with the instruction set of the loop that it is in")]
#[inline(always)]
pub(crate) fn short_integer(text: &[u8]) -> Option<(i64, usize)> {
    if let Some((value, length)) = text.first_chunk::<8>().and_then(|word| leading_digits(*word)) {
        return (length == 1 || text.first() != Some(&b'0')).then_some((value, length));
    }
    let negative = text.first() == Some(&b'-');
    let sign = usize::from(negative);
    let mut value = 0i64;
    let mut length = sign;
    while let Some(digit) = text.get(length).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        if length - sign == 18 {
            return None;
        }
        value = value * 10 + i64::from(digit);
        length += 1;
    }
    if length == sign || text.get(sign) == Some(&b'0') && length > sign + 1 {
        return None;
    }
    Some((if negative { -value } else { value }, length))
}

/// Reads the double of at most 15 digits at the start of `text`, without exponent, and its length. `None` for all others.
///
/// The digits as an integer, and the power of ten, are doubles exactly, so that their quotient is rounded once: it is what
/// the standard library reads.
#[allow(clippy::inline_always, reason = "compiled with the instruction set of the loop that it is in")]
#[inline(always)]
pub(crate) fn short_double(text: &[u8]) -> Option<(f64, usize)> {
    const TENS: [u32; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let negative = text.first() == Some(&b'-');
    let sign = usize::from(negative);
    let (mut value, whole) = text.get(sign..)?.first_chunk::<8>().and_then(|word| leading_digits(*word))?;
    if whole > 1 && text.get(sign) == Some(&b'0') {
        return None;
    }
    let mut length = sign + whole;
    let mut divisor = 1.0;
    if text.get(length) == Some(&b'.') {
        let mut rest = text.get(length + 1..)?;
        length += 1;
        let word = *rest.first_chunk::<8>()?;
        if let Some(eight) = eight_digits(word) {
            value = value * 100_000_000 + i64::try_from(eight).ok()?;
            divisor = 1e8;
            length += 8;
            rest = rest.get(8..)?;
        }
        let (fraction, digits) = match leading_digits(*rest.first_chunk::<8>()?) {
            Some(found) => found,
            None if divisor > 1.0 && !rest.first()?.is_ascii_digit() => (0, 0),
            None => return None,
        };
        // 18 digits fit 64 bits.
        if length - sign - 1 + digits > 18 {
            return None;
        }
        let tens = *TENS.get(digits)?;
        value = value * i64::from(tens) + fraction;
        divisor *= f64::from(tens);
        length += digits;
    }
    if value >= 1 << 53 {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
    let value = value as f64 / divisor;
    Some((if negative { -value } else { value }, length))
}

/// The high bit of every byte of `word` that is above 9. A byte takes no carry from the one below it.
#[allow(clippy::inline_always, reason = "compiled with the instruction set of the loop that it is in")]
#[inline(always)]
const fn above_nine(word: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    (((word & !HIGH) + 0x7676_7676_7676_7676) | word) & HIGH
}

/// How many decimal digits these bytes begin with. Without a branch, as that cannot be guessed.
#[allow(clippy::inline_always, reason = "compiled with the instruction set of the loop that it is in")]
#[inline(always)]
pub(crate) fn digits_at_start(text: [u8; 8]) -> usize {
    above_nine(u64::from_le_bytes(text) ^ 0x3030_3030_3030_3030).trailing_zeros() as usize / 8
}

/// The number that one to seven decimal digits at the start of `text` spell, and how many there are; `None` where there are
/// none, or eight.
#[allow(clippy::inline_always, reason = "compiled with the instruction set of the loop that it is in")]
#[inline(always)]
fn leading_digits(text: [u8; 8]) -> Option<(i64, usize)> {
    let word = u64::from_le_bytes(text) ^ 0x3030_3030_3030_3030;
    let others = above_nine(word);
    let length = others.trailing_zeros() / 8;
    if others == 0 || length == 0 {
        return None;
    }
    // Digits to the end of the word, as if zeros stood before them.
    let word = word << (64 - 8 * length);
    let pairs = (word & 0x000f_000f_000f_000f) * 10 + (word >> 8 & 0x000f_000f_000f_000f);
    let fours = (pairs & 0x0000_00ff_0000_00ff) * 100 + (pairs >> 16 & 0x0000_00ff_0000_00ff);
    let value = (fours & 0xffff) * 10_000 + (fours >> 32);
    Some((value.cast_signed(), length as usize))
}

/// Reads an integer of any form that ProtoJSON allows, exactly.
///
/// The value lies within ±(2^64 − 1) or is a [`IntegerFault::Range`]; the caller narrows it to its field.
pub(crate) fn integer(text: &[u8]) -> Result<i128, IntegerFault> {
    if let Some(value) = digits(text) {
        return Ok(i128::from(value));
    }
    let number = split(text).ok_or(IntegerFault::Format)?;
    let mut digits = number.whole.iter().chain(number.fraction);
    let leading_zeros = digits.by_ref().take_while(|digit| **digit == b'0').count();
    let count = number.whole.len() + number.fraction.len();
    if leading_zeros == count {
        return Ok(0);
    }
    // How many of the digits, or of the zeros that the exponent appends, stand before the decimal point.
    let point = i64::try_from(number.whole.len()).unwrap_or(i64::MAX).saturating_add(number.exponent);
    let significant = point.saturating_sub(i64::try_from(leading_zeros).unwrap_or(i64::MAX));
    if significant <= 0 {
        return Err(IntegerFault::Fraction);
    }
    if significant > 20 {
        return Err(IntegerFault::Range);
    }
    let point = usize::try_from(point).unwrap_or(usize::MAX);
    let digit =
        |index: usize| number.whole.iter().chain(number.fraction).nth(index).map_or(0, |digit| digit - b'0');
    let mut value = 0u128;
    for index in leading_zeros..point {
        value = value * 10 + u128::from(digit(index));
    }
    if number.whole.iter().chain(number.fraction).skip(point).any(|digit| *digit != b'0') {
        return Err(IntegerFault::Fraction);
    }
    let value = i128::try_from(value).unwrap_or(i128::MAX);
    if value > i128::from(u64::MAX) {
        return Err(IntegerFault::Range);
    }
    Ok(if number.negative { -value } else { value })
}

/// Reads a decimal number as a double; `None` where it is none. Over-range literals give an infinity.
pub(crate) fn double(text: &[u8]) -> Option<f64> {
    split(text)?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{bytes, step};
    use super::*;

    #[test]
    fn integers_are_read_exactly_in_every_form() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("42", 42),
            ("+42", 42),
            ("007", 7),
            ("1e3", 1000),
            ("1E+3", 1000),
            ("5.0", 5),
            ("1.50e1", 15),
            ("1200e-2", 12),
            ("0e99999999999999999999", 0),
            ("0.000", 0),
            ("9007199254740993", 9_007_199_254_740_993),
            ("-9223372036854775808", i128::from(i64::MIN)),
            ("18446744073709551615", i128::from(u64::MAX)),
            ("1844674407370955161.5e1", i128::from(u64::MAX)),
            ("1.7e18", 1_700_000_000_000_000_000),
            ("00000000000000000000000000000000000001", 1),
        ] {
            assert_eq!(integer(text.as_bytes()), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_integer_says_why() {
        use IntegerFault::{Format, Fraction, Range};
        for (text, fault) in [
            ("", Format),
            ("-", Format),
            ("1.", Format),
            (".5", Format),
            ("1e", Format),
            ("1e+", Format),
            (" 1", Format),
            ("1 ", Format),
            ("0x10", Format),
            ("NaN", Format),
            ("5.5", Fraction),
            ("1e-1", Fraction),
            ("0.1", Fraction),
            ("1700000000250000000.5", Fraction),
            ("1e-99999999999999999999", Fraction),
            ("18446744073709551616", Range),
            ("1e20", Range),
            ("1e99999999999999999999", Range),
            ("99999999999999999999999999", Range),
        ] {
            assert_eq!(integer(text.as_bytes()), Err(fault), "{text}");
        }
    }

    #[test]
    fn runs_of_digits_are_read_in_eights() {
        for text in [
            "0",
            "7",
            "12345678",
            "123456789",
            "9999999999999999",
            "1700000000250000003",
            "9999999999999999999",
        ] {
            assert_eq!(digits(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for place in 0..19 {
            for byte in [b'/', b':', b' ', b'a', b'0' | 0x80, 0x3a, 0x2f, 0xff] {
                let mut text = *b"1234567890123456789";
                text[place] = byte;
                assert_eq!(digits(&text), None, "{}", text.escape_ascii());
            }
        }
        assert_eq!((digits(b""), digits(b"12345678901234567890")), (None, None));
    }

    #[test]
    fn short_integers_are_read_up_to_the_first_byte_that_is_no_digit() {
        for digits in [
            "",
            "0",
            "7",
            "12",
            "007",
            "123456",
            "1234567",
            "12345678",
            "123456789012345678",
            "1234567890123456789",
        ] {
            for sign in ["", "-"] {
                for after in ["", "}", "\"}}", ".5", "e3", "\u{e9}\u{e9}", ":::::::::", "/////////"] {
                    let text = format!("{sign}{digits}{after}");
                    let leads = digits.len() > 1 && digits.starts_with('0');
                    let expected = if digits.is_empty() || digits.len() > 18 || leads {
                        None
                    } else {
                        Some((format!("{sign}{digits}").parse().unwrap(), sign.len() + digits.len()))
                    };
                    assert_eq!(short_integer(text.as_bytes()), expected, "{text}");
                }
            }
        }
        for byte in bytes() {
            let found = short_integer(&[b'4', b'2', byte, b'7', b'7', b'7', b'7', b'7', b'7']);
            let expected =
                if byte.is_ascii_digit() { 420_777_777 + i64::from(byte - b'0') * 1_000_000 } else { 42 };
            assert_eq!(found.map(|(value, _)| value), Some(expected), "{byte}");
        }
    }

    #[test]
    fn short_doubles_are_what_the_standard_library_reads() {
        let wholes = ["0", "7", "10", "05", "1234567", "12345678", ""];
        let fractions = [
            "",
            ".",
            ".0",
            ".1",
            ".25",
            ".1234567",
            ".12345678",
            ".123456789",
            ".123456789012345",
            ".9999999999999999",
        ];
        for whole in wholes.into_iter().step_by(step(3)) {
            for fraction in fractions {
                for sign in ["", "-"] {
                    for after in ["}}", "}                ", ",                ", "e5               "] {
                        let written = format!("{sign}{whole}{fraction}");
                        let text = format!("{written}{after}");
                        let Some((value, length)) = short_double(text.as_bytes()) else { continue };
                        assert_eq!(length, written.len(), "{text}");
                        let expected: f64 = written.parse().unwrap();
                        assert_eq!(value.to_bits(), expected.to_bits(), "{text}");
                        assert!(whole != "05" && fraction != ".", "{text}");
                    }
                }
            }
        }
        let mut state = 3u64;
        for _ in (0..20_000).step_by(step(500)) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (whole, fraction, digits) =
                (state >> 44, state >> 20 & 0xff_ffff, 1 + (state >> 12) as usize % 15);
            let text = format!("{}.{fraction:0digits$}}}}}        ", whole % 10_000_000);
            let written = text.trim_end().trim_end_matches('}');
            let (value, length) = short_double(text.as_bytes()).unwrap_or((f64::NAN, 0));
            if length > 0 {
                assert_eq!((value, length), (written.parse().unwrap(), written.len()), "{text}");
            } else {
                assert!(written.len() > 15, "{text}");
            }
        }
    }

    #[test]
    fn doubles_follow_the_standard_library() {
        assert_eq!(double(b"0.1"), Some(0.1));
        assert_eq!(double(b"-1e-7"), Some(-1e-7));
        assert_eq!(double(b"1e400"), Some(f64::INFINITY));
        assert_eq!(double(b"inf"), None);
        assert_eq!(double(b"nan"), None);
        assert_eq!(double(b"1_0"), None);
    }

    #[test]
    fn digits_are_counted_up_to_the_first_other_byte() {
        for byte in 0..=255 {
            for place in 0..8 {
                let mut bytes = *b"90817263";
                bytes[place] = byte;
                let expected = if byte.is_ascii_digit() { 8 } else { place };
                assert_eq!(digits_at_start(bytes), expected, "{byte} {place}");
            }
        }
    }
}
