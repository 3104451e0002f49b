//! The module `spanwise._spanwise`: what the Python package `spanwise` is a thin face of.
//!
//! Everything that reads, decodes or converts runs without the interpreter's lock. Python objects are made when they are
//! touched: a batch is one object, and a span of it another, which holds the batch and an index.

#![deny(unsafe_code)]

mod batch;
mod diagnostic;
mod errors;
mod index;
mod options;
mod read;
mod redact;
mod report;
mod requested;
mod run;
mod scan;
mod source;
mod span;
mod table;
mod twice;
mod value;
mod watch;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command with these arguments, the program's name first, and gives its exit code.
#[pyfunction]
fn command(py: Python<'_>, arguments: Vec<OsString>) -> i32 {
    py.detach(|| spanwise_cli::main(arguments))
}

/// What the package is a face of.
#[pymodule(gil_used = false)]
mod _spanwise {
    #[pymodule_export]
    use super::batch::{SpanBatch, SpanIterator, decode};
    #[pymodule_export]
    use super::command;
    #[pymodule_export]
    use super::diagnostic::Diagnostic;
    #[pymodule_export]
    use super::errors::{DecodeError, IndexFileError, PolicyError, QueryError, SpanwiseWarning};
    #[pymodule_export]
    use super::index::Index;
    #[pymodule_export]
    use super::read::{BatchScan, read, scan_batches, summary, validate};
    #[pymodule_export]
    use super::redact::{Policy, Redaction, redact};
    #[pymodule_export]
    use super::report::Report;
    #[pymodule_export]
    use super::scan::{Scan, scan};
    #[pymodule_export]
    use super::span::{Event, Link, Resource, Scope, Span, Status};
    #[pymodule_export]
    use super::table::{Schema, Table};

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
