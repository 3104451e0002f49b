//! The words that keys, tokens and credentials begin with or stand behind, all searched for at once.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind, packed};

use super::class::{ALNUM, after_escape_letter, from, is, opens, reach_on, run_end_within};
use super::provider_key::{AWS_CONTEXT, AWS_WORDS};
use super::scan::Sink;
use super::{Builtin, Selection, credential, jwt, private_key, provider_key};

/// What begins a key. `provider_key` knows what must follow.
const PREFIXES: [&str; 31] = [
    "sk-",
    "sk_live_",
    "sk_test_",
    "sk_prod_",
    "rk_live_",
    "rk_test_",
    "rk_prod_",
    "AIza",
    "AKIA",
    "ASIA",
    "ABIA",
    "ACCA",
    "A3T",
    "ABSK",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gsk_",
    "glc_",
    "xox",
    "hf_",
    "npm_",
    "pplx-",
    "pk-lf-",
    "dapi",
    "whsec_",
    "lsv2_",
];
const TOKEN: &str = "eyJ";
const ARMOUR: &str = "-----BEGIN ";
/// The ends of `Bearer`, `Basic` and `Token`. In the odd spelling with capitals and small letters mixed within the ends,
/// the scheme is not known.
const SCHEMES: [&str; 6] = ["earer ", "EARER ", "asic ", "ASIC ", "oken ", "OKEN "];
/// The shortest text with a find: a key of Stripe's.
const SHORTEST: usize = 18;

#[derive(Clone, Copy)]
enum Word {
    Prefix,
    Token,
    Armour,
    Scheme,
    Aws,
}

enum Searcher {
    /// Many bytes at a time (Teddy); there on machines with the instructions for it.
    Packed(packed::Searcher),
    Automaton(AhoCorasick),
    /// Never: the words are known to be few and short.
    Nothing,
}

static WORDS: LazyLock<Vec<(Word, &'static [u8])>> = LazyLock::new(|| {
    let prefixes = PREFIXES.iter().map(|word| (Word::Prefix, word.as_bytes()));
    let schemes = SCHEMES.iter().map(|word| (Word::Scheme, word.as_bytes()));
    let aws = AWS_WORDS.iter().map(|word| (Word::Aws, *word));
    let single = [(Word::Token, TOKEN.as_bytes()), (Word::Armour, ARMOUR.as_bytes())];
    prefixes.chain(schemes).chain(aws).chain(single).collect()
});

static SEARCHER: LazyLock<Searcher> = LazyLock::new(|| {
    let words = || WORDS.iter().map(|(_, word)| word);
    let packed =
        packed::Config::new().match_kind(packed::MatchKind::LeftmostFirst).builder().extend(words()).build();
    let automaton = || AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words());
    packed
        .map(Searcher::Packed)
        .or_else(|| automaton().ok().map(Searcher::Automaton))
        .unwrap_or(Searcher::Nothing)
});

/// Looks behind every word.
pub(super) fn scan(text: &[u8], on: Selection, found: &mut impl Sink) -> ControlFlow<()> {
    if text.len() < SHORTEST {
        return ControlFlow::Continue(());
    }
    let mut armour_end = 0;
    let mut word = |pattern: usize, start: usize, end: usize| {
        match WORDS.get(pattern).map(|(word, _)| *word) {
            Some(Word::Prefix) if opens(text, start) => {
                if let Some((builtin, end)) = provider_key::find(text, start)
                    && on.has(builtin)
                {
                    found(builtin, start, end)?;
                }
            }
            Some(Word::Token) if on.has(Builtin::Jwt) && opens(text, start) => {
                if let Some(end) = jwt::find(text, start) {
                    found(Builtin::Jwt, start, end)?;
                }
            }
            Some(Word::Armour) if on.has(Builtin::PrivateKey) && start >= armour_end => {
                if let Some(end) = private_key::find(text, start) {
                    armour_end = end;
                    found(Builtin::PrivateKey, start, end)?;
                }
            }
            Some(Word::Scheme) if on.has(Builtin::Bearer) => {
                if let Some(last) = credential::find_bearer(text, end) {
                    found(Builtin::Bearer, end, last)?;
                }
            }
            Some(Word::Aws) if on.has(Builtin::KeyAwsSecret) => {
                let mut place = end;
                let last = reach_on(text, start, AWS_CONTEXT);
                while place <= last && !from(text, place).is_empty() {
                    let key = place + usize::from(after_escape_letter(text, place + 1));
                    if let Some(end) = provider_key::find_aws_secret(text, key) {
                        found(Builtin::KeyAwsSecret, key, end)?;
                    }
                    place = run_end_within(text, place, ALNUM, AWS_CONTEXT);
                    place += from(text, place)
                        .iter()
                        .take(AWS_CONTEXT)
                        .take_while(|byte| !is(**byte, ALNUM))
                        .count();
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    };
    match &*SEARCHER {
        Searcher::Packed(searcher) => {
            for at in searcher.find_iter(text) {
                word(at.pattern().as_usize(), at.start(), at.end())?;
            }
        }
        Searcher::Automaton(searcher) => {
            for at in searcher.find_iter(text) {
                word(at.pattern().as_usize(), at.start(), at.end())?;
            }
        }
        Searcher::Nothing => {}
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_searcher() {
        assert!(!matches!(*SEARCHER, Searcher::Nothing));
        assert!(WORDS.iter().all(|(_, word)| word.len() >= 3));
    }
}
