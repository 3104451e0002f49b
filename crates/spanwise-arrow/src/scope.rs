//! Columns of scope and resource: worked out once per scope, and repeated for its spans.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::NullBufferBuilder;
use arrow_schema::ArrowError;
use spanwise::{KeyId, ResourceRow, Rows, ScopeRow, SpanRow, Text};

use crate::Layout;
use crate::attributes::Maps;
use crate::convert::Build;
use crate::text::{EMPTY, Texts, rows};
use crate::views::{Buffers, Views};

/// The resource of a scope.
pub(crate) fn resource<'a>(texts: &Texts<'a>, scope: &ScopeRow) -> Option<&'a ResourceRow> {
    texts.batch.resource_rows().get(scope.resource as usize)
}

/// Texts of scopes.
pub(crate) struct ScopeText {
    pick: fn(&ScopeRow) -> Text,
    views: Views,
    /// The last scope, and its view.
    last: Option<(u32, u128)>,
}

impl ScopeText {
    pub(crate) fn new(len: usize, pick: fn(&ScopeRow) -> Text) -> Self {
        Self { pick, views: Views::shared(len), last: None }
    }
}

impl Build for ScopeText {
    fn append(&mut self, texts: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            let view = match self.last {
                Some((scope, view)) if scope == row.scope => view,
                _ => {
                    let scope = texts.batch.scope_rows().get(row.scope as usize);
                    scope.map_or(EMPTY, |scope| texts.view((self.pick)(scope)))
                }
            };
            self.last = Some((row.scope, view));
            self.views.data.push(view);
        }
        self.views.used |= texts.take_used();
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        visit(&mut self.views);
    }

    fn finish(self: Box<Self>, buffers: &mut Buffers, columns: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
        columns.push(Arc::new(buffers.strings(self.views, None)));
        Ok(())
    }
}

/// The resource's `service.name`; of another type its text.
pub(crate) struct ServiceName {
    key: Option<KeyId>,
    views: Views,
    nulls: NullBufferBuilder,
    last: Option<(u32, Option<u128>)>,
}

impl ServiceName {
    pub(crate) fn new(texts: &Texts<'_>, len: usize) -> Self {
        Self {
            key: texts.batch.key_id("service.name"),
            views: Views::shared(len),
            nulls: NullBufferBuilder::new(len),
            last: None,
        }
    }

    fn of_scope(&self, texts: &mut Texts<'_>, scope: u32) -> Option<u128> {
        let key = self.key?;
        let scope = texts.batch.scope_rows().get(scope as usize)?;
        let list = resource(texts, scope)?.attributes;
        let rows = rows(texts.batch.attribute_rows(), list);
        let row = rows.iter().rev().find(|row| row.key() == Some(key))?;
        texts.value(row.value())
    }
}

impl Build for ServiceName {
    fn append(&mut self, texts: &mut Texts<'_>, rows: &[SpanRow]) {
        for row in rows {
            let view = match self.last {
                Some((scope, view)) if scope == row.scope => view,
                _ => self.of_scope(texts, row.scope),
            };
            self.last = Some((row.scope, view));
            self.views.data.push(view.unwrap_or(EMPTY));
            self.nulls.append(view.is_some());
        }
        self.views.used |= texts.take_used();
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        visit(&mut self.views);
    }

    fn finish(
        mut self: Box<Self>,
        buffers: &mut Buffers,
        columns: &mut Vec<ArrayRef>,
    ) -> Result<(), ArrowError> {
        columns.push(Arc::new(buffers.strings(self.views, self.nulls.finish())));
        Ok(())
    }
}

/// Whose attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Resource,
    Scope,
}

/// The attributes of scopes or resources.
pub(crate) struct OwnerAttributes {
    owner: Owner,
    maps: Maps,
    /// The last scope or resource.
    last: Option<u32>,
}

impl OwnerAttributes {
    pub(crate) fn new(layout: Layout, owner: Owner, spans: usize) -> Self {
        Self { owner, maps: Maps::new(layout, spans, 0), last: None }
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
            if self.last == Some(owner) {
                self.maps.repeat(texts);
                continue;
            }
            self.last = Some(owner);
            let list = match self.owner {
                Owner::Scope => scope.map(|scope| scope.attributes),
                Owner::Resource => {
                    scope.and_then(|scope| resource(texts, scope)).map(|resource| resource.attributes)
                }
            };
            self.maps.push(texts, list.unwrap_or(Rows::default()));
        }
        self.maps.note_used(texts.take_used(), texts.keys.used);
    }

    fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        self.maps.views(visit);
    }

    fn finish(self: Box<Self>, buffers: &mut Buffers, columns: &mut Vec<ArrayRef>) -> Result<(), ArrowError> {
        columns.push(self.maps.finish(buffers)?);
        Ok(())
    }
}
