//! Attribute values as Python objects.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use spanwise::{AttributesRef, ValueRef};

/// str, bool, int, float, bytes, list or dict; `None` for an `AnyValue` with no member. Nesting is bounded by decode.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &ValueRef<'_>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        ValueRef::String(text) => text.into_bound_py_any(py),
        ValueRef::Bool(value) => value.into_bound_py_any(py),
        ValueRef::Int(value) => value.into_bound_py_any(py),
        ValueRef::Double(value) => value.into_bound_py_any(py),
        ValueRef::Bytes(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        ValueRef::Array(elements) => {
            let list = PyList::empty(py);
            for element in *elements {
                list.append(to_python(py, &element)?)?;
            }
            Ok(list.into_any())
        }
        ValueRef::KvList(members) => Ok(to_dict(py, *members)?.into_any()),
        // No member, or one that this module does not know: to it there is none.
        _ => Ok(py.None().into_bound(py)),
    }
}

/// The list as a dict; of equal keys the last.
pub(crate) fn to_dict<'py>(py: Python<'py>, list: AttributesRef<'_>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for attribute in list {
        dict.set_item(attribute.key(), to_python(py, &attribute.value())?)?;
    }
    Ok(dict)
}

/// The list as pairs, as sent.
pub(crate) fn to_items<'py>(py: Python<'py>, list: AttributesRef<'_>) -> PyResult<Bound<'py, PyList>> {
    let items = PyList::empty(py);
    for attribute in list {
        items.append((attribute.key(), to_python(py, &attribute.value())?))?;
    }
    Ok(items)
}
