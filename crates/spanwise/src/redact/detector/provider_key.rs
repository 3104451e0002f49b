//! Keys of model providers, clouds, code hosts and the like, each known by its prefix, alphabet and length.
//!
//! Where an issuer put a checksum into its keys, it is checked; elsewhere a short prefix must be paid for with digits
//! or mixed case, so that `sk-learn-model` and `hf_transformers` stay.

use super::Builtin;
use super::class::{
    ALNUM, BASE64, DIGIT, HYPHEN, LOWER, UPPER, WORD, WORD_HYPHEN, at, before, closes, from, is, opens,
    reach_back, run_end_within, slice,
};

/// No key is longer. Looking no further keeps a text of nothing but prefixes (`sk-sk-sk-`) cheap.
const LONGEST: usize = 448;

fn run_end(text: &[u8], start: usize, classes: u8) -> usize {
    run_end_within(text, start, classes, LONGEST)
}

/// The key that begins at `start`, where a match may begin: whose it is, and where it ends.
pub(super) fn find(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let rest = from(text, start);
    match rest.first()? {
        b's' if rest.starts_with(b"sk-") => secret_key(text, start),
        b's' | b'r' => {
            stripe(text, start).or_else(|| prefixed(text, start, b"r8_", ALNUM, 37..=37, is_random))
        }
        b'S' => sendgrid(text, start),
        b'A' => google(text, start).or_else(|| aws_id(text, start)).or_else(|| bedrock(text, start)),
        b'g' => github(text, start).or_else(|| gitlab_groq_grafana(text, start)),
        b'x' => slack(text, start)
            .or_else(|| slack_app(text, start))
            .or_else(|| prefixed(text, start, b"xai-", ALNUM, 40..=128, is_random)),
        b'h' => prefixed(text, start, b"hf_", ALNUM, 34..=34, mixes_cases)
            .or_else(|| prefixed(text, start, b"hvs.", WORD_HYPHEN, 24..=256, is_random)),
        b'y' => prefixed(text, start, b"ya29.", WORD_HYPHEN, 30..=400, is_random),
        b'n' => prefixed(text, start, b"npm_", ALNUM, 36..=36, has_digit),
        b'p' => prefixed(text, start, b"pplx-", ALNUM, 48..=48, has_digit).or_else(|| langfuse(text, start)),
        b'd' => databricks(text, start),
        b'w' => prefixed(text, start, b"whsec_", ALNUM | BASE64, 24..=128, has_digit),
        b'l' => langsmith(text, start),
        _ => None,
    }
}

/// A prefix, then so many characters of an alphabet, to the end of their run, that pass a check.
fn prefixed(
    text: &[u8],
    start: usize,
    prefix: &[u8],
    alphabet: u8,
    lengths: std::ops::RangeInclusive<usize>,
    check: fn(&[u8]) -> bool,
) -> Option<(Builtin, usize)> {
    let body = start + from(text, start).starts_with(prefix).then_some(prefix.len())?;
    let end = run_end(text, body, alphabet);
    (lengths.contains(&(end - body)) && closes(text, end) && check(slice(text, body, end)))
        .then_some((Builtin::KeyMisc, end))
}

fn has_digit(body: &[u8]) -> bool {
    body.iter().any(u8::is_ascii_digit)
}

fn mixes_cases(body: &[u8]) -> bool {
    body.iter().any(u8::is_ascii_lowercase) && body.iter().any(u8::is_ascii_uppercase)
}

fn is_random(body: &[u8]) -> bool {
    has_digit(body) && body.iter().any(u8::is_ascii_alphabetic) && entropy(body) >= 3.0
}

/// Shannon's entropy of the bytes, in bits a byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = counts.iter().copied().map(f64::from).sum::<f64>();
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// `sk-…`: `OpenRouter`, Anthropic, Langfuse, `OpenAI`.
fn secret_key(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let rest = from(text, start);
    let end = run_end(text, start, WORD_HYPHEN);
    if rest.starts_with(b"sk-or-") {
        let digits =
            from(rest, 6).strip_prefix(b"v1-")?.iter().take_while(|digit| digit.is_ascii_hexdigit()).count();
        return (digits >= 32).then_some((Builtin::KeyOpenrouter, end));
    }
    if rest.starts_with(b"sk-ant-") {
        return (end - start >= 7 + 40).then_some((Builtin::KeyAnthropic, end));
    }
    if rest.starts_with(b"sk-lf-") {
        return langfuse(text, start);
    }
    let body = slice(text, start + 3, end);
    // The maker's name in base64 stands in the middle of all its newer keys.
    let is_marked = body.len() >= 40 && memchr::memmem::find(body, b"T3BlbkFJ").is_some();
    let is_plain = body.len() >= 40 && has_digit(body) && mixes_cases(body);
    // So do those who offer the same interface.
    let is_hex = body.len() == 32
        && body.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && is_random(body);
    (is_marked || is_plain || is_hex).then_some((Builtin::KeyOpenai, end))
}

