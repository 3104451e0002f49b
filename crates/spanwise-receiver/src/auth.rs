//! Who may deliver: static headers, compared in constant time.

use std::fmt;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::{Choice, ConstantTimeEq as _};

/// A header and the value that it must have.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    name: HeaderName,
    value: HeaderValue,
}

impl fmt::Debug for Secret {
    /// Without the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A secret that no request could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretError {
    /// It is empty.
    Empty,
    /// It begins or ends with white space, which is taken off the value of a header (RFC 9110, 5.5).
    Space,
    /// There is no `=` between name and value.
    NoName,
    /// The name is no name of a header.
    Name,
    /// The value holds what no header can hold.
    Value,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a secret is empty",
            Self::Space => "a secret begins or ends with white space, which no header's value does",
            Self::NoName => "a header is written NAME=VALUE",
            Self::Name => "a header's name holds a character that no header has",
            Self::Value => "a secret holds a character that no header has",
        })
    }
}

impl std::error::Error for SecretError {}

impl Secret {
    /// `Authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// The token is empty, or no header can hold it.
    pub fn bearer(token: &str) -> Result<Self, SecretError> {
        check(token)?;
        Self::header("authorization", &format!("Bearer {token}"))
    }

    /// `NAME: VALUE`.
    ///
    /// # Errors
    /// A part is empty, or cannot stand in a header.
    pub fn header(name: &str, value: &str) -> Result<Self, SecretError> {
        check(value)?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| SecretError::Name)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| SecretError::Value)?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }

    /// `NAME=VALUE`, as on a command line.
    ///
    /// # Errors
    /// There is no `=`, a part is empty, or cannot stand in a header.
    pub fn from_pair(pair: &str) -> Result<Self, SecretError> {
        let (name, value) = pair.split_once('=').ok_or(SecretError::NoName)?;
        Self::header(name.trim(), value.trim())
    }
}

fn check(secret: &str) -> Result<(), SecretError> {
    if secret.is_empty() {
        return Err(SecretError::Empty);
    }
    if secret.trim() == secret { Ok(()) } else { Err(SecretError::Space) }
}

/// The secrets of a receiver. A request needs one of them: several at once let them be changed one after the other.
///
/// ```
/// use spanwise_receiver::{Auth, Secret, http::{HeaderMap, HeaderValue}};
/// let auth = Auth::new(vec![Secret::bearer("old")?, Secret::bearer("new")?, Secret::header("x-key", "k")?]);
/// let mut headers = HeaderMap::new();
/// assert!(!auth.allows(&headers));
/// headers.insert("authorization", HeaderValue::from_static("Bearer new"));
/// assert!(auth.allows(&headers));
/// # Ok::<(), spanwise_receiver::SecretError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Auth {
    secrets: Vec<Secret>,
}

impl Auth {
    /// A request needs one of these; where there is none, everybody may deliver.
    pub fn new(secrets: Vec<Secret>) -> Self {
        Self { secrets }
    }

    /// Whether everybody may deliver.
    pub fn is_open(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Whether a request with these headers may pass.
    ///
    /// Every value is compared with every secret of its name, whichever matches first. What time tells is the length of a
    /// secret.
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        let mut found = Choice::from(u8::from(self.is_open()));
        for secret in &self.secrets {
            for value in headers.get_all(&secret.name) {
                found |= if secret.name == AUTHORIZATION {
                    same_credentials(value.as_bytes(), secret.value.as_bytes())
                } else {
                    value.as_bytes().ct_eq(secret.value.as_bytes())
                };
            }
        }
        found.into()
    }
}

/// The scheme of credentials is no secret and has no case (RFC 9110, 11.1).
fn same_credentials(given: &[u8], expected: &[u8]) -> Choice {
    let scheme = expected.iter().position(|byte| *byte == b' ').unwrap_or(0);
    match (given.split_at_checked(scheme), expected.split_at_checked(scheme)) {
        (Some((given_scheme, given)), Some((scheme, expected))) => {
            given.ct_eq(expected) & Choice::from(u8::from(given_scheme.eq_ignore_ascii_case(scheme)))
        }
        _ => Choice::from(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(auth: &Auth, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        auth.allows(&map)
    }

    #[test]
    fn one_of_the_secrets_is_needed_and_nothing_else_passes() {
        let auth = Auth::new(vec![
            Secret::bearer("token-1").unwrap(),
            Secret::bearer("token-2").unwrap(),
            Secret::from_pair("X-Webhook-Signature = a=b ").unwrap(),
        ]);
        for (headers, expected) in [
            (&[][..], false),
            (&[("authorization", "Bearer token-1")], true),
            (&[("authorization", "bearer token-2")], true),
            (&[("authorization", "BEARER token-2")], true),
            (&[("authorization", "Bearer TOKEN-2")], false),
            (&[("authorization", "Bearer token-")], false),
            (&[("authorization", "Bearer token-11")], false),
            (&[("authorization", "Bearer ")], false),
            (&[("authorization", "Bearer")], false),
            (&[("authorization", "")], false),
            (&[("authorization", "token-1")], false),
            (&[("authorization", "Basic  token-1")], false),
            (&[("x-webhook-signature", "a=b")], true),
            (&[("x-webhook-signature", "a=B")], false),
            (&[("x-webhook-signature", "")], false),
            (&[("x-other", "a=b")], false),
            (&[("x-other", "Bearer token-1")], false),
            (&[("authorization", "Bearer no"), ("authorization", "Bearer token-1")], true),
            (&[("authorization", "Bearer no"), ("x-webhook-signature", "a=b")], true),
        ] {
            assert_eq!(allows(&auth, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn without_secrets_all_pass() {
        assert!(allows(&Auth::default(), &[]));
        assert!(allows(&Auth::default(), &[("authorization", "Bearer x")]));
    }

    #[test]
    fn secrets_that_nobody_could_send_are_errors_and_none_is_shown() {
        assert_eq!(Secret::bearer(""), Err(SecretError::Empty));
        assert_eq!(Secret::bearer("a\nb"), Err(SecretError::Value));
        assert_eq!(Secret::from_pair("x-key"), Err(SecretError::NoName));
        assert_eq!(Secret::from_pair("x-key="), Err(SecretError::Empty));
        assert_eq!(Secret::from_pair("x key=v"), Err(SecretError::Name));
        let shown = format!("{:?}", Auth::new(vec![Secret::bearer("hush").unwrap()]));
        assert!(!shown.contains("hush"), "{shown}");
    }
}
