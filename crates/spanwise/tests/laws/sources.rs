//! Strings are borrowed from the input, and no byte of the user's is lost sight of: what redaction stands on.
//!
//! Where sources are recorded, every string of a document that is no word of the schema lies within the source of a row,
//! within the text of an id, or within the residue.

use std::borrow::Cow;

use proptest::prelude::*;
use spanwise::{ByteRange, Mode, Rows, SpanBatch, SpanRow, Text, TextKind};
use spanwise_testgen::{Dialect, Made, document};

use super::{any_input, entropy, fresh, options, runs};

/// The texts of all ids.
fn ids(batch: &SpanBatch) -> impl Iterator<Item = Text> + '_ {
    let of_links = |row: &SpanRow| {
        let links = row.links.start as usize..(row.links.start + row.links.len) as usize;
        batch.link_rows()[links].iter().flat_map(|link| [link.trace_id.text, link.span_id.text])
    };
    batch.span_rows().iter().flat_map(move |row| {
        [row.trace_id.text, row.span_id.text, row.parent_span_id.text].into_iter().chain(of_links(row))
    })
}

/// The ranges that redaction can reach.
fn reachable(batch: &SpanBatch) -> Vec<ByteRange> {
    let sources = batch.sources();
    let mut ranges: Vec<ByteRange> = batch.residue().to_vec();
    let mut attributes = |rows: Rows| {
        let rows = rows.start as usize..(rows.start + rows.len) as usize;
        ranges.extend(sources.attributes[rows].iter().flat_map(|source| [source.key, source.value]));
    };
    for row in batch.resource_rows() {
        attributes(row.attributes);
    }
    for row in batch.scope_rows() {
        attributes(row.attributes);
    }
    for row in batch.span_rows() {
        attributes(row.attributes);
        let events = row.events.start as usize..(row.events.start + row.events.len) as usize;
        for event in &batch.event_rows()[events] {
            attributes(event.attributes);
        }
        let links = row.links.start as usize..(row.links.start + row.links.len) as usize;
        for link in &batch.link_rows()[links] {
            attributes(link.attributes);
        }
    }
    // The texts of ids that are kept as they were sent are known by their handles.
    let mut text = |text: Text| {
        if text.kind() != TextKind::Made {
            let (start, length) = (text.start() as u32, text.stored_len() as u32);
            ranges.push(ByteRange { start: start.saturating_sub(1), end: start + length + 1 });
        }
    };
    ids(batch).for_each(&mut text);
    for (row, source) in batch.span_rows().iter().zip(&sources.spans) {
        ranges.extend([source.name, source.trace_state, source.status_message]);
        let events = row.events.start as usize..(row.events.start + row.events.len) as usize;
        ranges.extend(sources.events[events].iter().map(|source| source.name));
        let links = row.links.start as usize..(row.links.start + row.links.len) as usize;
        ranges.extend(sources.links[links].iter().map(|source| source.trace_state));
    }
    for source in &sources.scopes {
        ranges.extend([source.name, source.version, source.schema_url]);
    }
    for source in &sources.resources {
        ranges.extend([source.schema_url, source.entity_refs]);
    }
    ranges
}

/// The tables of sources are as long as the tables of rows.
fn parallel(batch: &SpanBatch) -> Result<(), TestCaseError> {
    let sources = batch.sources();
    prop_assert_eq!(sources.attributes.len(), batch.attribute_rows().len());
    prop_assert_eq!(sources.values.len(), batch.value_rows().len());
    prop_assert_eq!(sources.spans.len(), batch.span_rows().len());
    prop_assert_eq!(sources.events.len(), batch.event_rows().len());
    prop_assert_eq!(sources.links.len(), batch.link_rows().len());
    prop_assert_eq!(sources.scopes.len(), batch.scope_rows().len());
    prop_assert_eq!(sources.resources.len(), batch.resource_rows().len());
    Ok(())
}

/// Every string of the user's is within reach.
pub(crate) fn check_reach(document: &Made, mode: Mode) -> Result<usize, TestCaseError> {
    let Ok(batch) = fresh(&document.text, options(mode)) else { return Ok(0) };
    parallel(&batch)?;
    let ranges = reachable(&batch);
    // An id in broken UTF-8 is kept repaired, in the arena: it has a row, and no place of its own. A document with such
    // liberties is not spliced but written afresh.
    let is_repaired = |text: Text| text.kind() == TextKind::Made && batch.text(text).contains('\u{fffd}');
    if ids(&batch).any(is_repaired) {
        return Ok(0);
    }
    for string in &document.strings {
        let covered = ranges
            .iter()
            .any(|range| range.start as usize <= string.start && string.end <= range.end as usize);
        prop_assert!(
            covered,
            "{} at {:?} in {}",
            document.text[string.clone()].escape_ascii(),
            string,
            document.text.escape_ascii()
        );
    }
    Ok(document.strings.len())
}