/// `sk_live_…`, `rk_test_…` and their kin: Stripe.
fn stripe(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let rest = from(text, start);
    let is_key = matches!(rest, [b's' | b'r', b'k', b'_', ..])
        && [&b"live_"[..], b"test_", b"prod_"].iter().any(|mode| from(rest, 3).starts_with(mode));
    let end = run_end(text, start + 8, ALNUM);
    let body = slice(text, start + 8, end);
    let is_key = is_key
        && (10..=247).contains(&body.len())
        && closes(text, end)
        && (has_digit(body) || mixes_cases(body));
    is_key.then_some((Builtin::KeyMisc, end))
}

/// `AIza` and 35 characters, not repeated ones. A hyphen behind it may be another thing's.
fn google(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let end = start + 39;
    let is_key = from(text, start).starts_with(b"AIza")
        && run_end_within(text, start, WORD_HYPHEN, 39) == end
        && closes(text, end)
        && entropy(slice(text, start, end)) >= 3.5;
    is_key.then_some((Builtin::KeyGoogle, end))
}

/// `AKIA`, `ASIA`, `ABIA`, `ACCA` or `A3T?` and sixteen characters of base32.
fn aws_id(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let is_prefix = match slice(text, start, start + 4) {
        b"AKIA" | b"ASIA" | b"ABIA" | b"ACCA" => true,
        [b'A', b'3', b'T', last] => is(*last, UPPER | DIGIT),
        _ => false,
    };
    let body = slice(text, start + 4, start + 20);
    let is_key = is_prefix
        && body.len() == 16
        && body.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        && !is(at(text, start + 20), WORD);
    is_key.then_some((Builtin::KeyAwsId, start + 20))
}

/// `ABSK` and a long base64 text: Amazon Bedrock.
fn bedrock(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    prefixed(text, start, b"ABSK", ALNUM | BASE64, 109..=269, has_digit)
}

/// `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_` and 36 characters, the last six a checksum; `github_pat_` and 82.
fn github(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let rest = from(text, start);
    if rest.starts_with(b"github_pat_") {
        let end = run_end(text, start, WORD);
        return (end - start == 11 + 82).then_some((Builtin::KeyGithub, end));
    }
    let [b'g', b'h', kind @ (b'p' | b'o' | b'u' | b's' | b'r'), b'_', ..] = rest else {
        return None;
    };
    let end = run_end(text, start + 4, WORD);
    let body = slice(text, start + 4, end);
    let is_key = match body.len() {
        36 => has_github_checksum(body),
        // Newer tokens of apps and users are longer and have no published checksum.
        60..=255 => matches!(kind, b's' | b'u') && has_digit(body),
        _ => false,
    };
    is_key.then_some((Builtin::KeyGithub, end))
}

/// Whether the last six characters are the CRC-32 of the thirty before, in base 62 (0–9, A–Z, a–z), left-padded.
fn has_github_checksum(body: &[u8]) -> bool {
    let (Some(random), Some(checksum)) = (body.get(..30), body.get(30..)) else {
        return false;
    };
    let mut rest = !random.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1)))
    });
    checksum.iter().rev().all(|digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return false,
        };
        let fits = rest % 62 == u32::from(value);
        rest /= 62;
        fits
    })
}

/// `glpat-…` (GitLab), `gsk_…` (Groq), `glc_…` (Grafana Cloud).
fn gitlab_groq_grafana(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    prefixed(text, start, b"glpat-", WORD_HYPHEN, 20..=64, is_random)
        .or_else(|| prefixed(text, start, b"gsk_", ALNUM, 20..=128, is_random))
        .or_else(|| prefixed(text, start, b"glc_", ALNUM | BASE64, 32..=400, is_random))
}

/// `xoxb-…` and the other letters: Slack.
fn slack(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let [b'x', b'o', b'x', b'a' | b'b' | b'o' | b'p' | b'r' | b's' | b'e', b'-', ..] = from(text, start)
    else {
        return None;
    };
    let end = run_end(text, start, ALNUM | HYPHEN);
    (end - start >= 5 + 14 && has_digit(slice(text, start, end)) && closes(text, end))
        .then_some((Builtin::KeyMisc, end))
}

/// `xapp-1-A…`, the number of the app and 64 hexadecimal digits: an app of Slack's.
fn slack_app(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let body = start + from(text, start).starts_with(b"xapp-").then_some(5)?;
    let end = run_end(text, body, ALNUM | HYPHEN);
    let is_key = is(at(text, body), DIGIT)
        && at(text, body + 1) == b'-'
        && end - body >= 32
        && is_random(slice(text, body, end))
        && closes(text, end);
    is_key.then_some((Builtin::KeyMisc, end))
}

