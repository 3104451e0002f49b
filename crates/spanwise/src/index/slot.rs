//! A field and its column: open to more rows, ready to be asked, or not read yet.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::IndexError;
use super::column::Column;
use super::query::ast::Field;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) field: Field,
    /// Until it is asked for: then it becomes `ready`, and with the next row it is open again.
    open: Mutex<Option<Column>>,
    ready: OnceLock<Column>,
}

impl Slot {
    pub(super) fn empty(field: Field) -> Self {
        Self { field, open: Mutex::new(Some(Column::default())), ready: OnceLock::new() }
    }

    /// One whose column is to be read from where it is stored.
    pub(super) fn stored(field: Field) -> Self {
        Self { field, open: Mutex::new(None), ready: OnceLock::new() }
    }

    /// Whether the column is in memory.
    pub(super) fn is_there(&self) -> bool {
        self.ready.get().is_some() || self.open.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The column, which `read` gives if it is not in memory.
    pub(super) fn column(
        &self,
        read: impl FnOnce() -> Result<Column, IndexError>,
    ) -> Result<&Column, IndexError> {
        if let Some(column) = self.ready.get() {
            return Ok(column);
        }
        // Whoever else wants it waits until it is ready.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(column) = self.ready.get() {
            return Ok(column);
        }
        let mut column = match open.take() {
            Some(column) => column,
            None => read()?,
        };
        column.close();
        Ok(self.ready.get_or_init(|| column))
    }

    /// The column, to add to; none if it is not in memory.
    #[inline]
    pub(super) fn column_mut(&mut self) -> Option<&mut Column> {
        let open = self.open.get_mut().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = self.ready.take();
        }
        open.as_mut()
    }

    /// Bytes of the column in memory, nearly.
    pub(super) fn bytes(&self) -> usize {
        let of = |column: &Column| column.bytes() + size_of::<Column>();
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.ready.get().or(open.as_ref()).map_or(0, of)
    }
}
