//! Lists of attributes read by templates.

use std::hint::cold_path;

use super::attributes::Destination;
use super::either_order::EitherOrder;
use super::nested::{Below, List};
use super::reader::{Reader, Scratch};
use super::sequence::{Followed, read_on};
use super::template::{NONE, Order, Value, Written};
use super::templates::{DEPTHS, NAMES, OTHER, PATIENCE, Templates};
use crate::batch::{AttributeRow, AttributeSource, Keys, SpanBatch};
use crate::json::Cursor;
use crate::json::scan::{Kernel, Vectorized};
use crate::schema::Message;

/// A list of attributes, or of elements, that is being read by templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Whose attributes they are; that of elements of an array is `AnyValue`.
    pub(super) owner: Message,
    /// None as long as nothing was read: what is first in a list has no comma before it.
    pub(super) first: u16,
    pub(super) previous: u16,
    /// Containers that are open round the list.
    pub(super) depth: usize,
    /// Where it is kept what comes first in such lists.
    pub(super) place: u8,
    pub(super) list: u32,
    pub(super) into: Destination,
}

impl Run {
    pub(super) fn new(owner: Message, depth: usize, list: u32, into: Destination) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "there are fewer places")]
        let place = (depth % DEPTHS) as u8;
        Self { owner, first: NONE, previous: NONE, depth, place, list, into }
    }

    /// Attributes of a span with such a name, behind the members `seen`: spans of one name are written by one line of code, and
    /// what comes before their attributes tells writers apart.
    #[inline]
    pub(super) fn of_span(depth: usize, list: u32, name: &[u8], seen: u64) -> Self {
        let word = name.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        let mixed = (word ^ seen).wrapping_add(name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        #[allow(clippy::cast_possible_truncation, reason = "as many bits as places need")]
        let place = (mixed >> (u64::BITS - NAMES.ilog2())) as u8;
        Self { place, ..Self::new(Message::Span, depth, list, Destination::Attributes) }
    }

    /// The elements of an array.
    pub(super) fn of_elements(depth: usize) -> Self {
        Self::new(Message::AnyValue, depth, 0, Destination::Stack)
    }

    /// How what is in the list is laid out, if its key comes first.
    #[inline]
    pub(super) fn order(&self) -> Order {
        if self.owner == Message::AnyValue { Order::Alone } else { Order::KeyFirst }
    }

    #[inline]
    pub(super) fn advance(&mut self, number: u16) {
        if self.first == NONE {
            self.first = number;
        }
        self.previous = number;
    }
}

/// Where the attributes of a list go.
pub(super) struct Sink<'a> {
    pub(super) rows: &'a mut Vec<AttributeRow>,
    /// Where sources are recorded.
    pub(super) row_sources: Option<&'a mut Vec<AttributeSource>>,
    pub(super) keys: &'a mut Keys,
    pub(super) stamps: &'a mut Vec<(u32, u32)>,
    pub(super) made: &'a [u8],
    pub(super) text: &'a [u8],
    pub(super) list: u32,
    into: Destination,
}

impl Sink<'_> {
    /// The same for a while. A reference would keep all of it in memory, and not in registers.
    #[inline]
    pub(super) fn borrowed(&mut self) -> Sink<'_> {
        Sink {
            rows: self.rows,
            row_sources: self.row_sources.as_deref_mut(),
            keys: self.keys,
            stamps: self.stamps,
            ..*self
        }
    }

    /// Gives stamps that lists below took back to the keys.
    #[inline]
    pub(super) fn restore_stamps(&mut self, taken: usize) {
        self.keys.restore_stamps(self.stamps, taken);
    }

    /// Adds the attribute that a template read at `rest`; `key` is its key's id, if the batch has met it. Whether it could.
    #[allow(clippy::inline_always, reason = "measured: values stay in registers")]
    #[inline(always)]
    pub(super) fn put(
        &mut self,
        templates: &mut Templates,
        number: u16,
        key: Option<u32>,
        value: Value,
        rest: &[u8],
    ) -> bool {
        let key = if let Some(key) = key {
            key
        } else {
            cold_path();
            let at = self.text.len() - rest.len();
            let texts = (self.text, self.made);
            let Some(id) = templates.intern(number, self.keys, texts, at, value.content) else {
                return false;
            };
            id
        };
        // A duplicate is the general path's business; it finds this same stamp.
        let before = self.keys.stamp(key, self.list);
        if before == self.list {
            cold_path();
            return false;
        }
        if self.into == Destination::Stack {
            cold_path();
            self.stamps.push((key, before));
        }
        self.rows.push(AttributeRow { key, tag: value.tag, payload: value.payload });
        if let Some(sources) = &mut self.row_sources
            && let Some(template) = templates.get(number)
        {
            cold_path();
            sources.push(template.source(self.text.len() - rest.len(), value.content));
        }
        true
    }
}

