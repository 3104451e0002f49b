//! Where in a text a detector may have something to say: three passes that dismiss nearly all of it at a glance.
//!
//! A regular expression per detector would read every text twenty times. Instead, all detectors share three passes,
//! each of which looks at what its matches cannot do without:
//!
//! 1. **signs**: `@`, `+` before a digit, `?` and `&`, two capitals and a digit (how an IBAN begins), and escapes that
//!    hide a character. A block of 64 bytes is compared with all of them at once, in a loop that the compiler turns into
//!    vector instructions.
//! 2. **words** (`words`): every key, token and credential begins with a word that its issuer chose, or stands behind
//!    one. All words are searched for at once, many bytes at a time.
//! 3. **numbers**: every card, telephone and social security number has a digit at each tenth byte or the next (each eighth,
//!    where North American telephone numbers are looked for); only those are looked at.
//!
//! What remains is checked by the detectors themselves. All passes move forward only; what a detector may look back at
//! or ahead to is bounded, or remembered, so the time is linear in the text whatever it holds.
//!
//! The passes care for no quotes: they can read a whole block of JSON as well as one string of it.

use std::ops::ControlFlow;

use super::class::{DIGIT, HYPHEN, UPPER, at, before, from, is, run_end, slice};
use super::{Builtin, Selection, address, card, credential, email, iban, phone, ssn, url, words};

/// Is told of each find: whose it is, and its range. An escape that hides a character is told as one of
/// [`Builtin::DeepEscapes`]. Breaking ends the scan.
pub(super) trait Sink: FnMut(Builtin, usize, usize) -> ControlFlow<()> {}
impl<F: FnMut(Builtin, usize, usize) -> ControlFlow<()>> Sink for F {}

/// Runs all selected detectors over `text`. `is_query` says that the text is the query of a URL, without its `?`.
pub(super) fn scan(text: &[u8], on: Selection, is_query: bool, found: &mut impl Sink) -> ControlFlow<()> {
    signs(text, on, is_query, found)?;
    words::scan(text, on, found)?;
    numbers(text, on, found)?;
    if on.has(Builtin::Ipv4) || on.has(Builtin::Ipv6) || on.has(Builtin::AssignedSecret) {
        rarely_wanted(text, on, found)?;
    }
    ControlFlow::Continue(())
}

/// How many bytes from a sign's first one say that it is one.
const SIGN: usize = 3;

/// Whether a sign begins at any of the block's bytes; `next` and `third` are the blocks one and two bytes on.
#[inline]
fn has_sign<const WIDTH: usize>(block: &[u8; WIDTH], next: &[u8; WIDTH], third: &[u8; WIDTH]) -> bool {
    let is = |byte: u8, other: u8| u8::from(byte == other);
    let is_from = |byte: u8, first: u8, count: u8| u8::from(byte.wrapping_sub(first) < count);
    let mut any = 0u8;
    for ((byte, next), third) in block.iter().zip(next).zip(third) {
        let alone = is(*byte, b'@') | is(*byte, b'&') | is(*byte, b'?');
        let plus = is(*byte, b'+') & is_from(*next, b'1', 9);
        let escape = is(*byte, b'\\') & (is(*next, b'u') | is(*next, b'/'));
        let account = is_from(*byte, b'A', 26) & is_from(*next, b'A', 26) & is_from(*third, b'0', 10);
        any |= alone | plus | escape | account;
    }
    any != 0
}

fn signs(text: &[u8], on: Selection, is_query: bool, found: &mut impl Sink) -> ControlFlow<()> {
    let mut state = Signs { authorities: url::Authorities::default() };
    if (is_query || url::find_secret_member(text, 0).is_some() && url::is_bare_query(text))
        && let Some((start, end)) = url::find_secret_member(text, 0)
        && on.has(Builtin::UrlSecretParam)
    {
        found(Builtin::UrlSecretParam, start, end)?;
    }
    let mut position = 0;
    position = state.blocks::<64>(text, position, on, found)?;
    position = state.blocks::<16>(text, position, on, found)?;
    state.each(text, position, text.len(), on, found)
}

