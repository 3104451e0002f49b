//! Whole lists of attributes, as they came the last time.
//!
//! A writer gives the spans of one kind the same attributes in the same order. What followed a list's first template the last
//! time is kept, and read behind it without a guess for each: no two of its keys are the same, so no stamps are taken either,
//! unless the list goes on another way.

use std::hint::cold_path;

use super::template::{NONE, Order};
use super::templated::Sink;
use super::templates::{Templates, slot};
use crate::batch::{AttributeRow, ValueTag};
use crate::json::Cursor;
use crate::json::scan::{Kernel, Vectorized};

/// Attributes of a sequence, at most; those behind are guessed one by one.
const MOST: usize = 30;
/// A shorter one is not worth the call.
const LEAST: usize = 3;
/// Sequences that are kept.
pub(super) const SEQUENCES: usize = 64;
/// Lists in a row that went another way, after which a sequence is tried for one in some 250.
const FAILURES: u8 = 8;

/// What a row is before it is read.
const NO_ROW: AttributeRow = AttributeRow { key: 0, tag: ValueTag::Empty, payload: 0 };

/// The templates of a list, in their order. INVARIANT: no two of the same key, that of the first included; each key stands before
/// its value, and a comma before each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sequence {
    first: u16,
    len: u8,
    failures: u8,
    /// What follows cannot be part of it.
    is_closed: bool,
    then: [u16; MOST],
}

/// How far a list went as its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// Another way, or none is known.
    Not,
    /// To the sequence's end.
    Whole,
    /// As far as there was room.
    Cut,
}

/// What was read of a list by its sequence.
pub(super) struct ReadOn<'r> {
    pub(super) followed: Followed,
    /// The template of the last attribute.
    pub(super) last: u16,
    /// What stands after it.
    pub(super) rest: &'r [u8],
    /// Where the list's bracket stands, if it ends there.
    pub(super) bracket: Option<usize>,
}

impl Sequence {
    /// The templates behind the first.
    #[inline]
    fn then(&self) -> &[u16] {
        self.then.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The last template where so many behind the first were read.
    #[inline]
    fn last(&self, count: usize) -> u16 {
        self.then.get(count.wrapping_sub(1)).map_or(self.first, |number| *number)
    }
}

impl Templates {
    /// What is likely to follow the template `first`, which began a list.
    #[inline]
    fn sequence(&mut self, first: u16) -> Option<Sequence> {
        let known = self.sequences.get_mut(usize::from(first) % SEQUENCES)?;
        if known.first != first || usize::from(known.len) < LEAST {
            return None;
        }
        if known.failures >= FAILURES {
            cold_path();
            known.failures = known.failures.wrapping_add(1).max(FAILURES);
            if known.failures != u8::MAX {
                return None;
            }
        }
        Some(*known)
    }

    /// Notes that a list of `count` attributes, which began with `first`, is at its end. What is guessed by now becomes its sequence,
    /// where that is another or longer.
    #[inline]
    pub(super) fn note_list(&mut self, first: u16, count: usize, followed: Followed) {
        if count <= LEAST {
            return;
        }
        if let Some(known) = self.sequences.get_mut(usize::from(first) % SEQUENCES)
            && known.first == first
        {
            if followed == Followed::Not {
                // One that comes in between, as where two kinds of lists alternate.
                if known.failures == 0 {
                    known.failures = 1;
                    return;
                }
            } else {
                known.failures = 0;
                if followed == Followed::Cut || known.is_closed || count <= usize::from(known.len) + 1 {
                    return;
                }
            }
        }
        self.learn_sequence(first, count - 1);
    }