/// The secret of a webhook of Slack's, behind `hooks.slack.com/services/`: `T…/B…/` and 24 characters.
pub(super) fn find_slack_webhook(text: &[u8], start: usize) -> Option<usize> {
    let team = run_end(text, start, UPPER | DIGIT);
    let app = run_end(text, team + 1, UPPER | DIGIT);
    let end = run_end(text, app + 1, ALNUM);
    let is_hook = at(text, start) == b'T'
        && at(text, team) == b'/'
        && at(text, team + 1) == b'B'
        && at(text, app) == b'/'
        && (20..=32).contains(&(end - app - 1))
        && closes(text, end);
    is_hook.then_some(end)
}

/// `SG.`, 22 characters, a dot and 43 more: `SendGrid`.
fn sendgrid(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let body = start + from(text, start).starts_with(b"SG.").then_some(3)?;
    let dot = run_end(text, body, WORD_HYPHEN);
    let end = run_end(text, dot + 1, WORD_HYPHEN);
    let is_key =
        dot - body == 22 && at(text, dot) == b'.' && end - dot == 44 && is_random(slice(text, body, end));
    is_key.then_some((Builtin::KeyMisc, end))
}

/// `sk-lf-` or `pk-lf-` and a UUID.
fn langfuse(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let end = start + 42;
    let is_key = matches!(slice(text, start, start + 6), b"sk-lf-" | b"pk-lf-")
        && is_uuid(slice(text, start + 6, end))
        && !is(at(text, end), WORD_HYPHEN);
    is_key.then_some((Builtin::KeyMisc, end))
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(place, byte)| {
            if matches!(place, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
        })
}

/// `dapi` and 32 hexadecimal digits, with the number of a copy behind a hyphen.
fn databricks(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let digits = from(text, start).strip_prefix(b"dapi")?.get(..32)?;
    let mut end = start + 36;
    if !digits.iter().all(|byte| is(*byte, DIGIT) || matches!(byte, b'a'..=b'f')) {
        return None;
    }
    if at(text, end) == b'-' && is(at(text, end + 1), DIGIT) {
        end += 2;
    }
    closes(text, end).then_some((Builtin::KeyMisc, end))
}

/// `lsv2_pt_` or `lsv2_sk_`, 32 hexadecimal digits and ten more.
fn langsmith(text: &[u8], start: usize) -> Option<(Builtin, usize)> {
    let rest = from(text, start).strip_prefix(b"lsv2_")?;
    let rest = rest.strip_prefix(b"pt_").or_else(|| rest.strip_prefix(b"sk_"))?;
    let end = run_end(text, start, WORD);
    let digits = slice(rest, 0, end - start - 8);
    let is_key = digits.len() >= 32 && digits.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'_');
    is_key.then_some((Builtin::KeyMisc, end))
}

/// What tells a secret key of AWS, if `secret` or `key` stands behind it, or is part of it.
pub(super) const AWS_WORDS: [&[u8]; 5] = [b"aws", b"AWS", b"Aws", b"ecretAccessKey", b"ecret_access_key"];
/// From the beginning of the word to the key: the rest of a name, quotes, spaces, a colon or an equals sign; backslashes
/// not counted.
pub(super) const AWS_CONTEXT: usize = 64;

/// A secret key of AWS at `start`: forty characters of base64, known only by the words before it.
///
/// Without such words it looks like a commit's hash or any other noise.
pub(super) fn find_aws_secret(text: &[u8], start: usize) -> Option<usize> {
    const LENGTH: usize = 40;
    let touching = before(text, start);
    if !opens(text, start) || touching == b'/' || touching == b'+' {
        return None;
    }
    let end = run_end_within(text, start, ALNUM | BASE64, LENGTH);
    let body = slice(text, start, end);
    let is_shaped = body.len() == LENGTH
        && !body.contains(&b'=')
        && !is(at(text, end), WORD_HYPHEN | BASE64)
        && body.iter().any(|byte| is(*byte, DIGIT))
        && body.iter().any(|byte| is(*byte, UPPER))
        && body.iter().any(|byte| is(*byte, LOWER));
    if !is_shaped {
        return None;
    }
    let context = slice(text, reach_back(text, start, AWS_CONTEXT), start);
    let words = context.to_ascii_lowercase();
    let is_named = |aws: usize| {
        let rest = from(&words, aws);
        [&b"secret"[..], b"key"].iter().any(|word| memchr::memmem::find(rest, word).is_some())
    };
    AWS_WORDS.iter().any(|word| memchr::memmem::find(context, word).is_some_and(is_named)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32_in_base_62() {
        assert!(has_github_checksum(b"vwGILW4VMBMI0qWFNhTbPDXHeEoVaz2HIxlN"));
        assert!(!has_github_checksum(b"vwGILW4VMBMI0qWFNhTbPDXHeEoVaz2HIxlO"));
    }

    #[test]
    fn entropy_is_shannons() {
        assert!((entropy(b"abcdabcd") - 2.0).abs() < 1e-9);
        assert!(entropy(b"aaaa").abs() < 1e-9);
    }
}
