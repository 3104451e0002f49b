//! Made-up prose: what people and models say in the corpora.

use crate::random::Random;

/// What the long texts are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    /// ASCII only.
    English,
    /// Chinese, Japanese and Korean, some Cyrillic and accents, a few emoji.
    Mixed,
}

const ENGLISH: [&str; 64] = [
    "the",
    "harbour",
    "light",
    "turns",
    "slowly",
    "over",
    "water",
    "and",
    "a",
    "keeper",
    "writes",
    "every",
    "night",
    "into",
    "log",
    "which",
    "lamp",
    "burned",
    "longest",
    "please",
    "answer",
    "with",
    "one",
    "short",
    "paragraph",
    "about",
    "tide",
    "tables",
    "rope",
    "ledger",
    "of",
    "small",
    "boats",
    "that",
    "came",
    "home",
    "before",
    "storm",
    "list",
    "three",
    "reasons",
    "why",
    "this",
    "function",
    "returns",
    "nothing",
    "when",
    "input",
    "is",
    "empty",
    "then",
    "fix",
    "it",
    "in",
    "place",
    "without",
    "changing",
    "public",
    "names",
    "of",
    "module",
    "nor",
    "its",
    "tests",
];

const MIXED: [&str; 32] = [
    "灯台の",
    "守り人は",
    "毎晩",
    "記録を",
    "つけている",
    "海は",
    "静かで",
    "港の",
    "灯火",
    "在夜里",
    "慢慢地",
    "转动",
    "请用",
    "一段话",
    "回答",
    "这个问题",
    "潮汐表",
    "和",
    "绳索",
    "항구의",
    "등대가",
    "천천히",
    "돌아간다",
    "маяк",
    "светит",
    "ночью",
    "café",
    "Übersicht",
    "señal",
    "🧭",
    "⚓",
    "小さな船が",
];

/// Adds about `size` bytes of sentences: one in twelve is quoted, one in six ends a line.
pub(crate) fn prose(random: &mut Random, tongue: Tongue, size: usize, out: &mut String) {
    let end = out.len() + size;
    while out.len() < end {
        let quoted = random.one_in(12);
        if quoted {
            out.push('"');
        }
        for row in 0..random.between(3, 9) {
            match tongue {
                Tongue::English => {
                    if row > 0 {
                        out.push(' ');
                    }
                    out.push_str(random.pick(&ENGLISH));
                }
                Tongue::Mixed => out.push_str(random.pick(&MIXED)),
            }
        }
        if quoted {
            out.push('"');
        }
        out.push_str(match (tongue, random.below(12)) {
            (_, 0) => ".\n",
            (_, 1) => ":\n\t- ",
            (Tongue::English, _) => ". ",
            (Tongue::Mixed, _) => "。",
        });
    }
}

/// About `size` bytes of sentences.
pub(crate) fn prose_of(random: &mut Random, tongue: Tongue, size: usize) -> String {
    let mut out = String::with_capacity(size + 128);
    prose(random, tongue, size, &mut out);
    out
}

/// A token such as services give to users, sessions and responses.
pub(crate) fn token(random: &mut Random, prefix: &str) -> String {
    format!("{prefix}{:016x}{:08x}", random.next(), random.next() >> 32)
}

/// A dashed UUID.
pub(crate) fn uuid(random: &mut Random) -> String {
    let (high, low) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}
