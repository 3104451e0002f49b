//! The first of two readings, where `is_request` is a column, and what it told for the second.

use std::task::Poll;
use std::time::Duration;

use arrow_array::RecordBatch;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use spanwise_arrow::{ConvertError, Converter, RequestMarks};
use spanwise_io::{FileLooks, FirstReading, ReadSettings, Source};

use crate::errors::{convert_error, shown};

/// A first reading under way.
pub(crate) struct First {
    reading: FirstReading,
    looks: FileLooks,
    converter: Converter,
}

impl First {
    /// Begins to read the sources for the first time, if rows of `converter` need it; none where one of them can be read only once.
    pub(crate) fn of(
        sources: &[Source],
        settings: &ReadSettings,
        threads: usize,
        converter: &Converter,
    ) -> Option<Self> {
        if !converter.tells_requests() {
            return None;
        }
        let again = sources.iter().map(Source::again).collect::<Option<Vec<_>>>()?;
        let looks = FileLooks::of(sources);
        let reading = FirstReading::new(again, settings.clone(), threads);
        Some(Self { reading, looks, converter: converter.clone() })
    }

    /// Goes on, but waits no longer than `patience` for other threads.
    pub(crate) fn poll(&mut self, patience: Duration) -> Poll<()> {
        self.reading.poll(patience)
    }

    /// What it told, when it has ended.
    pub(crate) fn told(self) -> Told {
        let marks = RequestMarks::new(&self.reading.finish(), &self.converter);
        Told { marks, looks: self.looks }
    }
}

/// What the first reading told.
pub(crate) struct Told {
    marks: RequestMarks,
    looks: FileLooks,
}

impl Told {
    /// Puts the marks into the next rows.
    pub(crate) fn mark(&mut self, rows: RecordBatch) -> PyResult<RecordBatch> {
        self.marks.mark(rows).map_err(|error| self.changed().unwrap_or_else(|| untold(&error)))
    }

    /// Whether it holds to the end: there were no more rows, and files look as they did.
    pub(crate) fn finish(&self) -> PyResult<()> {
        let all = self.marks.finish().map_err(|error| untold(&error));
        self.changed().map_or(all, Err)
    }

    fn changed(&self) -> Option<PyErr> {
        let path = self.looks.changed()?.to_string_lossy();
        Some(PyOSError::new_err(format!(
            "{}: changed while it was read, twice for is_request; read a copy of it",
            shown(&path)
        )))
    }
}

fn untold(error: &ConvertError) -> PyErr {
    match error {
        ConvertError::Changed { .. } => {
            PyOSError::new_err(format!("a source changed while it was read, twice for is_request: {error}"))
        }
        error => convert_error(error),
    }
}
