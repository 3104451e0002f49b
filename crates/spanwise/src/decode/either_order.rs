//! Attributes of a writer that puts key and value in whichever order comes, as one does that walks a hash map.
//!
//! Asking of each attribute which of the two it is would be a branch that no processor foresees. Both templates of the key are
//! compared, and what follows is that of the one that stands there: addresses and lengths are chosen, not branches.

use std::hint::{cold_path, select_unpredictable};

use super::template::{self, Template};
use super::templated::{Run, Sink};
use super::templates::Templates;
use crate::json::Cursor;
use crate::json::scan::{Kernel, Vectorized};

/// So many keys in a row that come before their values are no chance.
const STRAIGHT: usize = 64;

/// The rest of a list in which both orders were met. Stops at the first attribute that is anything else, or that has not been met
/// in both orders; it is read by those who know more.
pub(super) struct EitherOrder<'l, 's, 'r> {
    pub(super) templates: &'l mut Templates,
    pub(super) sink: &'l mut Sink<'s>,
    pub(super) cursor: &'l Cursor<'r>,
    pub(super) run: Run,
    /// Attributes there may be yet.
    pub(super) room: usize,
    pub(super) rest: &'r [u8],
}

impl<'r> Vectorized for EitherOrder<'_, '_, 'r> {
    /// How far the list has come, and what stands after that.
    type Output = (Run, &'r [u8]);

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        let Self { templates, sink, cursor, mut run, room, mut rest } = self;
        let generation = templates.generation;
        let (begin, mut count, mut is_straight) = (run, 0, true);
        for _ in 0..room {
            let guess = templates.guess(run.owner, run.place, run.first, run.previous);
            let Some((key_first, value_first)) = templates.both_orders(guess) else { break };
            let (Some(by_key), Some(by_value)) = (templates.get(key_first), templates.get(value_first))
            else {
                break;
            };
            let Some((is_by_key, head)) = begins(kernel, by_key, by_value, rest) else { break };
            let Some(content) = rest.get(head..) else { break };
            // Templates of one key in two orders are of one shape, too.
            let Some(value) = template::read_content(kernel, cursor, by_key.shape, content) else { break };
            let Some(tail) = content.get(value.content..) else { break };
            let Some(window) = tail.first_chunk::<64>() else { break };
            let (key_tail, value_tail) = (&by_key.without_key, &by_value.with_key);
            let end = select_unpredictable(is_by_key, key_tail.len(), value_tail.len());
            let block = select_unpredictable(is_by_key, key_tail.block(), value_tail.block());
            if end > 64 || !kernel.begin_alike_64(block, window, end) {
                break;
            }
            let Some(after) = tail.get(end..) else { break };
            let number = select_unpredictable(is_by_key, key_first, value_first);
            let template = select_unpredictable(is_by_key, by_key, by_value);
            let key = (template.generation == generation).then_some(template.key_id);
            if !sink.put(templates, number, key, value, rest) {
                break;
            }
            rest = after;
            run.advance(guess);
            count += 1;
            is_straight &= is_by_key;
        }
        templates.note_order(begin, count, is_straight);
        (run, rest)
    }
}

impl Templates {
    /// Notes whether from `begin` on all keys of `count` attributes came before their values. Where that was so for a while, the writer
    /// is another than the one who puts them in either order, and its lists are guessed as it writes them from now on.
    #[inline]
    fn note_order(&mut self, begin: Run, count: usize, is_straight: bool) {
        if !is_straight {
            self.straight = 0;
            return;
        }
        cold_path();
        self.straight = self.straight.saturating_add(count);
        if self.straight >= STRAIGHT {
            self.straighten(begin, count);
        }
    }

    /// Guesses the templates whose keys come first, where they or those whose values do were guessed.
    #[inline(never)]
    fn straighten(&mut self, begin: Run, count: usize) {
        let (mut guessed, mut written) = (begin, begin);
        for _ in 0..count {
            let guess = self.guess(guessed.owner, guessed.place, guessed.first, guessed.previous);
            let Some((key_first, _)) = self.both_orders(guess) else { break };
            self.follow(&written, key_first);
            guessed.advance(guess);
            written.advance(key_first);
        }
    }
}

/// Whether it is the one whose key comes first that stands at `rest`, and the length of what stands before its content. `None`
/// where neither does.
#[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
#[inline(always)]
fn begins<K: Kernel>(
    kernel: K,
    by_key: &Template,
    by_value: &Template,
    rest: &[u8],
) -> Option<(bool, usize)> {
    let window = rest.first_chunk::<64>()?;
    let (key, value) = (&by_key.with_key, &by_value.without_key);
    let is_by_key = kernel.begin_alike_64(key.block(), window, key.len());
    // Both are asked, whatever the first says.
    let is_by_value = kernel.begin_alike_64(value.block(), window, value.len());
    if !(is_by_key | is_by_value) {
        return None;
    }
    if is_by_key && key.len() > 64 {
        cold_path();
        key.stands_at(kernel, rest).then_some(())?;
    }
    Some((is_by_key, select_unpredictable(is_by_key, key.len(), value.len())))
}

