//! International bank account numbers (ISO 13616): a country of the registry with its exact length, check digits, and
//! a remainder of 1 modulo 97.

use super::class::{ALNUM, DIGIT, UPPER, at, closes, is, opens, slice};

/// Country and length, four bytes each, from the SWIFT IBAN registry.
static LENGTHS: &[u8] = b"\
    AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29\
    ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20\
    LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29\
    PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20\
    YE30\
";

/// The account number that begins at `start`, and where it ends.
///
/// Its characters stand together, or in groups of four with a single space between. Lower case is not taken: too much
/// prose has that shape.
pub(super) fn find(text: &[u8], start: usize) -> Option<usize> {
    let country = [at(text, start), at(text, start + 1)];
    if !is(at(text, start + 2), DIGIT) || !is(at(text, start + 3), DIGIT) || !opens(text, start) {
        return None;
    }
    let length = length_in(country)?;
    let check = (at(text, start + 2) - b'0') * 10 + (at(text, start + 3) - b'0');
    if !(2..=98).contains(&check) {
        return None;
    }
    let spaced = at(text, start + 4) == b' ';
    let end = start + length + if spaced { (length - 1) / 4 } else { 0 };
    if !closes(text, end) {
        return None;
    }
    let number = slice(text, start, end);
    let well_spaced = number
        .iter()
        .enumerate()
        .all(|(place, byte)| if spaced && place % 5 == 4 { *byte == b' ' } else { is(*byte, DIGIT | UPPER) });
    (number.len() == end - start && well_spaced && remainder(number) == 1).then_some(end)
}

fn length_in(country: [u8; 2]) -> Option<usize> {
    let (rows, _) = LENGTHS.as_chunks::<4>();
    rows.iter()
        .find(|[first, second, ..]| [*first, *second] == country)
        .map(|[_, _, tens, ones]| usize::from(tens - b'0') * 10 + usize::from(ones - b'0'))
}

/// The remainder modulo 97 of the number that the first four characters, put behind the rest, spell out.
fn remainder(number: &[u8]) -> u32 {
    let characters = || number.iter().copied().filter(|byte| is(*byte, ALNUM));
    characters().skip(4).chain(characters().take(4)).fold(0, |remainder, byte| {
        let value = u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' + 10 });
        (remainder * if value > 9 { 100 } else { 10 } + value) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_well_formed() {
        let (rows, rest) = LENGTHS.as_chunks::<4>();
        assert!(rest.is_empty() && rows.is_sorted_by(|a, b| a < b));
        for [first, second, ..] in rows {
            assert!(length_in([*first, *second]).is_some_and(|length| (15..=34).contains(&length)));
        }
        assert_eq!(length_in(*b"NO"), Some(15));
        assert_eq!(length_in(*b"ZZ"), None);
    }
}
