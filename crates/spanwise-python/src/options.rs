//! Options as Python spells them.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyMapping, PyString};
use spanwise::{Framing, Mode};
use spanwise_arrow::{ArrowOptions, Compact, Ids, Layout, Names, Promotion, Times};

use crate::errors::shown;

fn choice<T: Copy>(name: &str, word: &str, choices: &[(&str, T)]) -> PyResult<T> {
    let found = choices.iter().find(|(choice, _)| *choice == word);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = choices.iter().map(|(choice, _)| format!("{choice:?}")).collect();
        PyValueError::new_err(format!("{name} must be one of {}, not {:?}", words.join(", "), shown(word)))
    })
}

/// `mode`.
pub(crate) fn mode(word: &Bound<'_, PyAny>) -> PyResult<Mode> {
    mode_of(word.extract()?)
}

/// The mode of this name.
pub(crate) fn mode_of(word: &str) -> PyResult<Mode> {
    choice("mode", word, &[("lenient", Mode::Lenient), ("strict", Mode::Strict)])
}

/// `framing`.
pub(crate) fn framing(word: &Bound<'_, PyAny>) -> PyResult<Framing> {
    let choices = [("auto", Framing::Auto), ("lines", Framing::Lines), ("documents", Framing::Documents)];
    choice("framing", word.extract()?, &choices)
}

/// `on_error`: whether to raise.
pub(crate) fn raises(word: &Bound<'_, PyAny>) -> PyResult<bool> {
    choice("on_error", word.extract()?, &[("skip", false), ("raise", true)])
}

/// `columns`: any iterable of names, but no name alone.
pub(crate) fn columns(names: &Bound<'_, PyAny>) -> PyResult<Option<Vec<String>>> {
    let wrong = || PyTypeError::new_err("columns must be a list of the names of columns");
    if names.is_none() {
        return Ok(None);
    }
    if names.is_instance_of::<PyString>() || names.is_instance_of::<PyBytes>() {
        return Err(wrong());
    }
    let mut found = Vec::new();
    for name in names.try_iter().map_err(|_| wrong())? {
        found.push(name?.extract().map_err(|_| wrong())?);
    }
    Ok(Some(found))
}

/// `path`: what `open` takes, but for bytes and descriptors.
pub(crate) fn path(path: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    path.extract().map_err(|_| {
        let found = path.get_type().name().map_or_else(|_| "that".to_owned(), |name| name.to_string());
        let hint =
            if path.is_instance_of::<PyBytes>() { ": os.fsdecode(path) makes a str of it" } else { "" };
        PyTypeError::new_err(format!("path must be a str or an os.PathLike, not {found}{hint}"))
    })
}

/// `promote`: any mapping of keys to types.
pub(crate) fn promote(wanted: &Bound<'_, PyAny>) -> PyResult<Option<Vec<(String, String)>>> {
    let wrong = || {
        PyTypeError::new_err(
            "promote must be a dict of keys of attributes and types, as {\"gen_ai.usage.input_tokens\": \"int64\"}",
        )
    };
    if wanted.is_none() {
        return Ok(None);
    }
    let items = wanted.cast::<PyMapping>().map_err(|_| wrong())?.items()?;
    items.extract().map(Some).map_err(|_| wrong())
}

fn count(name: &str, number: &Bound<'_, PyAny>) -> PyResult<usize> {
    count_of(name, number, 0..=usize::MAX)
}

fn count_of(name: &str, number: &Bound<'_, PyAny>, range: RangeInclusive<usize>) -> PyResult<usize> {
    let found = number.extract().ok().filter(|number| range.contains(number));
    found.ok_or_else(|| {
        if number.is_instance_of::<PyInt>() {
            PyValueError::new_err(format!("{name} must be from {} to {}", range.start(), range.end()))
        } else {
            PyTypeError::new_err(format!("{name} must be an int"))
        }
    })
}

fn count_or_none(name: &str, number: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    if number.is_none() { Ok(None) } else { count(name, number).map(Some) }
}

/// `threads`.
pub(crate) fn threads(number: &Bound<'_, PyAny>) -> PyResult<usize> {
    count("threads", number)
}

/// `batch_size`.
pub(crate) fn batch_size(number: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    count_or_none("batch_size", number)
}

/// `limit`, which may be left out.
pub(crate) fn limit(number: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    count_or_none("limit", number)
}

/// `limit`, which may not.
pub(crate) fn limit_of_values(number: &Bound<'_, PyAny>) -> PyResult<usize> {
    count("limit", number)
}

/// `bins`.
pub(crate) fn bins(number: &Bound<'_, PyAny>) -> PyResult<usize> {
    count_of("bins", number, 1..=1 << 16)
}

/// `shares`: what quantiles are asked for.
pub(crate) fn shares(shares: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let shares: Vec<f64> = shares.extract()?;
    if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
        return Err(PyValueError::new_err("shares must be from 0 to 1, as 0.5 for the median"));
    }
    Ok(shares)
}

/// The options of a table.
pub(crate) struct TableOptions<'a> {
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) promote: Option<Vec<(String, String)>>,
    pub(crate) layout: &'a str,
    pub(crate) llm: bool,
    pub(crate) names: &'a str,
    pub(crate) ids: &'a str,
    pub(crate) times: &'a str,
    pub(crate) compact: Option<bool>,
}

impl TableOptions<'_> {
    pub(crate) fn read(self) -> PyResult<ArrowOptions> {
        let mut promote = Vec::new();
        for (key, to) in self.promote.unwrap_or_default() {
            let to = to
                .parse()
                .map_err(|error: spanwise::UnknownWord| PyValueError::new_err(error.to_string()))?;
            let promotion = Promotion::new(key, to);
            if !promotion.has_key() {
                return Err(PyValueError::new_err(format!(
                    "promote: {:?} names no attribute",
                    promotion.key
                )));
            }
            promote.push(promotion);
        }
        Ok(ArrowOptions {
            layout: choice("layout", self.layout, &[("map", Layout::Map), ("typed", Layout::Typed)])?,
            ids: choice("ids", self.ids, &[("text", Ids::Text), ("binary", Ids::Binary)])?,
            times: choice(
                "times",
                self.times,
                &[("nanoseconds", Times::Nanoseconds), ("microseconds", Times::Microseconds)],
            )?,
            names: choice(
                "names",
                self.names,
                &[("spanwise", Names::Spanwise), ("clickhouse", Names::ClickHouse)],
            )?,
            columns: self.columns,
            promote,
            llm: self.llm,
            compact: match self.compact {
                None => Compact::Auto,
                Some(true) => Compact::Always,
                Some(false) => Compact::Never,
            },
        })
    }
}
