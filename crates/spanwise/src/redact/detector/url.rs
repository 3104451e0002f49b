//! Secrets in URLs: the user and password before the host, and the values of query members that sign or admit.

use super::class::{
    DIGIT, LOWER, SPACE, UPPER, WORD_HYPHEN, at, before, colour_length, from, is, is_spelt, opens, slice,
    starts_with_ignoring_case,
};
use crate::redact::placeholder;

/// Query members that hold secrets, in lower case (compared without regard to case, after percent-decoding). The first
/// seven are those of the semantic conventions for URLs.
const SECRET_MEMBERS: [&[u8]; 20] = [
    b"x-amz-signature",
    b"x-amz-credential",
    b"x-amz-security-token",
    b"awsaccesskeyid",
    b"signature",
    b"sig",
    b"x-goog-signature",
    b"api_key",
    b"apikey",
    b"access_token",
    b"auth_token",
    b"refresh_token",
    b"id_token",
    b"client_secret",
    b"secret",
    b"password",
    b"passwd",
    b"token",
    b"key",
    b"code",
];
const LONGEST_MEMBER: usize = 20;
/// `code=200` and `key=id` are no secrets.
const SHORTEST_VALUE: usize = 4;

/// Finds users and passwords at the `@` signs of a text, which come in order.
///
/// What was looked at for one sign is not looked at again for the next, so that a text of nothing but signs costs no
/// more than its length.
#[derive(Default)]
pub(super) struct Authorities {
    /// Everything before was searched for what ends an authority …
    searched: usize,
    /// … and the last such byte stands right before this.
    start: usize,
    /// The authority found last ends here.
    end: usize,
    /// The scheme's end that stands last before, with nothing between that no URL holds …
    scheme_end: Option<usize>,
    /// … and whether it was looked at.
    is_known: bool,
}

impl Authorities {
    /// Reads on to `sign`: where the last authority may have begun.
    fn search(&mut self, text: &[u8], sign: usize) {
        let unread = slice(text, self.searched, sign);
        if let Some(delimiter) = unread.iter().rposition(|byte| ends_authority(*byte)) {
            self.start = self.searched + delimiter + 1;
        }
        let url = unread.iter().rposition(|byte| ends_url(*byte)).map(|end| self.searched + end + 1);
        if url.is_some() {
            self.scheme_end = None;
        }
        let first = url.unwrap_or_else(|| self.searched.saturating_sub(2));
        if let Some(scheme) = memchr::memmem::rfind(slice(text, first, sign), b"://") {
            self.scheme_end = Some(first + scheme + 3);
            self.is_known = false;
        }
        self.searched = sign;
    }

    /// The user and password before the `@` at `sign`, if it stands in the authority of a URL.
    pub(super) fn find(&mut self, text: &[u8], sign: usize) -> Option<(usize, usize)> {
        if sign < self.end {
            return None;
        }
        self.search(text, sign);
        let mut start = self.start;
        let scheme = start.checked_sub(3)?;
        let is_known = std::mem::replace(&mut self.is_known, true);
        if slice(text, scheme, start) != b"://" {
            let earlier = self.scheme_end.filter(|_| !is_known);
            start = earlier
                .filter(|start| is_of_store(text, *start - 3) && is_no_port(slice(text, *start, sign)))?;
        }
        if !start.checked_sub(3).is_some_and(|scheme| before(text, scheme).is_ascii_alphanumeric()) {
            return None;
        }
        self.end = sign + from(text, sign).iter().take_while(|byte| !ends_authority(**byte)).count();
        let last_sign = sign + slice(text, sign, self.end).iter().rposition(|byte| *byte == b'@')?;
        let userinfo = slice(text, start, last_sign);
        let colon = userinfo.iter().position(|byte| *byte == b':')?;
        let host = at(text, last_sign + 1);
        let has_host = host.is_ascii_alphanumeric() || !host.is_ascii() || host == b'[';
        (has_host && colon + 1 < userinfo.len()).then_some((start, last_sign))
    }
}

/// Schemes whose URLs are written with a user and a password as they come, in lower case.
const STORES: [&[u8]; 24] = [
    b"postgres",
    b"postgresql",
    b"mysql",
    b"mariadb",
    b"mongodb",
    b"redis",
    b"rediss",
    b"amqp",
    b"amqps",
    b"mssql",
    b"sqlserver",
    b"clickhouse",
    b"cassandra",
    b"neo4j",
    b"bolt",
    b"kafka",
    b"nats",
    b"ldap",
    b"ldaps",
    b"smtp",
    b"smtps",
    b"ftp",
    b"ftps",
    b"sftp",
];