struct Signs {
    authorities: url::Authorities,
}

impl Signs {
    fn blocks<const WIDTH: usize>(
        &mut self,
        text: &[u8],
        mut position: usize,
        on: Selection,
        found: &mut impl Sink,
    ) -> ControlFlow<(), usize> {
        while let Some(window) = from(text, position).get(..WIDTH + SIGN - 1)
            && let Some(block) = window.first_chunk::<WIDTH>()
            && let Some(next) = from(window, 1).first_chunk::<WIDTH>()
            && let Some(third) = from(window, 2).first_chunk::<WIDTH>()
        {
            if has_sign(block, next, third) {
                self.narrow(text, position, position + WIDTH, on, found)?;
            }
            position += WIDTH;
        }
        ControlFlow::Continue(position)
    }

    /// Looks at the eighths of a block that has a sign somewhere.
    #[inline(never)]
    fn narrow(
        &mut self,
        text: &[u8],
        start: usize,
        end: usize,
        on: Selection,
        found: &mut impl Sink,
    ) -> ControlFlow<()> {
        const PART: usize = 8;
        for position in (start..end).step_by(PART) {
            if let Some(window) = from(text, position).get(..PART + SIGN - 1)
                && let Some(block) = window.first_chunk::<PART>()
                && let Some(next) = from(window, 1).first_chunk::<PART>()
                && let Some(third) = from(window, 2).first_chunk::<PART>()
                && has_sign(block, next, third)
            {
                self.each(text, position, position + PART, on, found)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn each(
        &mut self,
        text: &[u8],
        start: usize,
        end: usize,
        on: Selection,
        found: &mut impl Sink,
    ) -> ControlFlow<()> {
        for (place, byte) in slice(text, start, end).iter().enumerate() {
            if matches!(byte, b'@' | b'&' | b'?' | b'+' | b'\\' | b'A'..=b'Z') {
                self.sign(text, start + place, *byte, on, found)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn sign(
        &mut self,
        text: &[u8],
        place: usize,
        byte: u8,
        on: Selection,
        found: &mut impl Sink,
    ) -> ControlFlow<()> {
        let next = at(text, place + 1);
        match byte {
            b'@' => {
                if on.has(Builtin::UrlUserinfo)
                    && let Some((start, end)) = self.authorities.find(text, place)
                {
                    found(Builtin::UrlUserinfo, start, end)?;
                }
                if on.has(Builtin::Email)
                    && let Some((start, end)) = email::find(text, place)
                {
                    found(Builtin::Email, start, end)?;
                }
            }
            b'+' if on.has(Builtin::PhoneE164) && is(next, DIGIT) => {
                if let Some(end) = phone::find_e164(text, place) {
                    found(Builtin::PhoneE164, place, end)?;
                }
            }
            b'&' | b'?' if on.has(Builtin::UrlSecretParam) => {
                let entity = if from(text, place + 1).starts_with(b"amp;") { 4 } else { 0 };
                if let Some((start, end)) = url::find_secret_member(text, place + 1 + entity) {
                    found(Builtin::UrlSecretParam, start, end)?;
                }
            }
            b'A'..=b'Z' if is(next, UPPER) && is(at(text, place + 2), DIGIT) && on.has(Builtin::Iban) => {
                if let Some(end) = iban::find(text, place) {
                    found(Builtin::Iban, place, end)?;
                }
            }
            b'\\' if matches!(next, b'u' | b'/') => found(Builtin::DeepEscapes, place, place + 2)?,
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The shortest number that any detector asks for, a social security number, is eleven bytes long and has no two
/// separators side by side: of each tenth byte and the next, one is a digit.
const NUMBER_STRIDE: usize = 10;
/// In `(212) 555-1234` two separators do stand side by side: it has a digit on either side of them within eight bytes.
const BRACKETED_STRIDE: usize = 8;
const SHORTEST_NUMBER: usize = 11;

/// What may stand in a row of numbers: digits, and what parts or brackets them.
fn is_of_row(byte: u8) -> bool {
    is(byte, DIGIT | HYPHEN) || matches!(byte, b' ' | b'.' | b'(' | b')')
}

fn numbers(text: &[u8], on: Selection, found: &mut impl Sink) -> ControlFlow<()> {
    let stride = if on.has(Builtin::PhoneNanp) { BRACKETED_STRIDE } else { NUMBER_STRIDE };
    let mut position = stride - 1;
    let mut floor = 0;
    while let Some([first, second]) = from(text, position).first_chunk::<2>() {
        if !is(*first, DIGIT) && !is(*second, DIGIT) {
            position += stride;
            continue;
        }
        // Wherever in a number the two stand, of the four bytes around them two are digits.
        let around = [before(text, position), *first, *second, at(text, position + 2)];
        if around.iter().filter(|byte| is(**byte, DIGIT)).count() < 2 {
            position += stride;
            continue;
        }
        let middle = position + usize::from(!is_of_row(*first));
        let left = slice(text, floor, middle).iter().rev().take_while(|byte| is_of_row(**byte)).count();
        let right = from(text, middle).iter().take_while(|byte| is_of_row(**byte)).count();
        let (start, end) = (middle - left, middle + right);
        if end - start >= SHORTEST_NUMBER {
            row(text, start, end, on, found)?;
        }
        floor = end;
        position = end + stride - 1;
    }
    ControlFlow::Continue(())
}

/// Looks at each place of a row where a number may begin.
fn row(text: &[u8], start: usize, end: usize, on: Selection, found: &mut impl Sink) -> ControlFlow<()> {
    const FEWEST_DIGITS: usize = 9;
    if slice(text, start, end).iter().filter(|byte| is(**byte, DIGIT)).count() < FEWEST_DIGITS {
        return ControlFlow::Continue(());
    }
    let mut place = start;
    while place < end {
        let find = match at(text, place) {
            b'0'..=b'9' => number(text, place, on),
            b'(' if on.has(Builtin::PhoneNanp) => {
                phone::find_nanp(text, place).map(|end| (Builtin::PhoneNanp, end))
            }
            _ => None,
        };
        if let Some((builtin, end)) = find {
            found(builtin, place, end)?;
            place = end;
        } else {
            place = run_end(text, place, DIGIT).max(place + 1);
        }
    }
    ControlFlow::Continue(())
}

fn number(text: &[u8], start: usize, on: Selection) -> Option<(Builtin, usize)> {
    let find = |builtin, find: fn(&[u8], usize) -> Option<usize>| {
        if on.has(builtin) { find(text, start).map(|end| (builtin, end)) } else { None }
    };
    find(Builtin::Card, card::find)
        .or_else(|| find(Builtin::SsnUs, ssn::find))
        .or_else(|| find(Builtin::PhoneNanp, phone::find_nanp))
}

/// The detectors that are off by default and share no pass: one look at each of their anchors.
fn rarely_wanted(text: &[u8], on: Selection, found: &mut impl Sink) -> ControlFlow<()> {
    if on.has(Builtin::Ipv4) {
        let mut floor = 0;
        for dot in memchr::memchr_iter(b'.', text) {
            let digits = slice(text, dot.saturating_sub(4), dot)
                .iter()
                .rev()
                .take_while(|byte| is(**byte, DIGIT))
                .count();
            if dot < floor || !(1..=3).contains(&digits) {
                continue;
            }
            if let Some(end) = address::find_v4(text, dot - digits) {
                floor = end;
                found(Builtin::Ipv4, dot - digits, end)?;
            }
        }
    }
    if on.has(Builtin::Ipv6) {
        let mut floor = 0;
        for colon in memchr::memchr_iter(b':', text) {
            if colon < floor {
                continue;
            }
            if let Some((start, end)) = address::find_v6(text, colon) {
                floor = end;
                found(Builtin::Ipv6, start, end)?;
            }
        }
    }
    if on.has(Builtin::AssignedSecret) {
        for sign in memchr::memchr2_iter(b'=', b':', text) {
            if let Some((start, end)) = credential::find_assigned(text, sign) {
                found(Builtin::AssignedSecret, start, end)?;
            }
        }
    }
    ControlFlow::Continue(())
}