    /// Makes what is guessed by now the sequence of lists that begin with `first`.
    #[inline(never)]
    fn learn_sequence(&mut self, first: u16, count: usize) {
        let place = usize::from(first) % SEQUENCES;
        let Some(known) = self.sequences.get_mut(place) else { return };
        let failures = match known.failures {
            _ if known.first != first => 0,
            // It was tried again: another may be followed from now on.
            u8::MAX => FAILURES - 1,
            failures => failures + 1,
        };
        if failures > FAILURES {
            return;
        }
        let mut sequence = Sequence { first, failures, is_closed: count > MOST, ..Sequence::default() };
        let mut previous = first;
        for _ in 0..count.min(MOST) {
            let next = self.follows.get(slot(first, previous)).map_or(NONE, |guesses| guesses[0]);
            let Some(template) = self.get(next) else { break };
            let has = |number: &u16| self.get(*number).is_none_or(|it| it.key_hash == template.key_hash);
            let is_simple = template.order == Order::KeyFirst && !template.shape.is_list();
            if !is_simple || !template.separated || has(&first) || sequence.then().iter().any(has) {
                sequence.is_closed = true;
                break;
            }
            if let Some(step) = sequence.then.get_mut(usize::from(sequence.len)) {
                (*step, previous) = (next, next);
                sequence.len += 1;
            }
        }
        if let Some(known) = self.sequences.get_mut(place) {
            *known = sequence;
        }
    }
}

/// Reads attributes behind the first of a list, whose template is `first`, as long as they are those of its sequence, and `room` of
/// them at most.
#[allow(
    clippy::inline_always,
    reason = "measured: what is handed on would be copied, and wait until it is written"
)]
#[inline(always)]
pub(super) fn read_on<'r>(
    templates: &mut Templates,
    sink: Sink<'_>,
    cursor: &Cursor<'r>,
    first: u16,
    room: usize,
    rest: &'r [u8],
) -> Option<ReadOn<'r>> {
    let sequence = &templates.sequence(first)?;
    // No room is made: where a list goes on another way, a warm decode would allocate.
    let room = room.min(sink.rows.capacity() - sink.rows.len());
    let (count, rest, bracket) =
        cursor.simd.vectorize(Steps { templates, sink, cursor, sequence, room, rest });
    let followed = match count {
        count if count == sequence.then().len() => Followed::Whole,
        count if count == room => Followed::Cut,
        _ => Followed::Not,
    };
    Some(ReadOn { followed, last: sequence.last(count), rest, bracket })
}

struct Steps<'l, 'r> {
    templates: &'l mut Templates,
    sink: Sink<'l>,
    cursor: &'l Cursor<'r>,
    sequence: &'l Sequence,
    room: usize,
    rest: &'r [u8],
}

impl<'r> Vectorized for Steps<'_, 'r> {
    /// How many were read, what stands after them, and where the list's bracket does, if it ends there.
    type Output = (usize, &'r [u8], Option<usize>);

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        let Self { templates, sink, cursor, sequence, room, mut rest } = self;
        let generation = templates.generation;
        // Where they are to lie: no look for room for each, and nothing is copied that was just written.
        let begin = sink.rows.len();
        sink.rows.resize(begin + sequence.then().len().min(room), NO_ROW);
        let mut count = 0;
        for (row, number) in sink.rows.get_mut(begin..).unwrap_or_default().iter_mut().zip(sequence.then()) {
            let Some(template) = templates.get(*number) else { break };
            // Within a window, whose length is known, comparing takes no looks at how far the input goes.
            let window = rest.first_chunk();
            let stands = match window {
                Some(window) => template.with_key.stands_at(kernel, window),
                None => template.with_key.stands_at(kernel, rest),
            };
            if !stands {
                break;
            }
            let read = match window {
                Some(window) => template.read_short_string(kernel, cursor.text, rest, window),
                None => None,
            };
            let read = match read {
                None => template.read_key_first(kernel, cursor, rest),
                read => read,
            };
            let Some((value, after)) = read else { break };
            let key = if template.generation == generation {
                template.key_id
            } else {
                cold_path();
                let at = sink.text.len() - rest.len();
                match templates.intern(*number, sink.keys, (sink.text, sink.made), at, value.content) {
                    Some(id) => id,
                    None => break,
                }
            };
            *row = AttributeRow { key, tag: value.tag, payload: value.payload };
            rest = after;
            count += 1;
        }
        sink.rows.truncate(begin + count);
        let bracket = cursor.closing(cursor.text.len() - rest.len());
        if bracket.is_none() {
            cold_path();
            for row in sink.rows.get(begin..).unwrap_or_default() {
                sink.keys.stamp(row.key, sink.list);
            }
        }
        (count, rest, bracket)
    }
}

#[cfg(test)]
mod tests {
    use super::super::templated::tests::{body, read};
    use super::*;
    use crate::{DecodeOptions, Decoder, Limits};

