//! The report: rows as JSON, as Markdown tables and as a plot.

mod markdown;
mod svg;

use crate::contestants::{self, Reads};
use crate::machine::Machine;
use crate::measure::Row;
use serde::Serialize;

pub use markdown::markdown;
pub use svg::svg;

/// How a run was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The seed of the corpora.
    pub seed: u64,
    /// The least length of each corpus.
    pub bytes: u64,
    /// The rounds that the medians are taken of.
    pub rounds: usize,
}

/// All rows of one run, and what it was run on. Its fields but `settings` are the report's JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How the run was asked for.
    #[serde(skip)]
    pub settings: Settings,
    /// The machine and the build.
    pub machine: Machine,
    /// One row for each contestant on each case.
    pub rows: Vec<Row>,
}

impl Report {
    /// The report's JSON, indented.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// The speed of one contestant on one case.
    fn speed(&self, form: &str, corpus: &str, contestant: &str) -> Option<f64> {
        self.row(form, corpus, contestant)?.gb_per_s
    }

    fn row(&self, form: &str, corpus: &str, contestant: &str) -> Option<&Row> {
        let same = |row: &&Row| row.form == form && row.corpus == corpus && row.contestant == contestant;
        self.rows.iter().find(same)
    }

    /// The names that stand in the rows, in the order in which they first appear.
    fn names(&self, name: impl Fn(&Row) -> &'static str) -> Vec<&'static str> {
        let mut names = Vec::new();
        for row in &self.rows {
            if !names.contains(&name(row)) {
                names.push(name(row));
            }
        }
        names
    }
}

/// How much the contestant of that name understands.
fn reads(contestant: &str) -> Reads {
    let all = contestants::all();
    all.iter().find(|other| other.name() == contestant).map_or(Reads::Bytes, |other| other.reads())
}

#[cfg(test)]
fn example() -> Report {
    use crate::contestants::Task;
    let row = |contestant, gb_per_s, refused: Option<&str>| Row {
        corpus: "micro",
        form: "ndjson",
        task: Task::Decode,
        simd: "avx2",
        contestant,
        gb_per_s,
        spans: 9,
        allocations_per_request: gb_per_s.map(|_| 3.0),
        refused: refused.map(str::to_owned),
    };
    let rows = vec![
        row(contestants::BASE, Some(0.25), None),
        row(contestants::TAPE, Some(1.0), None),
        row("jiter tree", None, Some("a|b")),
    ];
    Report { settings: Settings { seed: 42, bytes: 1000, rounds: 3 }, machine: Machine::this(), rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_documented_fields() {
        let value: serde_json::Value = serde_json::from_str(&example().to_json().unwrap()).unwrap();
        let mut row = value["rows"][0].as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
        row.sort_unstable();
        let documented =
            ["allocations_per_request", "contestant", "corpus", "form", "gb_per_s", "simd", "spans", "task"];
        assert_eq!(row, documented);
        assert_eq!(value["rows"][0]["task"], "decode");
        assert_eq!(value["rows"][2]["refused"], "a|b");
        assert!(value["rows"][2]["gb_per_s"].is_null() && value["machine"]["cores"].is_number());
    }
}