/// Every source lies within what it is a source of, and names are where their sources say.
pub(crate) fn check_places(text: &[u8], mode: Mode) -> Result<(), TestCaseError> {
    let Ok(batch) = fresh(text, options(mode)) else { return Ok(()) };
    parallel(&batch)?;
    let sources = batch.sources();
    let within = |inner: ByteRange, outer: ByteRange| {
        inner.is_empty() || outer.start <= inner.start && inner.end <= outer.end
    };
    for (row, source) in batch.span_rows().iter().zip(&sources.spans) {
        for part in [source.name, source.trace_state, source.status_message] {
            prop_assert!(within(part, source.element));
        }
        text_at(&batch, row.name, source.name)?;
        text_at(&batch, row.trace_state, source.trace_state)?;
        text_at(&batch, row.status_message, source.status_message)?;
    }
    for (row, source) in batch.event_rows().iter().zip(&sources.events) {
        prop_assert!(within(source.name, source.element));
        text_at(&batch, row.name, source.name)?;
    }
    for (row, source) in batch.link_rows().iter().zip(&sources.links) {
        prop_assert!(within(source.trace_state, source.element));
        text_at(&batch, row.trace_state, source.trace_state)?;
    }
    for (row, source) in batch.scope_rows().iter().zip(&sources.scopes) {
        for part in [source.name, source.version, source.schema_url] {
            prop_assert!(within(part, source.element));
        }
        text_at(&batch, row.name, source.name)?;
        text_at(&batch, row.version, source.version)?;
        text_at(&batch, row.schema_url, source.schema_url)?;
    }
    for (row, source) in batch.resource_rows().iter().zip(&sources.resources) {
        prop_assert!(within(source.schema_url, source.element) && within(source.entity_refs, source.element));
        text_at(&batch, row.schema_url, source.schema_url)?;
        prop_assert_eq!(row.entity_refs.len > 0 && source.entity_refs.is_empty(), false);
    }
    for source in sources.attributes.iter().chain(&sources.values) {
        prop_assert!(within(source.key, source.element) && within(source.value, source.element));
        prop_assert!(!source.element.is_empty());
    }
    for range in batch.residue() {
        prop_assert!(range.start < range.end && range.end as usize <= text.len());
    }
    Ok(())
}

/// The text is that of the string token at `source`; without a source it is empty.
fn text_at(batch: &SpanBatch, text: Text, source: ByteRange) -> Result<(), TestCaseError> {
    let read = batch.text(text);
    let token = &batch.input()[source.range()];
    if let Ok(written) = serde_json::from_slice::<String>(token) {
        prop_assert_eq!(read, written);
    } else if token.is_empty() || token == b"null" {
        prop_assert!(read.is_empty(), "{} without a source", read);
    } else {
        // Not a string, or one that had to be repaired.
        prop_assert!(!read.is_empty());
    }
    Ok(())
}

/// A text without escapes is borrowed from the input.
fn borrowed(batch: &SpanBatch, text: Text) -> Result<(), TestCaseError> {
    if text.kind() != TextKind::Plain || text.is_empty() {
        return Ok(());
    }
    let Cow::Borrowed(read) = batch.text(text) else {
        return Err(TestCaseError::fail("a plain text is not borrowed"));
    };
    let input = batch.input().as_ptr_range();
    let read = read.as_bytes().as_ptr_range();
    prop_assert!(input.start <= read.start && read.end <= input.end);
    Ok(())
}

/// Whatever was written without escapes and in UTF-8 is not copied.
pub(crate) fn check_zero_copy(text: &[u8], mode: Mode) -> Result<(), TestCaseError> {
    let Ok(batch) = fresh(text, options(mode)) else { return Ok(()) };
    let sources = batch.sources();
    let plain = |source: ByteRange| {
        let token = &batch.input()[source.range()];
        token.first() == Some(&b'"') && !token.contains(&b'\\') && std::str::from_utf8(token).is_ok()
    };
    let check = |text: Text, source: ByteRange| {
        if plain(source) {
            prop_assert!(text.is_empty() || text.kind() == TextKind::Plain);
        }
        borrowed(&batch, text)
    };
    for (row, source) in batch.span_rows().iter().zip(&sources.spans) {
        check(row.name, source.name)?;
        check(row.trace_state, source.trace_state)?;
        check(row.status_message, source.status_message)?;
        borrowed(&batch, row.trace_id.text)?;
        borrowed(&batch, row.span_id.text)?;
    }
    for (row, source) in batch.event_rows().iter().zip(&sources.events) {
        check(row.name, source.name)?;
    }
    for row in batch.attribute_rows().iter().chain(batch.value_rows()) {
        if let spanwise::RawValue::String(text) = row.value() {
            borrowed(&batch, text)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(runs(400))]

    #[test]
    fn every_string_of_a_valid_document_is_within_reach(bytes in entropy(), strict in any::<bool>()) {
        let mode = if strict { Mode::Strict } else { Mode::Lenient };
        check_reach(&document(&bytes, Dialect::STRICT_CANARIES), mode)?;
    }

    #[test]
    fn every_string_of_an_odd_document_is_within_reach(bytes in entropy(), strict in any::<bool>()) {
        let mode = if strict { Mode::Strict } else { Mode::Lenient };
        check_reach(&document(&bytes, Dialect::CANARIES), mode)?;
    }

    #[test]
    fn sources_are_where_they_say(text in any_input(), strict in any::<bool>()) {
        let mode = if strict { Mode::Strict } else { Mode::Lenient };
        check_places(&text, mode)?;
        check_zero_copy(&text, mode)?;
    }
}
