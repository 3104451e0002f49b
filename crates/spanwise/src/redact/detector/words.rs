//! The words that keys, tokens and credentials begin with or stand behind, all searched for at once.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind, packed};

use super::class::{ALNUM, after_escape_letter, from, is, opens, reach_on, run_end_within};
use super::provider_key::AWS_CONTEXT;
use super::scan::Sink;
use super::{Builtin, Selection, credential, email, jwt, private_key, provider_key, url};

/// The shortest text with a find: a mail address in a URL.
const SHORTEST: usize = 8;

/// What a word is, and so what is looked for behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word {
    /// What begins a key. `provider_key` knows what must follow.
    Prefix,
    /// `{"`, `{ ` and `{` with a line end, in base64.
    Token,
    Armour,
    /// The end of `Bearer`, `Basic` or `Token`, with a space, a tab, or a tab that is escaped. In the odd spelling with capitals
    /// and small letters mixed within the ends, the scheme is not known.
    Scheme,
    Authorization,
    /// A `@` in a URL.
    Sign,
    /// What a server answers to a browser: it stands in the URL's fragment.
    Member,
    Webhook,
    /// One of `provider_key::AWS_WORDS`.
    Aws,
}

/// All words. What stands sixteen places apart is told apart by the packed searcher last, at some cost, so words stand there
/// that look alike, or whose mixture is in no text: an order that was searched for, over prose, code, base64 and traces. Any
/// other is right as well, and takes up to five times as long.
static WORDS: [(Word, &str); 60] = [
    (Word::Prefix, "AIza"),
    (Word::Prefix, "ghp_"),
    (Word::Prefix, "gho_"),
    (Word::Prefix, "github_pat_"),
    (Word::Member, "#access_token="),
    (Word::Prefix, "rk_live_"),
    (Word::Prefix, "AKIA"),
    (Word::Prefix, "gsk_"),
    (Word::Prefix, "ghr_"),
    (Word::Prefix, "xai-"),
    (Word::Prefix, "ghs_"),
    (Word::Prefix, "sk-"),
    (Word::Prefix, "npm_"),
    (Word::Scheme, "oken "),
    (Word::Prefix, "xox"),
    (Word::Prefix, "A3T"),
    (Word::Prefix, "ABIA"),
    (Word::Prefix, "ghu_"),
    (Word::Token, "ewo"),
    (Word::Token, "eyJ"),
    (Word::Member, "#id_token="),
    (Word::Prefix, "hf_"),
    (Word::Prefix, "ASIA"),
    (Word::Prefix, "pplx-"),
    (Word::Scheme, "earer "),
    (Word::Prefix, "ya29."),
    (Word::Prefix, "glpat-"),
    (Word::Prefix, "sk_live_"),
    (Word::Prefix, "hvs."),
    (Word::Prefix, "rk_test_"),
    (Word::Authorization, "uthorization"),
    (Word::Prefix, "ABSK"),
    (Word::Armour, "-----BEGIN "),
    (Word::Prefix, "dapi"),
    (Word::Token, "ew0K"),
    (Word::Token, "eyA"),
    (Word::Sign, "%40"),
    (Word::Prefix, "r8_"),
    (Word::Prefix, "ACCA"),
    (Word::Prefix, "lsv2_"),
    (Word::Aws, "ecretAccessKey"),
    (Word::Prefix, "xapp-"),
    (Word::Prefix, "glc_"),
    (Word::Prefix, "pk-lf-"),
    (Word::Aws, "aws"),
    (Word::Prefix, "rk_prod_"),
    (Word::Webhook, "hooks.slack.com/services/"),
    (Word::Prefix, "SG."),
    (Word::Prefix, "whsec_"),
    (Word::Scheme, "OKEN "),
    (Word::Scheme, "asic "),
    (Word::Scheme, "ASIC "),
    (Word::Scheme, "earer\t"),
    (Word::Scheme, "earer\\"),
    (Word::Scheme, "EARER "),
    (Word::Prefix, "sk_test_"),
    (Word::Prefix, "sk_prod_"),
    (Word::Aws, "ecret_access_key"),
    (Word::Aws, "AWS"),
    (Word::Aws, "Aws"),
];

