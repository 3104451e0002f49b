//! Columns of lists of structs: events and links.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, StructArray, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Fields};
use spanwise::{EventRow, Id, LinkRow, SpanRow};

use crate::attributes::Maps;
use crate::column::{event_fields, item, link_fields};
use crate::convert::Build;
use crate::scalar::{IdBytes, Times};
use crate::text::{Texts, rows};
use crate::views::{Buffers, Views};
use crate::{Ids, Layout, Names};

/// Appends the end of a list, which is at most as far as a batch has events or links.
fn close(offsets: &mut Vec<i32>, end: usize, texts: &mut Texts<'_>) {
    if end > i32::MAX as usize {
        texts.too_large = true;
    }
    offsets.push(i32::try_from(end).unwrap_or(i32::MAX));
}

fn lists(offsets: Vec<i32>, fields: Fields, children: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
    let structs = StructArray::try_new(fields.clone(), children, None)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(ListArray::try_new(item(fields), offsets, Arc::new(structs), None)?))
}

/// The events of spans.
pub(crate) struct Events {
    fields: Fields,
    offsets: Vec<i32>,
    times: Times,
    names: Views,
    attributes: Maps,
    dropped: Vec<u32>,
}

impl Events {
    pub(crate) fn new(layout: Layout, names: Names, spans: usize, events: usize) -> Self {
        let mut offsets = Vec::with_capacity(spans + 1);
        offsets.push(0);
        Self {
            fields: event_fields(layout, names),
            offsets,
            times: Times::new(events),
            names: Views::with_capacity(events),
            attributes: Maps::new(layout, events, 0),
            dropped: Vec::with_capacity(events),
        }
    }

    fn push(&mut self, texts: &mut Texts<'_>, event: &EventRow) {
        self.times.push(event.time_unix_nano);
        self.names.data.push(texts.view(event.name));
        self.attributes.push(texts, event.attributes);
        self.dropped.push(event.dropped_attributes_count);
    }
}

impl Build for Events {
    fn append(&mut self, texts: &mut Texts<'_>, spans: &[SpanRow]) {
        for span in spans {
            for event in rows(texts.batch.event_rows(), span.events) {
                self.push(texts, event);
            }
            close(&mut self.offsets, self.dropped.len(), texts);
        }
        let used = texts.take_used();
        self.names.used |= used;
        self.attributes.note_used(used, texts.keys.used);
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        visit(&mut self.names);
        self.attributes.views(visit);
    }

    fn finish(self: Box<Self>, buffers: &mut Buffers, columns: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
        let children = vec![
            self.times.finish()?,
            Arc::new(buffers.strings(self.names, None)) as ArrayRef,
            self.attributes.finish(buffers)?,
            Arc::new(UInt32Array::from(self.dropped)),
        ];
        columns.push(lists(self.offsets, self.fields, children)?);
        Ok(())
    }
}

/// The ids of links, in either form.
enum LinkIds<const N: usize> {
    Text(Views),
    Binary(IdBytes<N>),
}

impl<const N: usize> LinkIds<N> {
    fn new(ids: Ids, len: usize) -> Self {
        match ids {
            Ids::Text => Self::Text(Views::with_capacity(len)),
            Ids::Binary => Self::Binary(IdBytes::new(len)),
        }
    }

    fn push(&mut self, texts: &mut Texts<'_>, id: &Id<N>) {
        match self {
            Self::Text(views) => views.data.push(texts.view(id.text)),
            Self::Binary(ids) => ids.push(id),
        }
    }

    fn views(&mut self) -> Option<&mut Views> {
        match self {
            Self::Text(views) => Some(views),
            Self::Binary(_) => None,
        }
    }

    fn finish(self, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Text(views) => Ok(Arc::new(buffers.strings(views, None))),
            Self::Binary(ids) => ids.finish(),
        }
    }
}

/// The links of spans.
pub(crate) struct Links {
    fields: Fields,
    offsets: Vec<i32>,
    trace_ids: LinkIds<16>,
    span_ids: LinkIds<8>,
    trace_states: Views,
    flags: Vec<u32>,
    attributes: Maps,
    dropped: Vec<u32>,
}

impl Links {
    pub(crate) fn new(layout: Layout, ids: Ids, names: Names, spans: usize, links: usize) -> Self {
        let mut offsets = Vec::with_capacity(spans + 1);
        offsets.push(0);
        Self {
            fields: link_fields(layout, ids, names),
            offsets,
            trace_ids: LinkIds::new(ids, links),
            span_ids: LinkIds::new(ids, links),
            trace_states: Views::with_capacity(links),
            flags: Vec::with_capacity(links),
            attributes: Maps::new(layout, links, 0),
            dropped: Vec::with_capacity(links),
        }
    }

    fn push(&mut self, texts: &mut Texts<'_>, link: &LinkRow) {
        self.trace_ids.push(texts, &link.trace_id);
        self.span_ids.push(texts, &link.span_id);
        self.trace_states.data.push(texts.view(link.trace_state));
        self.flags.push(link.flags);
        self.attributes.push(texts, link.attributes);
        self.dropped.push(link.dropped_attributes_count);
    }

    fn own_views(&mut self) -> impl Iterator<Item = &mut Views> {
        let ids = self.trace_ids.views().into_iter().chain(self.span_ids.views());
        ids.chain(std::iter::once(&mut self.trace_states))
    }
}

impl Build for Links {
    fn append(&mut self, texts: &mut Texts<'_>, spans: &[SpanRow]) {
        for span in spans {
            for link in rows(texts.batch.link_rows(), span.links) {
                self.push(texts, link);
            }
            close(&mut self.offsets, self.dropped.len(), texts);
        }
        let used = texts.take_used();
        self.own_views().for_each(|views| views.used |= used);
        self.attributes.note_used(used, texts.keys.used);
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        self.own_views().for_each(&mut *visit);
        self.attributes.views(visit);
    }

    fn finish(self: Box<Self>, buffers: &mut Buffers, columns: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
        let children = vec![
            self.trace_ids.finish(buffers)?,
            self.span_ids.finish(buffers)?,
            Arc::new(buffers.strings(self.trace_states, None)) as ArrayRef,
            Arc::new(UInt32Array::from(self.flags)),
            self.attributes.finish(buffers)?,
            Arc::new(UInt32Array::from(self.dropped)),
        ];
        columns.push(lists(self.offsets, self.fields, children)?);
        Ok(())
    }
}