    fn attribute(key: &str, value: &str) -> String {
        format!(r#"{{"key":"{key}","value":{value}}}"#)
    }

    /// Attributes of these keys, whose values differ from list to list.
    fn list(keys: &str, turn: usize) -> String {
        let value = |place: usize| match (place + turn) % 3 {
            0 => format!(r#"{{"stringValue":"{}"}}"#, "v".repeat(17 * turn % 60)),
            1 => r#"{"stringValue":"a\nb"}"#.to_owned(),
            _ => format!(r#"{{"stringValue":"{turn}"}}"#),
        };
        let all = keys.chars().enumerate().map(|(place, key)| attribute(&key.to_string(), &value(place)));
        all.collect::<Vec<_>>().join(",")
    }

    /// The sequence behind the first template, as long as it is.
    fn learned(decoder: &mut Decoder, first: u16) -> usize {
        decoder.scratch.templates.sequence(first).map_or(0, |sequence| sequence.then().len())
    }

    /// Whatever list came before, each is read as the general path reads it.
    #[test]
    fn lists_that_go_another_way_are_read_as_without_sequences() {
        let general = DecodeOptions::default().with_general_path(true);
        for limit in [100, 7, 4, 3] {
            let limits = Limits { attributes: limit, ..Limits::default() };
            let mut decoder = Decoder::new(DecodeOptions::default().with_limits(limits));
            for turn in 0..3 {
                read(&mut decoder, body(&list("abcdefg", turn))).ok();
            }
            if limit == 100 {
                assert_eq!(learned(&mut decoder, 1), 6);
            }
            for keys in [
                "abcdefg",
                "abcdefga",
                "abcdefgb",
                "abcb",
                "abcdb",
                "abcxb",
                "abcdefgh",
                "abc",
                "a",
                "ab",
                "abcdxfg",
                "aabcdefg",
                "abbcdefg",
                "bcdefg",
                "abcdefgfedcb",
                "abcdefg",
            ] {
                for turn in 0..5 {
                    let body = body(&list(keys, turn));
                    let expected = read(&mut Decoder::new(general.with_limits(limits)), body.clone());
                    assert_eq!(read(&mut decoder, body), expected, "{keys} {turn} {limit}");
                }
            }
        }
    }

    /// Attributes that were read in either order, before the sequence, are not among those whose keys are known to differ.
    #[test]
    fn a_key_that_was_read_in_either_order_is_not_read_again() {
        let value_first = |keys: &str| {
            let all = keys.chars().map(|key| format!(r#"{{"value":{{"stringValue":"v"}},"key":"{key}"}}"#));
            all.collect::<Vec<_>>().join(",")
        };
        let key_first = |keys: &str| {
            let all = keys.chars().map(|key| attribute(&key.to_string(), r#"{"stringValue":"v"}"#));
            all.collect::<Vec<_>>().join(",")
        };
        let general = DecodeOptions::default().with_general_path(true);
        let mut found = 0;
        for again in "bcdefg".chars() {
            let mut decoder = Decoder::default();
            for keys in ["abcdefg".to_owned(), format!("a{again}")] {
                for order in [&value_first as &dyn Fn(&str) -> String, &key_first] {
                    (0..3).for_each(|_| drop(read(&mut decoder, body(&order(&keys))).unwrap()));
                }
            }
            let begin = format!("a{again}");
            for begin in [key_first(&begin), value_first(&begin)] {
                let twice = format!("{begin},{}", key_first("bcdefg"));
                let expected = read(&mut Decoder::new(general), body(&twice));
                found +=
                    usize::from(expected.as_ref().is_ok_and(|(_, found)| found[0].contains("duplicate")));
                assert_eq!(read(&mut decoder, body(&twice)), expected, "{twice}");
            }
        }
        assert_eq!(found, 12);
    }

    #[test]
    fn no_key_is_twice_in_a_sequence() {
        let mut decoder = Decoder::default();
        // A list that is read, with a finding, up to the second `b`, and goes on by templates.
        for turn in 0..4 {
            read(&mut decoder, body(&list("abcdbef", turn))).unwrap();
            read(&mut decoder, body(&list("abcdb", turn))).unwrap();
        }
        let found = read(&mut decoder, body(&list("abcdb", 0))).unwrap().1;
        assert_eq!(found.iter().filter(|found| found.contains("attribute-key-duplicate")).count(), 1);
    }

    #[test]
    fn a_sequence_is_given_up_where_lists_seldom_follow_it_and_tried_again() {
        let mut decoder = Decoder::default();
        let read = |decoder: &mut _, keys: &str| drop(read(decoder, body(&list(keys, 0))).unwrap());
        read(&mut decoder, "abcdefgh");
        // Lists that alternate leave it as it is.
        for _ in 0..FAILURES {
            for keys in ["acegbdfh", "abcdefgh"] {
                read(&mut decoder, keys);
            }
        }
        assert_eq!(learned(&mut decoder, 1), 7);
        for _ in 0..FAILURES {
            for keys in ["acegbdfh", "abdcehgf", "ahgfedcb"] {
                read(&mut decoder, keys);
            }
        }
        assert_eq!(learned(&mut decoder, 1), 0);
        (0..300).for_each(|_| read(&mut decoder, "abcdefgh"));
        assert_eq!(learned(&mut decoder, 1), 7);
    }
}