/// Whether the scheme that ends before `end` is one of [`STORES`], with or without a driver (`mysql+pymysql`, `mongodb+srv`).
fn is_of_store(text: &[u8], end: usize) -> bool {
    const LONGEST_DRIVER: usize = 24;
    let first = end.saturating_sub(LONGEST_DRIVER);
    let driver = slice(text, first, end).iter().rposition(|byte| !is(*byte, WORD_HYPHEN));
    let scheme_end = driver.map(|sign| first + sign).filter(|sign| at(text, *sign) == b'+').unwrap_or(end);
    STORES.iter().any(|store| {
        scheme_end.checked_sub(store.len()).is_some_and(|start| {
            starts_with_ignoring_case(slice(text, start, scheme_end), store) && opens(text, start)
        })
    })
}

/// Whether what stands behind a scheme can be no host with a port and a path, since what follows its first colon is no number:
/// then it is a user with a password, in which a slash was not escaped (`u:p/w@host`). What a template leaves open is neither.
fn is_no_port(authority: &[u8]) -> bool {
    let host =
        authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(authority.len());
    let mut parts = slice(authority, 0, host).splitn(2, |byte| *byte == b':');
    let user = parts.next().unwrap_or_default();
    let port = parts.next().unwrap_or_default();
    let is_open = |byte: &u8| matches!(byte, b'{' | b'$' | b'%' | b'<' | b'*' | b':');
    !user.starts_with(b"[")
        && !port.is_empty()
        && !port.iter().all(|byte| is(*byte, DIGIT))
        && !port.first().is_some_and(is_open)
}

/// Whether no URL holds the byte: what may be more than its authority ends there.
fn ends_url(byte: u8) -> bool {
    ends_authority(byte) && !matches!(byte, b'/' | b'?' | b'#')
}

fn ends_authority(byte: u8) -> bool {
    is(byte, SPACE)
        || byte.is_ascii_control()
        || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'<' | b'>' | b'\\' | b'`')
}

/// The value of the query member whose name begins at `start`, if the name is one that holds secrets.
pub(super) fn find_secret_member(text: &[u8], start: usize) -> Option<(usize, usize)> {
    find_secret_member_around(text, start, &[])
}

/// The same where `finds` are other finds in the text, in order and apart. Those that the value holds or touches are part of it:
/// the placeholders in their place would be.
fn find_secret_member_around(text: &[u8], start: usize, finds: &[(usize, usize)]) -> Option<(usize, usize)> {
    // Of most texts that are asked about, the first bytes hold no equals sign.
    let beginning = from(text, start).get(..LONGEST_MEMBER * 3 + 1).unwrap_or(from(text, start));
    if !beginning.contains(&b'=') {
        return None;
    }
    let mut name = [0u8; LONGEST_MEMBER];
    let mut length = 0;
    let mut position = start;
    loop {
        let byte = match at(text, position) {
            b'=' => break,
            b'%' => {
                let decoded = percent_decoded(at(text, position + 1), at(text, position + 2))?;
                position += 2;
                decoded
            }
            byte => byte,
        };
        if !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return None;
        }
        *name.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
        position += 1;
    }
    let name = name.get(..length)?;
    if !SECRET_MEMBERS.contains(&name) {
        return None;
    }
    let value = controls_end(text, position + 1);
    let mut end = value;
    let mut is_joined = false;
    loop {
        end += from(text, end).iter().take_while(|byte| !ends_value(**byte)).count();
        let last = finds.partition_point(|(start, _)| *start <= end).checked_sub(1);
        let last = last.and_then(|last| finds.get(last)).filter(|(start, _)| *start >= value);
        is_joined |= last.is_some();
        let find_end = last.map(|(_, find_end)| *find_end).filter(|find_end| *find_end > end);
        // What stands around a placeholder is part of the value too.
        let placeholder_end = || placeholder::length_at(from(text, end)).map(|length| end + length);
        match find_end.or_else(placeholder_end) {
            Some(next) => end = next,
            None => break,
        }
    }
    while end > value && matches!(before(text, end), b'.' | b',' | b';' | b':' | b'!') {
        end -= 1;
    }
    let is_secret =
        is_joined || (end - value >= SHORTEST_VALUE && !is_everyday(name, slice(text, value, end)));
    is_secret.then_some((value, end))
}

