//! Columns of lists of structs: events and links.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, StructArray, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use spanwise::{EventRow, Id, LinkRow, SpanBatch, SpanRow};

use crate::attributes::Maps;
use crate::convert::Build;
use crate::scalar::{IdBytes, Instants};
use crate::shapes::{Nested, Shapes};
use crate::text::{Texts, rows};
use crate::views::{Buffers, Pools, Views};
use crate::{Ids, Layout};

/// Appends the end of a list, which is at most as far as a batch has events or links.
fn close(offsets: &mut Vec<i32>, end: usize, texts: &mut Texts<'_>) {
    if end > i32::MAX as usize {
        texts.too_large = true;
    }
    offsets.push(i32::try_from(end).unwrap_or(i32::MAX));
}

/// The column of lists with these ends; without `children` there is no element.
fn lists(
    offsets: Vec<i32>,
    element: &Nested,
    children: Option<Vec<ArrayRef>>,
) -> Result<ArrayRef, ArrowError> {
    let structs = match children {
        Some(children) => Arc::new(StructArray::try_new(element.fields.clone(), children, None)?),
        None => Arc::clone(&element.none),
    };
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(ListArray::try_new(Arc::clone(&element.item), offsets, structs, None)?))
}

/// The events of spans.
pub(crate) struct Events {
    offsets: Vec<i32>,
    times: Instants,
    names: Views,
    attributes: Maps,
    dropped: Vec<u32>,
}

impl Events {
    pub(crate) fn new(pools: &Pools, layout: Layout, batch: &SpanBatch) -> Self {
        let (spans, events) = (batch.len(), batch.event_rows().len());
        let entries = batch.event_rows().iter().map(|event| event.attributes.len as usize).sum();
        let mut offsets = Vec::with_capacity(spans + 1);
        offsets.push(0);
        Self {
            offsets,
            times: Instants::new(events),
            names: Views::with_capacity(pools, events),
            attributes: Maps::new(pools, layout, events, entries),
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

    fn finish(self: Box<Self>, shapes: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        if self.dropped.is_empty() {
            return lists(self.offsets, &shapes.event, None);
        }
        let children = vec![
            self.times.finish(shapes)?,
            Arc::new(buffers.strings(self.names, None)) as ArrayRef,
            self.attributes.finish(shapes, buffers)?,
            Arc::new(UInt32Array::from(self.dropped)),
        ];
        lists(self.offsets, &shapes.event, Some(children))
    }
}

/// The ids of links, in either form.
enum LinkIds<const N: usize> {
    Text(Views),
    Binary(IdBytes<N>),
}

impl<const N: usize> LinkIds<N> {
    fn new(pools: &Pools, ids: Ids, len: usize) -> Self {
        match ids {
            Ids::Text => Self::Text(Views::with_capacity(pools, len)),
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
    offsets: Vec<i32>,
    trace_ids: LinkIds<16>,
    span_ids: LinkIds<8>,
    trace_states: Views,
    flags: Vec<u32>,
    attributes: Maps,
    dropped: Vec<u32>,
}

impl Links {
    pub(crate) fn new(pools: &Pools, layout: Layout, ids: Ids, batch: &SpanBatch) -> Self {
        let (spans, links) = (batch.len(), batch.link_rows().len());
        let entries = batch.link_rows().iter().map(|link| link.attributes.len as usize).sum();
        let mut offsets = Vec::with_capacity(spans + 1);
        offsets.push(0);
        Self {
            offsets,
            trace_ids: LinkIds::new(pools, ids, links),
            span_ids: LinkIds::new(pools, ids, links),
            trace_states: Views::with_capacity(pools, links),
            flags: Vec::with_capacity(links),
            attributes: Maps::new(pools, layout, links, entries),
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

    fn finish(self: Box<Self>, shapes: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        if self.dropped.is_empty() {
            return lists(self.offsets, &shapes.link, None);
        }
        let children = vec![
            self.trace_ids.finish(buffers)?,
            self.span_ids.finish(buffers)?,
            Arc::new(buffers.strings(self.trace_states, None)) as ArrayRef,
            Arc::new(UInt32Array::from(self.flags)),
            self.attributes.finish(shapes, buffers)?,
            Arc::new(UInt32Array::from(self.dropped)),
        ];
        lists(self.offsets, &shapes.link, Some(children))
    }
}
