//! JSON with pieces replaced or cut out, and every other byte as it was.
//!
//! Untouched bytes are copied in runs. A member or an element that is cut out takes one comma with it, whichever of its
//! neighbours stay. The cuts come from tables, not from the text, so they come in any order, and one may lie within
//! another: then the outer one alone counts.

use std::ops::Range;

/// What becomes of a range of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is a member or an element, and goes with a comma.
    Cut,
    /// A piece of what is put in stands in its place.
    Put(PutIn),
}

/// A range of the bytes that are put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PutIn {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A range of the input and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Splice {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) change: Change,
}

impl Splice {
    /// Whether it begins on one side of an end of `range`, and ends on the other.
    pub(crate) fn lies_across(&self, range: &Range<usize>) -> bool {
        [range.start, range.end].iter().any(|end| self.start < *end && *end < self.end)
    }
}

/// Writes `range` of `input` behind `out`, with `splices` carried out. They are put in order first.
///
/// Costs a copy of what stays, and sorting.
pub(crate) fn splice(
    input: &[u8],
    range: Range<usize>,
    splices: &mut [Splice],
    put_in: &[u8],
    out: &mut Vec<u8>,
) {
    // Outer before inner, and of two for the same range the one that takes more.
    splices.sort_unstable_by_key(|splice| {
        (splice.start, std::cmp::Reverse(splice.end), matches!(splice.change, Change::Put(_)))
    });
    let begin = out.len();
    let mut copied = range.start;
    for splice in splices.iter() {
        if splice.start < copied || splice.end > range.end {
            continue;
        }
        out.extend_from_slice(input.get(copied..splice.start).unwrap_or_default());
        copied = splice.end;
        match splice.change {
            Change::Put(at) => out.extend_from_slice(put_in.get(at.start..at.end).unwrap_or_default()),
            Change::Cut => match next_token(input, splice.end, range.end) {
                Some((b',', comma)) => copied = comma + 1,
                _ => take_comma_back(out, begin),
            },
        }
    }
    out.extend_from_slice(input.get(copied..range.end).unwrap_or_default());
}

/// Whether it is white space between tokens (RFC 8259, section 2).
pub(crate) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The first byte from `at` on that is no white space, and where it stands.
fn next_token(input: &[u8], at: usize, end: usize) -> Option<(u8, usize)> {
    let rest = input.get(at..end)?;
    let blank = rest.iter().take_while(|byte| is_white(**byte)).count();
    rest.get(blank).map(|byte| (*byte, at + blank))
}

/// Takes the comma away that stands last behind `begin`, with the white space after it.
fn take_comma_back(out: &mut Vec<u8>, begin: usize) {
    let written = out.get(begin..).unwrap_or_default();
    let blank = written.iter().rev().take_while(|byte| is_white(**byte)).count();
    let last = written.len() - blank;
    if last > 0 && written.get(last - 1) == Some(&b',') {
        out.truncate(begin + last - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts out whatever stands between `<` and `>`, and puts an `X` in the place of `^`.
    fn spliced(marked: &str) -> String {
        let mut input = Vec::new();
        let mut splices = Vec::new();
        let mut open = Vec::new();
        for byte in marked.bytes() {
            match byte {
                b'<' => open.push(input.len()),
                b'>' => {
                    let start = open.pop().unwrap();
                    splices.push(Splice { start, end: input.len(), change: Change::Cut });
                }
                b'^' => {
                    let change = Change::Put(PutIn { start: 1, end: 2 });
                    splices.push(Splice { start: input.len(), end: input.len() + 1, change });
                    input.push(b'0');
                }
                _ => input.push(byte),
            }
        }
        let mut out = b"before,".to_vec();
        splice(&input, 0..input.len(), &mut splices, b"_X_", &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before,").unwrap().to_owned()
    }

    #[test]
    fn a_cut_takes_one_comma() {
        for (marked, expected) in [
            ("[1,2]", "[1,2]"),
            ("[<1>,2]", "[2]"),
            ("[1,<2>]", "[1]"),
            ("[1,<2>,3]", "[1,3]"),
            ("[<1>,<2>]", "[]"),
            ("[1,<2>,<3>]", "[1]"),
            ("[<1>,<2>,3]", "[3]"),
            ("[<1>]", "[]"),
            ("[ 1 , <2> ]", "[ 1  ]"),
            ("[ <1> , 2 ]", "[  2 ]"),
            ("[\n  1,\n  <2>\n]", "[\n  1\n]"),
            ("[<1<2>>,3]", "[3]"),
            ("{\"a\":^,<\"b\":1>}", "{\"a\":X}"),
            ("[^,<^>,^]", "[X,X]"),
            ("<1>", ""),
        ] {
            assert_eq!(spliced(marked), expected, "{marked}");
        }
    }
}
