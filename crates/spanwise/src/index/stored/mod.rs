//! An index as bytes: a directory, which says what there is, and sections, which hold it.
//!
//! A section is one column, or one of the tables of all rows. It is read when a query first asks for it, so that opening
//! an index costs the directory alone. Where sections lie, how they are compressed and how damage is found is the business
//! of whoever stores them; here every byte is doubted nevertheless, and nothing is reserved that the bytes do not bear out.

mod bytes;
mod column;
mod tables;

use std::fmt;
use std::sync::Arc;

use super::build::{INTRINSICS, SCOPES};
use super::query::ast::{Field, Intrinsic};
use super::slot::Slot;
use super::{Index, IndexError, IndexLimits};
use bytes::{Reader, Writer};

use column::LEAST_OF_COLUMN;
pub(super) use column::column;
use tables::LEAST_OF_ROW;
pub(super) use tables::{overflow, times, traces};

/// The numbers of sections. Columns follow, in the order of the directory.
pub(super) const OVERFLOW: u32 = 0;
pub(super) const TIMES: u32 = 1;
pub(super) const TRACES: u32 = 2;
pub(super) const COLUMNS: u32 = 3;

/// Changes with every change of what the bytes mean.
const FORMAT: u64 = 2;

/// Gives the sections of an index that is stored somewhere.
pub trait Sections: fmt::Debug + Send + Sync {
    /// The bytes of a section, as [`Index::store`] gave them; the first is number 0.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    fn section(&self, number: u32) -> Result<Vec<u8>, IndexError>;

    /// How many bytes a section has, if that can be told without reading it. What has fewer than its rows need is then
    /// refused when it is opened.
    fn bytes(&self, _number: u32) -> Option<u64> {
        None
    }
}

impl Index {
    /// The index as bytes: hands every section to `write` in the order of their numbers, and returns the directory, which
    /// [`Self::open`] wants.
    ///
    /// ```
    /// use spanwise::index::{Index, IndexError, Query, Scan, Sections};
    ///
    /// #[derive(Debug)]
    /// struct InMemory(Vec<Vec<u8>>);
    /// impl Sections for InMemory {
    ///     fn section(&self, number: u32) -> Result<Vec<u8>, IndexError> {
    ///         self.0.get(number as usize).cloned().ok_or(IndexError::Damaged)
    ///     }
    /// }
    ///
    /// let batches = [spanwise::decode(&br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"}]}]}]}"#[..])?];
    /// let mut index = Index::default();
    /// index.add(&batches[0])?;
    /// let mut sections = Vec::new();
    /// let directory = index.store(&mut |section| Ok(sections.push(section.to_vec())))?;
    /// let index = Index::open(&directory, std::sync::Arc::new(InMemory(sections)))?;
    /// let query = Query::parse(r#"{ name = "chat" }"#)?;
    /// assert_eq!(index.run(&query, &Scan::new(&batches))?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of `write`; and if the index is stored itself and was not read yet, those of reading it.
    pub fn store(
        &self,
        write: &mut dyn FnMut(&[u8]) -> Result<(), IndexError>,
    ) -> Result<Vec<u8>, IndexError> {
        let mut out = Writer::default();
        for number in 0..=TRACES {
            self.section(number, &mut out)?;
            write(&out.take())?;
        }
        for (number, _) in (COLUMNS..).zip(&self.slots) {
            self.section(number, &mut out)?;
            write(&out.take())?;
        }
        out.number(FORMAT);
        out.number(self.len().into());
        out.number(self.limits.distinct.into());
        out.number(self.limits.text_bytes as u64);
        out.number(self.limits.fields.into());
        out.number(self.slots.len() as u64);
        for slot in &self.slots {
            out.field(&slot.field);
        }
        Ok(out.take())
    }

    /// What each section holds, by its number: a table, or a field as it is written in a query.
    pub fn sections(&self) -> impl Iterator<Item = String> {
        let tables = ["rows without columns", "times", "traces"].map(str::to_owned);
        tables.into_iter().chain(self.slots.iter().map(|slot| slot.field.name()))
    }

    fn section(&self, number: u32, out: &mut Writer) -> Result<(), IndexError> {
        let slot = number.checked_sub(COLUMNS).and_then(|number| self.slots.get(number as usize));
        let is_there = match number {
            OVERFLOW => self.overflow.get().is_some(),
            TIMES => self.times.get().is_some(),
            TRACES => self.traces.get().is_some(),
            _ => slot.is_some_and(Slot::is_there),
        };
        // What was not read since is what it was.
        if let Some(sections) = self.sections.as_ref().filter(|_| !is_there) {
            out.raw(&sections.section(number)?);
            return Ok(());
        }
        match number {
            OVERFLOW => out.overflow(self.overflowed()?),
            TIMES => out.times(self.times()?),
            TRACES => out.traces(self.traces()?),
            _ => {
                if let Some(column) = slot.map(|slot| self.column(&slot.field)).transpose()?.flatten() {
                    out.column(column);
                }
            }
        }
        Ok(())
    }

