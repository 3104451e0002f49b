//! The detectors that come with the crate: their names, whether they are on unless told otherwise, what they find.

/// A detector that comes with the crate. Where two find the same text, the one that stands first here names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is described once, in `ROWS`")]
pub enum Builtin {
    PrivateKey,
    Jwt,
    KeyOpenrouter,
    KeyAnthropic,
    KeyOpenai,
    KeyGoogle,
    KeyGithub,
    KeyAwsId,
    KeyAwsSecret,
    KeyMisc,
    Card,
    Iban,
    SsnUs,
    UrlUserinfo,
    Email,
    PhoneE164,
    PhoneNanp,
    Bearer,
    UrlSecretParam,
    Ipv4,
    Ipv6,
    AssignedSecret,
    DeepEscapes,
}

struct Row {
    builtin: Builtin,
    id: &'static str,
    is_on: bool,
    is_of_digits: bool,
    summary: &'static str,
}

const fn on(builtin: Builtin, id: &'static str, summary: &'static str) -> Row {
    Row { builtin, id, is_on: true, is_of_digits: false, summary }
}

const fn off(builtin: Builtin, id: &'static str, summary: &'static str) -> Row {
    Row { builtin, id, is_on: false, is_of_digits: false, summary }
}

const fn of_digits(mut row: Row) -> Row {
    row.is_of_digits = true;
    row
}

static ROWS: [Row; 23] = [
    on(Builtin::PrivateKey, "private_key", "private keys in PEM armour"),
    on(Builtin::Jwt, "jwt", "JSON Web Tokens whose header decodes"),
    on(Builtin::KeyOpenrouter, "key_openrouter", "OpenRouter API keys"),
    on(Builtin::KeyAnthropic, "key_anthropic", "Anthropic API keys"),
    on(Builtin::KeyOpenai, "key_openai", "OpenAI API keys"),
    on(Builtin::KeyGoogle, "key_google", "Google API keys"),
    on(Builtin::KeyGithub, "key_github", "GitHub tokens with their checksum"),
    on(Builtin::KeyAwsId, "key_aws_id", "AWS access key ids"),
    on(Builtin::KeyAwsSecret, "key_aws_secret", "AWS secret keys behind words that say so"),
    on(Builtin::KeyMisc, "key_misc", "keys of GitLab, Slack, Stripe, Hugging Face and others"),
    of_digits(on(Builtin::Card, "card", "payment card numbers with issuer and Luhn check")),
    of_digits(on(Builtin::Iban, "iban", "bank account numbers with their check digits")),
    of_digits(on(Builtin::SsnUs, "ssn_us", "US social security numbers")),
    on(Builtin::UrlUserinfo, "url_userinfo", "user and password in a URL"),
    on(Builtin::Email, "email", "mail addresses"),
    of_digits(on(Builtin::PhoneE164, "phone_e164", "telephone numbers with + and country code")),
    of_digits(off(Builtin::PhoneNanp, "phone_nanp", "North American telephone numbers")),
    on(Builtin::Bearer, "bearer", "credentials behind Bearer, Basic, Token and other schemes"),
    on(Builtin::UrlSecretParam, "url_secret_param", "signatures, tokens and passwords in a URL's query"),
    of_digits(off(Builtin::Ipv4, "ipv4", "IPv4 addresses")),
    of_digits(off(Builtin::Ipv6, "ipv6", "IPv6 addresses")),
    off(Builtin::AssignedSecret, "assigned_secret", "what follows password=, token: and the like"),
    on(Builtin::DeepEscapes, "deep_escapes", "text whose escapes nest too deep to look inside"),
];

impl Builtin {
    /// All detectors, in order of precedence.
    ///
    /// ```
    /// use spanwise::redact::Builtin;
    ///
    /// let off: Vec<_> = Builtin::all().filter(|detector| !detector.is_on_by_default()).map(Builtin::id).collect();
    /// assert_eq!(off, ["phone_nanp", "ipv4", "ipv6", "assigned_secret"]);
    /// ```
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.builtin)
    }

    /// The detector with this id, if there is one.
    pub fn from_id(id: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.id == id).map(|row| row.builtin)
    }

    /// Its name in policies, placeholders and reports.
    pub fn id(self) -> &'static str {
        self.row().map_or("", |row| row.id)
    }

    /// What it finds, in a few words.
    pub fn summary(self) -> &'static str {
        self.row().map_or("", |row| row.summary)
    }

    /// Whether it is on unless a policy says otherwise.
    pub fn is_on_by_default(self) -> bool {
        self.row().is_some_and(|row| row.is_on)
    }

    /// Whether it goes by the shape of digits, and so could take an identifier or a count for something private.
    pub fn is_of_digits(self) -> bool {
        self.row().is_some_and(|row| row.is_of_digits)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.get(self as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_variants() {
        for (place, row) in ROWS.iter().enumerate() {
            assert_eq!(row.builtin as usize, place);
            assert_eq!(Builtin::from_id(row.id), Some(row.builtin));
            assert!(crate::redact::placeholder::is_label(row.id), "{}", row.id);
        }
    }
}