/// [`Templates::other`] for one instruction set, out of the way of what is guessed.
struct Other<'a, 'r> {
    templates: &'a mut Templates,
    guess: u16,
    run: Run,
    cursor: &'a Cursor<'r>,
    rest: &'r [u8],
}

impl<'r> Vectorized for Other<'_, 'r> {
    type Output = Option<(u16, u16, Value, &'r [u8])>;

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        self.templates.other(kernel, self.guess, self.run, self.cursor, self.rest)
    }
}

/// [`Reader::templated_attributes`] for one instruction set.
struct Attributes<'a, 'r> {
    reader: &'a mut Reader<'r>,
    run: &'a mut Run,
}

impl Vectorized for Attributes<'_, '_> {
    type Output = (u32, Option<usize>);

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Self::Output {
        self.reader.attributes_by_templates(kernel, self.run)
    }
}

impl Reader<'_> {
    /// Reads attributes as long as templates match, from the list's bracket or the end of an attribute on.
    /// Returns how many were read, and where the list's bracket stands, if it ends there; the cursor is left after the last.
    pub(super) fn templated_attributes(&mut self, run: &mut Run) -> (u32, Option<usize>) {
        // Two levels are opened and closed within.
        if self.options.general_path || self.cursor.depth + 2 > self.cursor.max_depth {
            return (0, self.cursor.closing(self.cursor.at));
        }
        self.cursor.simd.vectorize(Attributes { reader: self, run })
    }

    #[allow(clippy::inline_always, reason = "must be compiled with the instruction set of its caller")]
    #[allow(clippy::too_many_lines, reason = "measured: in parts, values do not stay in registers")]
    #[inline(always)]
    pub(super) fn attributes_by_templates<K: Kernel>(
        &mut self,
        kernel: K,
        run: &mut Run,
    ) -> (u32, Option<usize>) {
        let room = self.options.limits.attributes.saturating_sub(self.items);
        let Self { cursor, batch, scratch, record, .. } = self;
        let (cursor, record) = (&mut *cursor, *record);
        let Scratch { templates, stack, stack_sources, stamps, lists, .. } = &mut **scratch;
        let SpanBatch { attributes, values, keys, made, sources, .. } = &mut **batch;
        let generation = templates.generation;
        let text = cursor.text;
        let (rows, row_sources, mut below) = match run.into {
            Destination::Attributes => {
                let below = Below { stack, stack_sources, values, value_sources: &mut sources.values, lists };
                (attributes, &mut sources.attributes, Some(below))
            }
            Destination::Stack => (stack, stack_sources, None),
        };
        let begin = rows.len();
        let mut limit = begin.saturating_add(room);
        let (list, into) = (run.list, run.into);
        let mut sink =
            Sink { rows, row_sources: record.then_some(row_sources), keys, stamps, made, text, list, into };
        let mut rest = text.get(cursor.at..).unwrap_or_default();
        // In registers: storing halves and loading the whole would stall.
        let Run { owner, depth, place, mut first, mut previous, .. } = *run;
        // Sequences are of lists that are read from their beginning, and take no notes of sources.
        let is_new = first == NONE && into == Destination::Attributes && !record;
        let (mut untried, mut followed) = (is_new, Followed::Not);
        let mut bracket = None;
        while sink.rows.len() < limit {
            // Behind the first alone: of attributes that were read in either order, one may come again in the sequence.
            if untried && first != NONE {
                untried = false;
                if sink.rows.len() == begin + 1 {
                    let room = limit - sink.rows.len();
                    if let Some(read) = read_on(templates, sink.borrowed(), cursor, first, room, rest) {
                        (followed, previous, rest, bracket) =
                            (read.followed, read.last, read.rest, read.bracket);
                    }
                    if bracket.is_some() {
                        break;
                    }
                    continue;
                }
            }
            let guess = templates.guess(owner, place, first, previous);
            // What follows a template is separated from it, and what is first in a list is not: no need to look.
            let number = if let Some(template) = templates.get(guess)
                && template.order == Order::KeyFirst
                && template.with_key.stands_at(kernel, rest)
            {
                if let Some((value, after)) = template.read_key_first(kernel, cursor, rest) {
                    let key = (template.generation == generation).then_some(template.key_id);
                    if !sink.put(templates, guess, key, value, rest) {
                        break;
                    }
                    (rest, previous) = (after, guess);
                    if first == NONE {
                        first = previous;
                    }
                    continue;
                }
                cold_path();
                if !template.shape.is_list() {
                    break;
                }
                guess
            } else {
                cold_path();
                bracket = cursor.closing(text.len() - rest.len());
                if guess == OTHER || bracket.is_some() {
                    break;
                }
                let run = Run { owner, first, previous, depth, place, list, into };
                if templates.both_orders(guess).is_some() {
                    let room = limit - sink.rows.len();
                    let sink = &mut sink.borrowed();
                    let either = EitherOrder { templates, sink, cursor, run, room, rest };
                    let (read, after) = cursor.simd.vectorize(either);
                    if after.len() < rest.len() {
                        (rest, first, previous) = (after, read.first, read.previous);
                        continue;
                    }
                }
                let other = Other { templates, guess, run, cursor, rest };
                if let Some((number, step, value, after)) = cursor.simd.vectorize(other) {
                    let template = templates.get(number).filter(|template| template.generation == generation);
                    let key = template.map(|template| template.key_id);
                    if !sink.put(templates, number, key, value, rest) {
                        break;
                    }
                    (rest, previous) = (after, step);
                    if first == NONE {
                        first = previous;
                    }
                    continue;
                }
                match templates.list_at(kernel, &run, rest) {
                    NONE => break,
                    list => list,
                }
            };
            // What is below the attributes of a list on the stack is the general path's: it came here because of a list that
            // templates could not read, and a second look at each level of nesting would be too many.
            let Some(below) = &mut below else { break };
            let room = limit - sink.rows.len();
            let read = List { templates, below, sink: sink.borrowed(), cursor, number, depth, room, rest };
            let Some((after, items)) = cursor.simd.vectorize(read) else { break };
            limit -= items;
            (rest, previous) = (after, number);
            if first == NONE {
                first = previous;
            }
        }
        let count = sink.rows.len() - begin;
        cursor.at = text.len() - rest.len();
        // Where there was no more room, or an attribute could not be read, that was not looked for.
        let bracket = bracket.or_else(|| cursor.closing(cursor.at));
        if is_new && bracket.is_some() {
            templates.note_list(first, count, followed);
        }
        // The limit came down by what is below them.
        self.items += count + (begin.saturating_add(room) - limit);
        *run = Run { owner, first, previous, depth, place, list, into };
        (u32::try_from(count).unwrap_or(u32::MAX), bracket)
    }

    /// Learns the attribute, or the element, that the general path has just read from `start`, after the one that ended at
    /// `gap`.
    #[cold]
    pub(super) fn learn_attribute(&mut self, run: &mut Run, gap: usize, start: usize) {
        if self.options.general_path {
            return;
        }
        let templates = &mut self.scratch.templates;
        let known = templates.guess(run.owner, run.place, run.first, run.previous);
        if let Some(template) = templates.get(known)
            && template.is_of(self.cursor.slice(gap, self.cursor.at), run.order())
        {
            return run.advance(known);
        }
        // Where nothing can be learned, looking is given up, but for a look now and then.
        if templates.barren >= PATIENCE && !templates.barren.is_multiple_of(PATIENCE) {
            templates.barren = templates.barren.wrapping_add(1);
            run.advance(OTHER);
            return;
        }
        let written = Written { gap, start, end: self.cursor.at, order: run.order(), list: self.last_list };
        let number = templates.learn(self.cursor.text, written);
        let number = if let Some(template) = templates.get(number) {
            self.scratch.learned_feeds |= template.has_feed();
            templates.barren = 0;
            number
        } else {
            templates.barren = templates.barren.wrapping_add(1);
            OTHER
        };
        self.scratch.templates.follow(run, number);
        run.advance(number);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use bytes::Bytes;

    use super::super::templates::slot;
    use super::Run;
    use crate::schema::Field;
    use crate::{DecodeOptions, Decoder, SpanBatch, encode};

    /// Decodes `attributes` of a span: what there is in canonical JSON, and what was found.
    fn decode(decoder: &mut Decoder, attributes: &str) -> (Vec<u8>, Vec<String>) {
        try_decode(decoder, attributes).unwrap()
    }

    /// The same, or why there is nothing.
    fn try_decode(decoder: &mut Decoder, attributes: &str) -> Result<(Vec<u8>, Vec<String>), String> {
        read(decoder, body(attributes))
    }

    /// A request with a span of these attributes.
    pub(in super::super) fn body(attributes: &str) -> String {
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{attributes}]}}]}}]}}]}}"#)
    }

    /// What there is in canonical JSON, and what was found; or why there is nothing.
    pub(in super::super) fn read(
        decoder: &mut Decoder,
        body: impl Into<Bytes>,
    ) -> Result<(Vec<u8>, Vec<String>), String> {
        let mut batch = SpanBatch::new();
        decoder.decode(body, &mut batch).map_err(|error| error.to_string())?;
        Ok((encode(&batch), batch.diagnostics().map(|diagnostic| diagnostic.to_string()).collect()))
    }

    /// How many templates a decoder has after it has decoded `attributes` several times.
    fn known(decoder: &mut Decoder, attributes: &str) -> usize {
        for _ in 0..3 {
            decode(decoder, attributes);
        }
        decoder.scratch.templates.count()
    }

    #[test]
    fn an_element_among_attributes_is_no_element_where_guesses_share_a_place() {
        let general = DecodeOptions::default().with_general_path(true);
        let string = |key: u16| format!(r#"{{"key":"k{key}","value":{{"stringValue":"a"}}}}"#);
        let list =
            |values: &str| format!(r#"{{"key":"l","value":{{"kvlistValue":{{"values":[{values}]}}}}}}"#);
        let elements = r#"{"intValue":1},{"stringValue":"a"},{"intValue":1}"#;
        // The first element, the second, which the third follows; then those of the list that they are in.
        let (first, second) = (1, 2);
        let pairs = (6..200_u16).flat_map(|previous| (previous + 1..200).map(move |first| (first, previous)));
        let mut tried = 0;
        for (other, previous) in
            pairs.filter(|(other, previous)| slot(*other, *previous) == slot(first, second))
        {
            let mut decoder = Decoder::default();
            let array = format!(r#"{{"key":"a","value":{{"arrayValue":{{"values":[{elements}]}}}}}}"#);
            assert_eq!(known(&mut decoder, &array), 4);
            // One of each number, without a comma before it and with one.
            let fillers: Vec<_> = (5..other).map(string).collect();
            assert_eq!(known(&mut decoder, &fillers.join(",")), usize::from(other) - 1);
            assert_eq!(known(&mut decoder, &string(other)), usize::from(other));
            let both = format!("{},{}", string(other), string(previous));
            known(&mut decoder, &list(&both));
            let among = format!(r#"{both},{{"intValue":1}}"#);
            for attributes in [among.clone(), list(&among)] {
                let expected = decode(&mut Decoder::new(general), &attributes);
                assert!(!expected.1.is_empty());
                assert_eq!(decode(&mut decoder, &attributes), expected, "{other} {previous}");
            }
            tried += 1;
        }
        assert!(tried > 0);
    }

    /// Who comes after a writer of another layout is not read as an exception to that one.
    #[test]
    fn what_follows_is_guessed_in_the_layout_of_the_writer_who_came_last() {
        let mut decoder = Decoder::default();
        let list = |colon: &str| {
            let one = |key| format!(r#"{{"key"{colon}"{key}","value":{{"stringValue":"v"}}}}"#);
            ["a", "b", "c", "d", "e"].map(one).join(",")
        };
        for colon in [":", " : ", ":", ": ", " : ", ":"] {
            for _ in 0..2 {
                decode(&mut decoder, &list(colon));
            }
            let templates = &decoder.scratch.templates;
            let mut run = Run::of_span(7, 0, b"", Field::Attributes.bit());
            for key in ["a", "b", "c", "d", "e"] {
                let number = templates.guess(run.owner, run.place, run.first, run.previous);
                let text = templates.get(number).unwrap().with_key.text();
                let text = std::str::from_utf8(text).unwrap();
                assert!(text.contains(&format!(r#""key"{colon}"{key}""#)), "{colon:?} {key}: {text}");
                run.advance(number);
            }
        }
    }

    #[test]
    fn a_list_ends_at_its_bracket_behind_white_space_alone() {
        let general = DecodeOptions::default().with_general_path(true);
        let attribute = r#"{"key":"k","value":{"stringValue":"a"}}"#;
        let kvlist = |values: &str| {
            format!(r#"{{"key":"l","value":{{"kvlistValue":{{"values":[{attribute}{values}]}}}}}}"#)
        };
        let mut ends = 0;
        for gap in
            ["", " ", "\n", "\r\n\t  ", "\n                    ", ",", " ,\n", "\u{b}", " \u{a0}", "x", "]"]
        {
            let mut decoder = Decoder::default();
            for list in [format!("{attribute}{gap}"), kvlist(gap), format!("{}{gap}", kvlist(gap))] {
                // What was learned without a gap, then with it.
                for _ in 0..3 {
                    read(&mut decoder, body(attribute)).unwrap();
                    let expected = try_decode(&mut Decoder::new(general), &list);
                    assert_eq!(try_decode(&mut decoder, &list), expected, "{list:?}");
                    ends += usize::from(expected.is_ok());
                }
            }
        }
        assert_eq!(ends, 5 * 3 * 3);
    }

    #[test]
    fn a_list_behind_an_element_that_is_no_attribute_needs_its_comma() {
        let general = DecodeOptions::default().with_general_path(true);
        for value in [
            r#"{"arrayValue":{"values":[{"stringValue":"a"}]}}"#,
            r#"{"arrayValue":{"values":[]}}"#,
            r#"{"kvlistValue":{"values":[{"key":"k","value":{"intValue":"1"}}]}}"#,
            r#"{"stringValue":"a"}"#,
        ] {
            let mut decoder = Decoder::default();
            let attribute = format!(r#"{{"key":"l","value":{value}}}"#);
            known(&mut decoder, &attribute);
            for before in ["1", "null", "\"s\"", "[]", "{}", ""] {
                for comma in ["", ",", ",,"] {
                    let attributes = format!("{before}{comma}{attribute}");
                    let expected = try_decode(&mut Decoder::new(general), &attributes);
                    assert_eq!(try_decode(&mut decoder, &attributes), expected, "{attributes}");
                    assert_eq!(expected.is_ok(), comma == if before.is_empty() { "" } else { "," });
                }
            }
        }
    }

    #[test]
    fn what_is_written_otherwise_is_learned() {
        let mut decoder = Decoder::default();
        let first = r#"{"key":"a","value":{"intValue":1}}"#;
        // Each next one begins as one before does, or ends as it does, and is another all the same.
        for (count, second) in [
            r#"{"key":"b","value":{"intValue":1}}"#,
            r#"{"key":"b","value":{"intValue":"1"}}"#,
            r#"{"key":"b","value":{"doubleValue":1}}"#,
            r#"{"key":"b","value":{"intValue": 1}}"#,
            r#"{"key":"b","value":{"intValue":1} }"#,
            r#"{"key":"b","value":{"intValue":1 }}"#,
            r#"{"key":"b","value":{"boolValue":true}}"#,
            r#"{"key":"b","value":{"boolValue": true}}"#,
            r#"{"key":"b","value":{"stringValue":"1"}}"#,
            r#"{"value":{"stringValue":"1"},"key":"b"}"#,
            r#"{"key":"b","value":{"arrayValue":{"values":[]}}}"#,
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(known(&mut decoder, &format!("{first},{second}")), count + 2, "{second}");
        }
        let elements = r#"{"key":"b","value":{"arrayValue":{"values":[{"intValue":1},{"intValue":"1"},{"intValue":1}]}}}"#;
        assert_eq!(known(&mut decoder, &format!("{first},{elements}")), 15);
    }
}
