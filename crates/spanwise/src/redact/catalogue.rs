//! Which attribute keys hold what, by convention: the rows of `catalogue.tsv`.
//!
//! The catalogue is data, with the convention and the source of every row, so that adding a key needs no code and an
//! auditor can read it. A test fails on any row that is malformed, stands twice, or never decides anything because a row
//! above it always does.

use super::place::{Place, Places};

static TEXT: &str = include_str!("catalogue.tsv");

/// What a row says of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Content of prompts, completions, tools, documents.
    Content,
    /// The same under an everyday word: numbers, true and false stay.
    Word,
    /// Content in JSON, with the usage and the finish reason of its call.
    Answer,
    /// Settings in JSON, of which some members are content.
    Settings,
    /// Metadata, often in JSON, of which some members say who it was.
    Metadata,
    /// A credential.
    Credential,
    /// Who it was.
    Identity,
    /// Stays, and is looked at by all detectors.
    Kept,
    /// An identifier, a count or a price: stays, and is not looked at by detectors that go by digits.
    Numeric,
}

/// How a row's pattern is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Exact,
    Tree,
    Glob,
    /// The name of a header has no case, and older conventions write its hyphens as underscores.
    Header,
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) class: Class,
    pub(crate) matching: Match,
    pub(crate) pattern: &'static str,
    pub(crate) places: Places,
    /// The name of the events in which alone the row holds, as a glob.
    pub(crate) event: Option<&'static str>,
    pub(crate) label: &'static str,
    /// For settings the members that are content, for metadata those that say who it was.
    pub(crate) members: Vec<&'static str>,
    pub(crate) convention: &'static str,
    pub(crate) source: &'static str,
}

/// The rows in order; the first that matches a key decides. Lines that are no rows are left out (the tests see to it
/// that there are none).
pub(crate) fn rows() -> impl Iterator<Item = Row> {
    lines().filter_map(Row::read)
}

fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

impl Row {
    fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().filter(|cell| !cell.is_empty());
        let class = match cell()? {
            "R" => Class::Content,
            "W" => Class::Word,
            "A" => Class::Answer,
            "M" => Class::Settings,
            "P" => Class::Metadata,
            "C" => Class::Credential,
            "I" => Class::Identity,
            "S" => Class::Kept,
            "K" => Class::Numeric,
            _ => return None,
        };
        let matching = match cell()? {
            "exact" => Match::Exact,
            "tree" => Match::Tree,
            "glob" => Match::Glob,
            "header" => Match::Header,
            _ => return None,
        };
        let pattern = cell()?;
        let places = match cell()? {
            "*" => Places::KEYED,
            list => list.split(',').map(Place::from_id).collect::<Option<Places>>()?,
        };
        let row = Self {
            class,
            matching,
            pattern,
            places,
            event: Some(cell()?).filter(|event| *event != "-"),
            label: cell()?,
            members: match cell()? {
                "-" => Vec::new(),
                list => list.split(',').collect(),
            },
            convention: cell()?,
            source: cell()?,
        };
        let has_members = matches!(class, Class::Settings | Class::Metadata);
        (cell().is_none() && row.members.is_empty() != has_members).then_some(row)
    }

    /// What all keys begin with that the expression matches, but for letters of which other alphabets have a lower case.
    pub(crate) fn header_head(&self) -> &'static str {
        self.pattern.split(['*', '-', 's', 'k']).next().unwrap_or_default()
    }

    /// The expression of a row for headers.
    pub(crate) fn header_expression(&self) -> String {
        let mut expression = String::from("(?is)^");
        for (place, segment) in self.pattern.split('.').enumerate() {
            expression.push_str(if place > 0 { r"\." } else { "" });
            match segment {
                "*" => expression.push_str(r"[^.:\[\]]+"),
                "**" => expression.push_str(".*"),
                name => expression.push_str(&name.replace('-', "[-_]")),
            }
        }
        expression.push_str(r"(?:[.:\[]|$)");
        expression
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_line_is_a_row_and_none_stands_twice() {
        assert_eq!(rows().count(), lines().count());
        let mut seen = HashSet::new();
        for row in rows() {
            assert!(seen.insert((row.pattern, row.event)), "{} stands twice", row.pattern);
            assert!(row.places.is_within(Places::KEYED), "{}", row.pattern);
            assert!(crate::redact::placeholder::is_label(row.label), "{}", row.label);
            let may_have_stars = matches!(row.matching, Match::Glob | Match::Header);
            assert_eq!(may_have_stars, row.pattern.contains('*'), "{}", row.pattern);
            let sources =
                ["semconv", "semconv-genai", "openrouter-broadcast", "openinference", "openllmetry"];
            let named = TEXT.contains(&format!("#   {} ", row.source));
            assert!(named || sources.contains(&row.source), "{} has no legend", row.source);
        }
        assert!(seen.len() > 400);
    }
}