#[cfg(test)]
mod tests {
    use super::super::templated::tests::{body, read};
    use super::STRAIGHT;
    use crate::{DecodeOptions, Decoder, Simd};

    const KEYS: [&str; 5] = [
        r#""a""#,
        r#""messaging.destination.partition.id.of.the.queue""#,
        r#""b.c""#,
        r#""an.attribute.whose.name.alone.is.longer.than.a.block.is.and.which.is.read.otherwise""#,
        r#""d""#,
    ];
    const VALUES: [&str; 5] = [
        r#"{"stringValue":"x"}"#,
        r#"{"stringValue":"one that is longer than thirty-two bytes, and has \"escapes\""}"#,
        r#"{"intValue":"17"}"#,
        r#"{"doubleValue":1.5}"#,
        r#"{"boolValue":true}"#,
    ];

    /// Attributes in the orders that the bits of `orders` say.
    fn attributes(orders: u32) -> String {
        let pairs = KEYS.iter().zip(VALUES).enumerate();
        let written = pairs.map(|(index, (key, value))| match orders >> index & 1 {
            0 => format!(r#"{{"key":{key},"value":{value}}}"#),
            _ => format!(r#"{{"value":{value},"key":{key}}}"#),
        });
        written.collect::<Vec<_>>().join(",")
    }

    /// Every decoder that has met all attributes in all orders.
    fn warm() -> impl Iterator<Item = Decoder> {
        Simd::available().into_iter().map(|simd| {
            let mut decoder = Decoder::new(DecodeOptions::default().with_simd(simd));
            for _ in 0..3 {
                for orders in 0..1 << KEYS.len() {
                    read(&mut decoder, body(&attributes(orders))).unwrap();
                }
            }
            decoder
        })
    }

    #[test]
    fn attributes_in_either_order_are_what_the_general_path_reads() {
        let mut general = Decoder::new(DecodeOptions::default().with_general_path(true));
        let mut bodies = Vec::new();
        for orders in 0..1 << KEYS.len() {
            let plain = attributes(orders);
            bodies.push(body(&plain));
            // A key that comes again, in either order.
            bodies.push(body(&format!("{plain},{}", attributes(!orders))));
            bodies.push(body(&format!(r#"{plain},{{"value":{},"key":"a"}}"#, VALUES[0])));
            // Other keys, values and elements among them.
            let others = [
                r#"{"value":{"stringValue":"y"},"key":"met.for.the.first.time"}"#,
                r#"{"value":{"intValue":"1"},"key":"a"}"#,
                r#"{"value":{"stringValue":"y"},"key":"a" }"#,
                r#"{"value":{"stringValue":"y"},"key":"a\u0062"}"#,
                r#"{"value":{"stringValue":"y"}}"#,
                r#"{"stringValue":"y"}"#,
                "7",
            ];
            bodies.extend(others.map(|other| body(&format!("{other},{plain}"))));
            bodies.extend(others.map(|other| body(&format!("{plain},{other}"))));
        }
        for mut decoder in warm() {
            for body in &bodies {
                let expected = read(&mut general, body.clone());
                assert_eq!(read(&mut decoder, body.clone()), expected, "{body}");
            }
        }
    }

    /// Who comes after a writer of either order is not read as that one was.
    #[test]
    fn a_writer_whose_keys_come_first_is_guessed_so_again() {
        let straight = |decoder: &Decoder| decoder.scratch.templates.straight;
        for mut decoder in warm() {
            assert!(straight(&decoder) < STRAIGHT);
            let ordered = body(&attributes(0));
            for _ in 0..STRAIGHT {
                read(&mut decoder, ordered.clone()).unwrap();
            }
            // It was counted until it was believed, and is not any more: such a list is not looked at for both orders.
            let counted = straight(&decoder);
            assert!((STRAIGHT..STRAIGHT + KEYS.len()).contains(&counted), "{counted}");
            read(&mut decoder, body(&attributes(0b10101))).unwrap();
            read(&mut decoder, body(&attributes(0b10101))).unwrap();
            assert!(straight(&decoder) < STRAIGHT);
        }
    }

    #[test]
    fn where_it_breaks_off_or_is_damaged_the_general_path_says_what_is_wrong() {
        let mut general = Decoder::new(DecodeOptions::default().with_general_path(true));
        let whole = body(&attributes(0b01101)).into_bytes();
        let (start, end) = (40, whole.len());
        for mut decoder in warm() {
            for at in start..end {
                let cut = || whole[..at].to_vec();
                assert_eq!(read(&mut decoder, cut()), read(&mut general, cut()), "{at}");
                for byte in [b'"', b'\\', b'}', b' ', b'x', b'\n', 0xff] {
                    let mut damaged = whole.clone();
                    damaged[at] = byte;
                    let expected = read(&mut general, damaged.clone());
                    assert_eq!(read(&mut decoder, damaged), expected, "{at} {byte}");
                }
            }
        }
    }
}