/// So many words fit into the packed searcher of any machine.
const FEW: usize = 30;

enum Searcher {
    /// Many bytes at a time (Teddy); there on machines with the instructions for it. Where the words are too many for one, two
    /// share them: with each, the place of its first word.
    Packed(Vec<(usize, packed::Searcher)>),
    Automaton(AhoCorasick),
    /// Never: the words are known to be few and short.
    Nothing,
}

static SEARCHER: LazyLock<Searcher> = LazyLock::new(|| {
    packed_searchers(WORDS.len())
        .or_else(|| packed_searchers(FEW))
        .map(Searcher::Packed)
        .or_else(|| {
            let words = WORDS.iter().map(|(_, word)| word);
            let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words);
            automaton.ok().map(Searcher::Automaton)
        })
        .unwrap_or(Searcher::Nothing)
});

/// Packed searchers of so many words each.
fn packed_searchers(count: usize) -> Option<Vec<(usize, packed::Searcher)>> {
    let searcher = |words: &[(Word, &str)]| {
        let mut config = packed::Config::new();
        config.match_kind(packed::MatchKind::LeftmostFirst);
        config.builder().extend(words.iter().map(|(_, word)| word)).build()
    };
    WORDS.chunks(count).enumerate().map(|(place, words)| Some((place * count, searcher(words)?))).collect()
}

/// Looks behind every word.
pub(super) fn scan(text: &[u8], on: Selection, found: &mut impl Sink) -> ControlFlow<()> {
    if text.len() < SHORTEST {
        return ControlFlow::Continue(());
    }
    let mut armour = private_key::Armour::default();
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
            Some(Word::Armour) if on.has(Builtin::PrivateKey) => {
                if let Some(end) = armour.find(text, start) {
                    found(Builtin::PrivateKey, start, end)?;
                }
            }
            Some(Word::Scheme) if on.has(Builtin::Bearer) => {
                if let Some((start, end)) = credential::find_bearer(text, end - 1) {
                    found(Builtin::Bearer, start, end)?;
                }
            }
            Some(Word::Authorization) if on.has(Builtin::Bearer) => {
                if let Some((start, end)) = credential::find_authorized(text, end) {
                    found(Builtin::Bearer, start, end)?;
                }
            }
            Some(Word::Sign) if on.has(Builtin::Email) => {
                if let Some((start, end)) = email::find_between(text, start, end) {
                    found(Builtin::Email, start, end)?;
                }
            }
            Some(Word::Member) if on.has(Builtin::UrlSecretParam) => {
                if let Some((start, end)) = url::find_secret_member(text, start + 1) {
                    found(Builtin::UrlSecretParam, start, end)?;
                }
            }
            Some(Word::Webhook) if on.has(Builtin::KeyMisc) => {
                if let Some(last) = provider_key::find_slack_webhook(text, end) {
                    found(Builtin::KeyMisc, end, last)?;
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
        Searcher::Packed(searchers) => {
            for (first, searcher) in searchers {
                for at in searcher.find_iter(text) {
                    word(first + at.pattern().as_usize(), at.start(), at.end())?;
                }
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
    use super::super::provider_key::AWS_WORDS;
    use super::*;

    #[test]
    fn there_is_a_searcher() {
        assert!(!matches!(*SEARCHER, Searcher::Nothing));
        assert!(WORDS.iter().all(|(_, word)| word.len() >= 3));
        // The packed searcher takes no more.
        assert!(WORDS.len() <= 64 && WORDS.len() <= 2 * FEW);
    }

    #[test]
    fn no_word_stands_twice_or_begins_another() {
        for (place, (_, word)) in WORDS.iter().enumerate() {
            let others = WORDS.iter().enumerate().filter(|(other, _)| *other != place);
            assert!(others.map(|(_, (_, other))| other).all(|other| !other.starts_with(word)), "{word}");
        }
        let aws = WORDS.iter().filter(|(kind, _)| *kind == Word::Aws);
        assert_eq!(aws.count(), AWS_WORDS.len());
        assert!(AWS_WORDS.iter().all(|word| WORDS.iter().any(|(_, other)| other.as_bytes() == *word)));
    }
}
