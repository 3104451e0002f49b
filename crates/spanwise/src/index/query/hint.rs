//! What may be meant by a word that means nothing where it stands.

use super::ast::{Expr, Field, Literal, Scope, Type};
use super::token::{Kind, is_short, tokens};

/// What is said of such a word anywhere.
const NOTHING: &str = "this word means nothing here";

/// Fields without a scope, as they are written.
const FIELDS: [&str; 9] = [
    "name",
    "duration",
    "status",
    "statusMessage",
    "kind",
    "childCount",
    "rootName",
    "rootServiceName",
    "traceDuration",
];

const LITERALS: [&str; 12] = [
    "true",
    "false",
    "nil",
    "unset",
    "ok",
    "error",
    "unspecified",
    "internal",
    "server",
    "client",
    "producer",
    "consumer",
];

fn is_comparison(kind: &Kind) -> bool {
    matches!(kind, Kind::Sign("=" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~"))
}

fn is_operator(kind: &Kind) -> bool {
    is_comparison(kind) || matches!(kind, Kind::Sign("+" | "-" | "*" | "/" | "%" | "^"))
}

/// Of a word in the place of a value, between these two.
pub(super) fn of_value(word: &str, before: &Kind, behind: &Kind) -> String {
    let known = |words: &[&'static str]| words.iter().copied().find(|known| known.eq_ignore_ascii_case(word));
    let is_compared = is_comparison(before);
    match word {
        "count" | "avg" | "min" | "max" | "sum" | "by" | "select" | "coalesce"
            if *behind == Kind::Sign("(") =>
        {
            let example = match word {
                "count" => "count() > 2",
                "by" => "by(name)",
                "select" => "select(name)",
                "coalesce" => "coalesce()",
                _ => "sum(.tokens) > 2",
            };
            return format!("`{word}` stands behind the braces, after a `|`, as in `{{ }} | {example}`");
        }
        "not" | "NOT" => return format!("{NOTHING}; not is written `!`"),
        _ => {}
    }
    if let Some(literal) = known(&LITERALS) {
        return format!("{NOTHING}; is `{literal}` meant, or a text in double quotes?");
    }
    if is_compared {
        return format!("{NOTHING}; text stands in double quotes");
    }
    if let Some(field) = known(&FIELDS) {
        return format!("{NOTHING}; is `{field}` meant?");
    }
    if is_operator(behind) && is_short(word) {
        let [field, of_span] = attributes(word);
        return format!("{NOTHING}; is `{field}` or `{of_span}` meant?");
    }
    format!("{NOTHING}; text stands in double quotes, and an attribute begins with a dot")
}

/// Of two sides that cannot be equal.
pub(super) fn of_types(left: &Expr, right: &Expr) -> String {
    let nothing = "the two sides are of different types, so this would never be true";
    let quoted = match (left, right) {
        (Expr::Literal(Literal::Text(text)), other) | (other, Expr::Literal(Literal::Text(text))) => {
            without_quotes(text, other.type_of())
        }
        _ => None,
    };
    quoted
        .map_or_else(|| nothing.to_owned(), |literal| format!("{nothing}; write `{literal}` without quotes"))
}

/// The literal of this type that a text is but for its quotes.
fn without_quotes(text: &str, wanted: Type) -> Option<&str> {
    if wanted == Type::Number {
        // A comment could begin at a slash, and swallow what stands behind.
        if !is_short(text) || text.contains(|c: char| c.is_whitespace() || c == '/') {
            return None;
        }
        let found = tokens(text).ok()?;
        let [number, _end] = found.as_slice() else { return None };
        return matches!(number.kind, Kind::Int(_) | Kind::Float(_) | Kind::Duration(_)).then_some(text);
    }
    let word = LITERALS.into_iter().find(|known| known.eq_ignore_ascii_case(text))?;
    (Literal::of_word(word)?.type_of() == wanted).then_some(word)
}

/// The ways to write an attribute whose dot is missing.
pub(super) fn attributes(name: &str) -> [String; 2] {
    [Scope::Unscoped, Scope::Span].map(|scope| Field::Attribute(scope, name.to_owned()).name())
}

/// Of a word in the place of an operator: what stands for it.
pub(super) fn of_operator(word: &str) -> Option<&'static str> {
    if word.eq_ignore_ascii_case("and") {
        return Some("and is written `&&`");
    }
    word.eq_ignore_ascii_case("or").then_some("or is written `||`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Query;

    #[test]
    fn what_is_proposed_is_read() {
        for field in FIELDS {
            assert!(Query::parse(&format!("{{ {field} != nil }}")).is_ok(), "{field}");
        }
        for literal in LITERALS {
            assert!(Query::parse(&format!("{{ .a = {literal} }}")).is_ok(), "{literal}");
        }
        for word in ["count", "avg", "min", "max", "sum", "by", "select", "coalesce"] {
            let hint = of_value(word, &Kind::End, &Kind::Sign("("));
            let example = hint.split('`').rev().nth(1).unwrap_or_default();
            assert!(Query::parse(example).is_ok(), "{example}");
        }
    }
}