    /// An index that was stored, from its directory. Sections are read when they are asked for.
    ///
    /// # Errors
    /// The directory is not what [`Self::store`] gave.
    pub fn open(directory: &[u8], sections: Arc<dyn Sections>) -> Result<Self, IndexError> {
        let mut index = directory_of(directory).ok_or(IndexError::Damaged)?;
        // Any number of rows can be said to be alike in a few bytes, but each has its ids.
        if sections.bytes(TRACES).is_some_and(|bytes| bytes < u64::from(index.len) * LEAST_OF_ROW) {
            return Err(IndexError::Damaged);
        }
        // So can fields, which take room in memory before they are asked for.
        if (COLUMNS..)
            .zip(&index.slots)
            .any(|(number, _)| sections.bytes(number).is_some_and(|bytes| bytes < LEAST_OF_COLUMN))
        {
            return Err(IndexError::Damaged);
        }
        index.sections = Some(sections);
        Ok(index)
    }
}

fn directory_of(directory: &[u8]) -> Option<Index> {
    let mut reader = Reader::new(directory);
    if reader.number()? != FORMAT {
        return None;
    }
    let len = reader.small()?;
    if len == u32::MAX {
        return None;
    }
    let distinct = reader.small()?;
    let text_bytes = usize::try_from(reader.number()?).ok()?;
    let mut index = Index::new(IndexLimits { distinct, text_bytes, fields: reader.small()? });
    index.len = len;
    for number in 0..reader.small()? {
        let field = reader.field()?;
        if index.numbers.insert(field.clone(), number).is_some() {
            return None;
        }
        index.slots.push(Slot::stored(field));
    }
    // Rows come with these columns: one that was made later would say of the rows before that they have nothing.
    let has = |intrinsic: &Intrinsic| index.numbers.contains_key(&Field::Intrinsic(*intrinsic));
    let is_whole = len == 0 || INTRINSICS.iter().all(has);
    (reader.is_at_end() && is_whole).then_some(index)
}

impl Writer {
    fn field(&mut self, field: &Field) {
        match field {
            Field::Attribute(scope, name) => {
                let scope = SCOPES.iter().position(|found| found == scope).unwrap_or(0);
                self.number(scope as u64);
                self.number(name.len() as u64);
                self.raw(name.as_bytes());
            }
            Field::Intrinsic(intrinsic) => {
                let number = INTRINSICS.iter().position(|found| found == intrinsic).unwrap_or(0);
                self.number((SCOPES.len() + number) as u64);
            }
        }
    }
}

impl Reader<'_> {
    fn field(&mut self) -> Option<Field> {
        let tag = usize::try_from(self.number()?).ok()?;
        if let Some(scope) = SCOPES.get(tag) {
            let len = usize::try_from(self.number()?).ok()?;
            let name = std::str::from_utf8(self.raw(len)?).ok()?;
            return Some(Field::Attribute(*scope, name.to_owned()));
        }
        INTRINSICS.get(tag - SCOPES.len()).map(|intrinsic| Field::Intrinsic(*intrinsic))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl Sections for Nothing {
        fn section(&self, _number: u32) -> Result<Vec<u8>, IndexError> {
            Err(IndexError::Damaged)
        }
    }

    /// A directory of so many rows with the columns of these.
    fn opened(rows: u32, intrinsics: &[Intrinsic]) -> Result<Index, IndexError> {
        let mut index = Index::default();
        for intrinsic in intrinsics {
            index.column_number(Field::Intrinsic(*intrinsic)).unwrap();
        }
        index.len = rows;
        Index::open(&index.store(&mut |_| Ok(())).unwrap(), Arc::new(Nothing))
    }

    #[test]
    fn an_index_with_rows_has_all_columns_that_rows_come_with() {
        assert_eq!(opened(2, &INTRINSICS).unwrap().len(), 2);
        assert!(opened(0, &[]).unwrap().is_empty());
        for left_out in INTRINSICS {
            let some: Vec<_> = INTRINSICS.into_iter().filter(|found| *found != left_out).collect();
            assert!(matches!(opened(2, &some), Err(IndexError::Damaged)), "{left_out:?}");
            assert!(opened(0, &some).is_ok());
        }
    }
}
