//! Options as Python spells them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use spanwise::{Framing, Mode};
use spanwise_arrow::{ArrowOptions, Compact, Ids, Layout, Names, Promotion};

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

/// The options of a table.
pub(crate) struct TableOptions<'a> {
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) promote: Option<Vec<(String, String)>>,
    pub(crate) layout: &'a str,
    pub(crate) llm: bool,
    pub(crate) names: &'a str,
    pub(crate) ids: &'a str,
    pub(crate) compact: Option<bool>,
}

impl TableOptions<'_> {
    pub(crate) fn read(self) -> PyResult<ArrowOptions> {
        let mut promote = Vec::new();
        for (key, to) in self.promote.unwrap_or_default() {
            let to = to
                .parse()
                .map_err(|error: spanwise_arrow::OptionsError| PyValueError::new_err(error.to_string()))?;
            promote.push(Promotion::new(key, to));
        }
        Ok(ArrowOptions {
            layout: choice("layout", self.layout, &[("map", Layout::Map), ("typed", Layout::Typed)])?,
            ids: choice("ids", self.ids, &[("text", Ids::Text), ("binary", Ids::Binary)])?,
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
