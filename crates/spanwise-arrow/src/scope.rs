//! Columns of scope and resource: worked out once per scope, and repeated for its spans.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::NullBufferBuilder;
use arrow_schema::ArrowError;
use spanwise::{KeyId, ResourceRow, Rows, ScopeRow, SpanBatch, SpanRow, Text};

use crate::Layout;
use crate::attributes::Maps;
use crate::convert::Build;
use crate::shapes::Shapes;
use crate::text::{EMPTY, Texts, rows};
use crate::views::{Buffers, Pools, Views};

/// The resource of a scope.
pub(crate) fn resource<'a>(batch: &'a SpanBatch, scope: &ScopeRow) -> Option<&'a ResourceRow> {
    batch.resource_rows().get(scope.resource as usize)
}

/// Texts of scopes.
pub(crate) struct ScopeText {
    pick: fn(&ScopeRow) -> Text,
    views: Views,
    /// The last scope, and its view.
    last: Option<(u32, u128)>,
}

impl ScopeText {
    pub(crate) fn new(pools: &Pools, len: usize, pick: fn(&ScopeRow) -> Text) -> Self {
        Self { pick, views: Views::shared(pools, len), last: None }
    }
}

impl Build for ScopeText {
    fn append(&mut self, texts: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            let view = match self.last {
                Some((scope, view)) if scope == row.scope => view,
                _ => {
                    let scope = texts.batch.scope_rows().get(row.scope as usize);
                    let view = scope.map_or(EMPTY, |scope| texts.view((self.pick)(scope)));
                    self.last = Some((row.scope, view));
                    view
                }
            };
            self.views.data.push(view);
        }
        self.views.used |= texts.take_used();
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        visit(&mut self.views);
    }

    fn finish(self: Box<Self>, _: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(buffers.strings(self.views, None)))
    }
}

/// The resource's `service.name`; of another type its text.
pub(crate) struct ServiceName {
    key: Option<KeyId>,
    views: Views,
    nulls: NullBufferBuilder,
    /// The last resource, and what it has.
    last: Option<(u32, Option<u128>)>,
}

impl ServiceName {
    pub(crate) fn new(pools: &Pools, texts: &Texts<'_>, len: usize) -> Self {
        Self {
            key: texts.batch.key_id("service.name"),
            views: Views::shared(pools, len),
            nulls: NullBufferBuilder::new(len),
            last: None,
        }
    }

    fn of_resource(&self, texts: &mut Texts<'_>, resource: u32) -> Option<u128> {
        let key = self.key?;
        let list = texts.batch.resource_rows().get(resource as usize)?.attributes;
        let rows = rows(texts.batch.attribute_rows(), list);
        let row = rows.iter().rev().find(|row| row.key() == Some(key))?;
        texts.value(row.value())
    }
}

impl Build for ServiceName {
    fn append(&mut self, texts: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            let scope = texts.batch.scope_rows().get(row.scope as usize);
            let resource = scope.map_or(u32::MAX, |scope| scope.resource);
            let view = match self.last {
                Some((last, view)) if last == resource => view,
                _ => {
                    let view = self.of_resource(texts, resource);
                    self.last = Some((resource, view));
                    view
                }
            };
            self.views.data.push(view.unwrap_or(EMPTY));
            self.nulls.append(view.is_some());
        }
        self.views.used |= texts.take_used();
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        visit(&mut self.views);
    }

    fn finish(mut self: Box<Self>, _: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(buffers.strings(self.views, self.nulls.finish())))
    }
}

/// Whose attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Resource,
    Scope,
}

/// The attributes of a scope, or of its resource.
fn list_of(batch: &SpanBatch, owner: Owner, scope: u32) -> Rows {
    let scope = batch.scope_rows().get(scope as usize);
    let list = match owner {
        Owner::Scope => scope.map(|scope| scope.attributes),
        Owner::Resource => scope.and_then(|scope| resource(batch, scope)).map(|resource| resource.attributes),
    };
    list.unwrap_or_default()
}

/// The attributes of scopes or resources.
pub(crate) struct OwnerAttributes {
    owner: Owner,
    maps: Maps,
    /// The last scope or resource, and the entries of its map. Copied from where they were first: those of the last span may not be
    /// written yet.
    last: Option<(u32, Range<usize>)>,
}

impl OwnerAttributes {
    pub(crate) fn new(pools: &Pools, layout: Layout, owner: Owner, batch: &SpanBatch) -> Self {
        let entries = |row: &SpanRow| list_of(batch, owner, row.scope).len as usize;
        let spans = batch.span_rows();
        // Hostile input may repeat a long list for many spans: that much room is not made before it is needed.
        let entries = spans.iter().map(entries).sum::<usize>().min(batch.input().len() / 16);
        Self { owner, maps: Maps::new(pools, layout, spans.len(), entries), last: None }
    }
}

impl Build for OwnerAttributes {
    fn append(&mut self, texts: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            let scope = texts.batch.scope_rows().get(row.scope as usize);
            let owner = match self.owner {
                Owner::Scope => row.scope,
                Owner::Resource => scope.map_or(u32::MAX, |scope| scope.resource),
            };
            match &self.last {
                Some((last, entries)) if *last == owner => self.maps.repeat(texts, entries.clone()),
                _ => {
                    self.maps.push(texts, list_of(texts.batch, self.owner, row.scope));
                    self.last = Some((owner, self.maps.last()));
                }
            }
        }
        self.maps.note_used(texts.take_used(), texts.keys.used);
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        self.maps.views(visit);
    }

    fn finish(self: Box<Self>, shapes: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError> {
        self.maps.finish(shapes, buffers)
    }
}