/// Where control characters and colours that begin at `start` end, at most a few of them. What is no line break and has a short
/// escape in JSON may be written so.
fn controls_end(text: &[u8], start: usize) -> usize {
    const MOST: usize = 8;
    let mut end = start;
    for _ in 0..MOST {
        let backslashes = from(text, end).iter().take_while(|byte| **byte == b'\\').count();
        let letter = at(text, end + backslashes);
        end = if backslashes > 0 && matches!(letter, b'b' | b'f') {
            end + backslashes + 1
        } else if let Some(length) = colour_length(from(text, end)) {
            end + length
        } else if from(text, end).first().is_some_and(|byte| byte.is_ascii_control() && !is(*byte, SPACE)) {
            end + 1
        } else {
            break;
        };
    }
    end
}

/// Whether a member holds what such a name says in everyday use too: `token=count`, `code=english`, `key=sortOrder`. Only one
/// short word is spared, and as a count of tokens a short number: several words are a passphrase, capitals alone a code to be
/// typed, and digits among letters a secret.
fn is_everyday(name: &[u8], value: &[u8]) -> bool {
    const LONGEST_WORD: usize = 12;
    const LONGEST_NUMBER: usize = 4;
    let is_of =
        |classes: u8, longest: usize| value.len() <= longest && value.iter().all(|byte| is(*byte, classes));
    match name {
        b"token" => is_of(LOWER, LONGEST_WORD) || is_of(DIGIT, LONGEST_NUMBER),
        b"key" | b"code" => is_of(UPPER | LOWER, LONGEST_WORD) && is_spelt(value),
        _ => false,
    }
}

fn ends_value(byte: u8) -> bool {
    is(byte, SPACE)
        || byte.is_ascii_control()
        || matches!(
            byte,
            b'&' | b'?'
                | b'#'
                | b'"'
                | b'\''
                | b'<'
                | b'>'
                | b'\\'
                | b'`'
                | b'('
                | b')'
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b'|'
        )
}

/// Finds the secret members whose values hold or touch other finds: see [`find_secret_member_around`].
pub(super) fn find_joined_members(
    text: &[u8],
    finds: &[(usize, usize)],
    is_query: bool,
    mut found: impl FnMut(usize, usize),
) {
    let mut floor = 0;
    let mut member = |start: usize| {
        if start < floor {
            return;
        }
        if let Some((value, end)) = find_secret_member_around(text, start, finds) {
            floor = end;
            found(value, end);
        }
    };
    if is_query || is_bare_query_around(text, finds) {
        member(0);
    }
    for sign in memchr::memchr3_iter(b'?', b'&', b'#', text) {
        let before = finds.partition_point(|(start, _)| *start <= sign).checked_sub(1);
        // In the place of a find that holds the sign there will be none.
        if before.and_then(|last| finds.get(last)).is_some_and(|(_, end)| sign < *end) {
            continue;
        }
        let rest = from(text, sign + 1);
        if at(text, sign) != b'#' {
            member(sign + 1 + if rest.starts_with(b"amp;") { 4 } else { 0 });
        } else if FRAGMENTS.iter().any(|name| rest.starts_with(name)) {
            member(sign + 1);
        }
    }
}

/// Members that stand in the fragment of a URL.
const FRAGMENTS: [&[u8]; 2] = [b"access_token=", b"id_token="];

/// Whether the whole text is a query without its URL (`sig=…&view=list`), as the attribute `url.query` holds it.
pub(super) fn is_bare_query(text: &[u8]) -> bool {
    is_bare_query_around(text, &[])
}

/// The same where `finds` are finds in the text, in whose place placeholders will stand.
fn is_bare_query_around(text: &[u8], finds: &[(usize, usize)]) -> bool {
    let ends = finds.iter().map(|(_, end)| *end);
    let starts = finds.iter().map(|(start, _)| *start);
    let mut parts = std::iter::once(0)
        .chain(ends)
        .zip(starts.chain(std::iter::once(text.len())))
        .map(|(start, end)| slice(text, start, end));
    let ends_query = |byte: &u8| is(*byte, SPACE) || matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'{' | b'(');
    parts.clone().any(|part| part.contains(&b'&')) && !parts.any(|part| part.iter().any(ends_query))
}

fn percent_decoded(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}
