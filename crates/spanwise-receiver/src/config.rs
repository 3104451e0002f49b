//! The settings of a receiver as a TOML file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use spanwise::redact::{CompiledPolicy, without_value};
use spanwise::{Mode, UnknownWord};
use spanwise_arrow::{Layout, Promotion, Times};

use crate::auth::{Auth, Secret, SecretError};
use crate::pipeline::least;
use crate::server::{OWN_PATHS, ServerOptions};
use crate::service::ReceiverOptions;
use crate::store::StoreOptions;

/// The settings of a receiver. Unknown ones are errors;
/// [the guide](https://github.com/spanwise/spanwise/blob/main/docs/receiver.md) describes all.
///
/// ```
/// use spanwise_receiver::Config;
/// let config = Config::from_toml(r#"
///     listen = "0.0.0.0:4318"
///     paths = ["/v1/traces", "/hooks/openrouter"]
///     tokens = ["a long random text"]
///     policy = ["privacy-mode"]
///
///     [storage]
///     seal_after_seconds = 60
///
///     [columns.promote]
///     "gen_ai.usage.input_tokens" = "int64"
/// "#)?;
/// assert_eq!(config.storage.seal_after_seconds, 60);
/// assert!(!config.auth()?.is_open());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen. Default `127.0.0.1:4318`.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// The folder of the store. Default none: it must be named.
    pub store: Option<PathBuf>,
    /// The paths that take deliveries. Default `/v1/traces`.
    pub paths: Vec<String>,
    /// Secrets of `Authorization: Bearer`.
    pub tokens: Secrets,
    /// Files that hold one token each; a line end at the end is not of it.
    pub token_files: Vec<PathBuf>,
    /// Headers and the values that they must have, `NAME=VALUE`.
    pub headers: Secrets,
    /// Listen beyond the machine itself though everybody may deliver.
    pub allow_unauthenticated: bool,
    /// Presets, and at most one policy file. `spanwise_io::policy::load` makes a policy of these names.
    pub policy: Vec<PathBuf>,
    /// `lenient` or `strict`.
    #[serde(deserialize_with = "word")]
    pub mode: Mode,
    /// Bounds of requests and connections.
    pub limits: LimitSettings,
    /// The log, and what becomes of it.
    pub storage: StorageSettings,
    /// The columns of the Parquet files.
    pub columns: ColumnSettings,
}

/// Texts that are not shown.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secrets(pub Vec<String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} secrets]", self.0.len())
    }
}

/// Bounds of requests and connections.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// [`ReceiverOptions::body_bytes`].
    pub body_bytes: usize,
    /// [`ReceiverOptions::inflated_bytes`].
    pub inflated_bytes: usize,
    /// [`ReceiverOptions::memory_bytes`].
    pub memory_bytes: usize,
    /// [`spanwise::Limits::spans`].
    pub spans: usize,
    /// [`spanwise::Limits::depth`].
    pub depth: usize,
    /// [`ReceiverOptions::workers`]; 0 for as many as there are processors.
    pub workers: usize,
    /// [`ServerOptions::connections`].
    pub connections: usize,
    /// [`ServerOptions::head_time`].
    pub head_seconds: u64,
    /// [`crate::Pace::grace`].
    pub body_grace_seconds: u64,
    /// [`crate::Pace::bytes_per_second`].
    pub body_bytes_per_second: u32,
    /// [`crate::Pace::longest`].
    pub body_seconds: u64,
    /// [`ServerOptions::drain_time`].
    pub drain_seconds: u64,
}

/// The log, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageSettings {
    /// [`StoreOptions::seal_bytes`].
    pub seal_bytes: u64,
    /// [`StoreOptions::seal_after`].
    pub seal_after_seconds: u64,
    /// [`StoreOptions::seal_threads`]; 0 for as many as there are processors, four at most.
    pub seal_threads: usize,
    /// [`StoreOptions::max_log_bytes`].
    pub max_log_bytes: u64,
    /// [`StoreOptions::reserve_bytes`].
    pub reserve_bytes: u64,
    /// [`StoreOptions::dedup_window`].
    pub dedup_seconds: u64,
    /// [`StoreOptions::dedup_spans`].
    pub dedup_spans: usize,
    /// [`StoreOptions::keep_for`], in days; 0 for ever.
    pub keep_days: u64,
    /// [`StoreOptions::keep_bytes`]; 0 without a bound.
    pub keep_bytes: u64,
}

/// The columns of the Parquet files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnSettings {
    /// Add the columns of LLM traffic. Default true.
    pub llm: bool,
    /// `map` or `typed`.
    #[serde(deserialize_with = "word")]
    pub layout: Layout,
    /// `nanoseconds` or `microseconds`, which Spark wants.
    #[serde(deserialize_with = "word")]
    pub times: Times,
    /// Attributes that become columns, and their types: `string`, `int64`, `double`, `bool`.
    pub promote: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4318)),
            store: None,
            paths: ServerOptions::default().paths,
            tokens: Secrets::default(),
            token_files: Vec::new(),
            headers: Secrets::default(),
            allow_unauthenticated: false,
            policy: Vec::new(),
            mode: Mode::default(),
            limits: LimitSettings::default(),
            storage: StorageSettings::default(),
            columns: ColumnSettings::default(),
        }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let (receiver, server) = (ReceiverOptions::default(), ServerOptions::default());
        Self {
            body_bytes: receiver.body_bytes,
            inflated_bytes: receiver.inflated_bytes,
            memory_bytes: receiver.memory_bytes,
            spans: receiver.decode.limits.spans,
            depth: receiver.decode.limits.depth,
            workers: 0,
            connections: server.connections,
            head_seconds: server.head_time.as_secs(),
            body_grace_seconds: receiver.pace.grace.as_secs(),
            body_bytes_per_second: receiver.pace.bytes_per_second,
            body_seconds: receiver.pace.longest.as_secs(),
            drain_seconds: server.drain_time.as_secs(),
        }
    }
}

impl Default for StorageSettings {
    fn default() -> Self {
        let store = StoreOptions::default();
        Self {
            seal_bytes: store.seal_bytes,
            seal_after_seconds: store.seal_after.as_secs(),
            seal_threads: 0,
            max_log_bytes: store.max_log_bytes,
            reserve_bytes: store.reserve_bytes,
            dedup_seconds: store.dedup_window.as_secs(),
            dedup_spans: store.dedup_spans,
            keep_days: 0,
            keep_bytes: 0,
        }
    }
}

impl Default for ColumnSettings {
    fn default() -> Self {
        Self { llm: true, layout: Layout::default(), times: Times::default(), promote: BTreeMap::new() }
    }
}

/// Settings that no receiver can work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Reads where to listen.
///
/// ```
/// use spanwise_receiver::listen_address;
/// assert_eq!(listen_address("[::1]:4318")?.port(), 4318);
/// assert!(listen_address("localhost:4318").unwrap_err().to_string().starts_with("an IP address and a port"));
/// # Ok::<(), spanwise_receiver::ConfigError>(())
/// ```
///
/// # Errors
/// It is no IP address with a port. Names are not looked up.
pub fn listen_address(text: &str) -> Result<SocketAddr, ConfigError> {
    let wanted = "an IP address and a port, as 127.0.0.1:4318 or [::1]:4318, is wanted, and no name";
    text.parse().map_err(|_| ConfigError(wanted.to_owned()))
}

impl Config {
    /// Reads settings. Those that are not there have their defaults.
    ///
    /// # Errors
    /// It is no TOML, or holds a setting that is not known or of another type. The error shows the name of a setting and
    /// its place, and no value: that may be a secret.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let place = error.span().and_then(|span| text.get(..span.start)).map(|before| {
                let line = before.matches('\n').count() + 1;
                format!("line {line}: ")
            });
            ConfigError(format!("{}{}", place.unwrap_or_default(), without_value(error.message())))
        })
    }

    /// Who may deliver.
    ///
    /// # Errors
    /// A secret cannot stand in a header, or a file cannot be read. The error says which, by its number or its file.
    pub fn auth(&self) -> Result<Auth, ConfigError> {
        let named = |name: fmt::Arguments<'_>, secret: Result<Secret, SecretError>| {
            secret.map_err(|error| ConfigError(format!("{name}: {error}")))
        };
        let mut secrets = Vec::new();
        for (number, token) in (1..).zip(&self.tokens.0) {
            secrets.push(named(format_args!("token {number}"), Secret::bearer(token))?);
        }
        for file in &self.token_files {
            let text = std::fs::read_to_string(file)
                .map_err(|error| ConfigError(format!("cannot read {}: {error}", file.display())))?;
            let token = Secret::bearer(text.trim_end_matches(['\r', '\n']));
            secrets.push(named(format_args!("{}", file.display()), token)?);
        }
        for (number, pair) in (1..).zip(&self.headers.0) {
            secrets.push(named(format_args!("header {number}"), Secret::from_pair(pair))?);
        }
        Ok(Auth::new(secrets))
    }

    /// Whether to listen there would let everybody on the network deliver, and nobody said that this is meant.
    ///
    /// # Errors
    /// As [`Self::auth`].
    pub fn is_exposed(&self) -> Result<bool, ConfigError> {
        Ok(self.auth()?.is_open() && !self.listen.ip().is_loopback() && !self.allow_unauthenticated)
    }

    /// The options of the service. The policy is compiled by the caller, who may read files and the environment: as
    /// `spanwise_io::policy::load(&config.policy)`, where there is one.
    ///
    /// # Errors
    /// As [`Self::auth`], a policy is named and none given, a bound is 0 with which nothing could be taken, memory has no room for the
    /// least delivery, or a body within its bounds is longer than all the memory. Whether memory has room for what is made of such a
    /// body is not seen here: [`Receiver::new`](crate::Receiver::new) warns of that.
    pub fn receiver(&self, policy: Option<CompiledPolicy>) -> Result<ReceiverOptions, ConfigError> {
        if policy.is_none() && !self.policy.is_empty() {
            return Err(ConfigError("policy names what is to be redacted, and none was loaded".to_owned()));
        }
        let limits = &self.limits;
        at_least_one("limits.body_bytes", limits.body_bytes as u64)?;
        at_least_one("limits.body_seconds", limits.body_seconds)?;
        // Only what comes with its head would be taken.
        at_least_one("limits.body_grace_seconds", limits.body_grace_seconds)?;
        at_least_one("limits.spans", limits.spans as u64)?;
        at_least_one("limits.depth", limits.depth as u64)?;
        for (name, bytes) in [("body_bytes", limits.body_bytes), ("inflated_bytes", limits.inflated_bytes)] {
            if bytes > limits.memory_bytes {
                return Err(ConfigError(format!(
                    "limits.{name} is {bytes}, and limits.memory_bytes, for all bodies together, only {}",
                    limits.memory_bytes
                )));
            }
        }
        let mut options = ReceiverOptions {
            auth: self.auth()?,
            policy: policy.map(Arc::new),
            ..ReceiverOptions::default()
        };
        options.decode.mode = self.mode;
        options.decode.limits.spans = limits.spans;
        options.decode.limits.depth = limits.depth;
        options.body_bytes = limits.body_bytes;
        options.inflated_bytes = limits.inflated_bytes;
        options.memory_bytes = limits.memory_bytes;
        let least = least(options.decode.limits);
        if options.memory_bytes < least {
            let bytes = options.memory_bytes;
            return Err(ConfigError(format!(
                "limits.memory_bytes is {bytes}: it must be {least} at least, which the smallest delivery takes"
            )));
        }
        options.pace.grace = Duration::from_secs(limits.body_grace_seconds);
        options.pace.bytes_per_second = limits.body_bytes_per_second;
        options.pace.longest = Duration::from_secs(limits.body_seconds);
        if limits.workers > 0 {
            options.workers = limits.workers;
        }
        Ok(options)
    }

    /// The options of the server.
    ///
    /// # Errors
    /// There is no path, or one that no request has: it does not begin with `/`, holds what no URL does, or is one of the server's
    /// own. No connection could be taken, or no head of a request come in time.
    pub fn server(&self) -> Result<ServerOptions, ConfigError> {
        if self.paths.is_empty() {
            return Err(ConfigError("paths is empty: nothing could be delivered".to_owned()));
        }
        for path in &self.paths {
            let problem = if !path.starts_with('/') {
                "does not begin with /"
            } else if path.parse::<PathAndQuery>().map_or(true, |parsed| parsed.as_str() != path) {
                "cannot stand in a request: spaces and the like are written in percent-encoding, and a # begins what is not sent"
            } else if OWN_PATHS.contains(&path.split('?').next().unwrap_or_default()) {
                "is the receiver's own"
            } else {
                continue;
            };
            return Err(ConfigError(format!("the path {path:?} {problem}")));
        }
        at_least_one("limits.connections", self.limits.connections as u64)?;
        at_least_one("limits.head_seconds", self.limits.head_seconds)?;
        Ok(ServerOptions {
            paths: self.paths.clone(),
            connections: self.limits.connections,
            head_time: Duration::from_secs(self.limits.head_seconds),
            drain_time: Duration::from_secs(self.limits.drain_seconds),
        })
    }

    /// The options of the store.
    ///
    /// # Errors
    /// A column is promoted to a type that is not known, or a bound is 0 with which each delivery would be a file, or none be taken.
    pub fn storage(&self) -> Result<StoreOptions, ConfigError> {
        let storage = &self.storage;
        at_least_one("storage.seal_bytes", storage.seal_bytes)?;
        at_least_one("storage.seal_after_seconds", storage.seal_after_seconds)?;
        at_least_one("storage.max_log_bytes", storage.max_log_bytes)?;
        let mut options = StoreOptions {
            seal_bytes: storage.seal_bytes,
            seal_after: Duration::from_secs(storage.seal_after_seconds),
            max_log_bytes: storage.max_log_bytes,
            reserve_bytes: storage.reserve_bytes,
            dedup_window: Duration::from_secs(storage.dedup_seconds),
            dedup_spans: storage.dedup_spans,
            keep_for: (storage.keep_days > 0)
                .then(|| Duration::from_secs(storage.keep_days.saturating_mul(86_400))),
            keep_bytes: (storage.keep_bytes > 0).then_some(storage.keep_bytes),
            ..StoreOptions::default()
        };
        if storage.seal_threads > 0 {
            options.seal_threads = storage.seal_threads;
        }
        options.columns.times = self.columns.times;
        options.columns.llm = self.columns.llm;
        options.columns.layout = self.columns.layout;
        for (key, to) in &self.columns.promote {
            let to = to
                .parse()
                .map_err(|error: UnknownWord| ConfigError(format!("columns.promote, {key:?}: {error}")))?;
            options.columns.promote.push(Promotion::new(key.clone(), to));
        }
        Ok(options)
    }
}

/// Reads where to listen.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    listen_address(&text).map_err(|error| D::Error::custom(format_args!("listen: {error}")))
}

/// Reads a choice by its word.
fn word<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = UnknownWord>,
{
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// Refuses 0.
fn at_least_one(name: &str, value: u64) -> Result<(), ConfigError> {
    if value == 0 { Err(ConfigError(format!("{name} is 0: it must be 1 at least"))) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_the_defaults() {
        let config = Config::from_toml("").unwrap();
        assert_eq!(config, Config::default());
        let (receiver, defaults) = (config.receiver(None).unwrap(), ReceiverOptions::default());
        assert_eq!(format!("{receiver:?}"), format!("{defaults:?}"));
        assert_eq!(config.server().unwrap(), ServerOptions::default());
        assert_eq!(config.storage().unwrap(), StoreOptions::default());
    }

    #[test]
    fn the_documentation_shows_all_settings_with_their_defaults() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/receiver.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, block) = page.split_once("```toml\n").unwrap();
        let block = block.split_once("```").unwrap().0;
        assert_eq!(Config::from_toml(block).unwrap(), Config::default());
        // All of them: taking one away leaves a setting that is not shown.
        let shown = block.lines().filter(|line| line.contains(" = ")).count();
        let debug = format!("{:#?}", Config::default());
        let settings = debug.lines().filter(|line| line.contains(": ") && !line.ends_with('{')).count();
        assert_eq!(shown, settings, "{debug}");
    }

    #[test]
    fn settings_arrive() {
        let config = Config::from_toml(
            "mode = 'strict'\nheaders = ['x-key=v']\n[limits]\nspans = 7\nworkers = 3\nbody_bytes = 9\n\
             [storage]\nkeep_days = 2\nkeep_bytes = 11\nseal_bytes = 5\nseal_threads = 3\n\
             [columns]\nllm = false\nlayout = 'typed'\ntimes = 'microseconds'\npromote = { 'a.b' = 'int64' }\n",
        )
        .unwrap();
        let receiver = config.receiver(None).unwrap();
        assert_eq!((receiver.decode.mode, receiver.decode.limits.spans), (Mode::Strict, 7));
        assert_eq!((receiver.workers, receiver.body_bytes, receiver.auth.is_open()), (3, 9, false));
        let store = config.storage().unwrap();
        assert_eq!(store.keep_for, Some(Duration::from_hours(48)));
        assert_eq!((store.keep_bytes, store.seal_bytes, store.seal_threads), (Some(11), 5, 3));
        assert!(!store.columns.llm);
        assert_eq!((store.columns.layout, store.columns.promote.len()), (Layout::Typed, 1));
        assert_eq!(store.columns.times, Times::Microseconds);
    }

    #[test]
    fn what_is_not_known_is_an_error_that_names_it_and_shows_no_secret() {
        for (text, expected) in [
            ("tokns = ['hush']\n", "line 1: unknown field `tokns`"),
            ("\n[limits]\nspan = 1\n", "line 3: unknown field `span`"),
            ("mode = 'loose'\n", "line 1: no mode is named \"loose\"; known are strict and lenient"),
            ("\n[columns]\nlayout = 'flat'\n", "line 3: no layout is named \"flat\""),
            ("mode = 1\n", "line 1: invalid type: integer, expected a string"),
            ("tokens = 'hush'\n", "line 1: invalid type: string, expected a sequence"),
            ("headers = 'x-key=hush, expected'\n", "line 1: invalid type: string, expected a sequence"),
            ("[limits]\nworkers = 'hush'\n", "line 2: invalid type: string, expected usize"),
            ("[limits]\nworkers = -1\n", "line 2: invalid value: integer, expected usize"),
        ] {
            let error = Config::from_toml(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        let shown = format!("{:?}", Config::from_toml("tokens = ['hush']\nheaders = ['a=hush']").unwrap());
        assert!(!shown.contains("hush"), "{shown}");
        assert!(Config { paths: vec!["hook".into()], ..Config::default() }.server().is_err());
        let promoted = Config::from_toml("[columns]\npromote = { a = 'int' }\n").unwrap();
        assert!(promoted.storage().unwrap_err().to_string().contains("\"a\""));
    }

    #[test]
    fn a_policy_that_is_named_and_not_given_is_an_error() {
        let config = Config::from_toml("policy = ['privacy-mode']").unwrap();
        let error = config.receiver(None).unwrap_err().to_string();
        assert!(error.starts_with("policy names"), "{error}");
        let policy = spanwise::redact::Policy::from_preset(spanwise::redact::Preset::PrivacyMode);
        assert!(config.receiver(Some(policy.compile(None).unwrap())).is_ok());
    }

    #[test]
    fn a_bound_on_bodies_beyond_all_memory_is_refused() {
        for (text, expected) in [
            ("memory_bytes = 67_108_864", None),
            ("memory_bytes = 67_108_863", Some("limits.body_bytes is 67108864, ")),
            ("memory_bytes = 0", Some("limits.body_bytes is 67108864, ")),
            ("memory_bytes = 9000\nbody_bytes = 8000", Some("limits.inflated_bytes is 67108864, ")),
            ("memory_bytes = 9000\nbody_bytes = 8000\ninflated_bytes = 9000", None),
        ] {
            let config = Config::from_toml(&format!("[limits]\n{text}")).unwrap();
            let error = config.receiver(None).err().map(|error| error.to_string());
            let expected = expected.map(str::to_owned);
            assert!(
                error == expected || error.zip(expected).is_some_and(|(e, x)| e.starts_with(&x)),
                "{text}"
            );
        }
    }

    #[test]
    fn settings_that_can_never_work_are_refused() {
        for (text, expected) in [
            ("paths = []", "paths is empty"),
            ("paths = ['/ok', 'hook']", "the path \"hook\" does not begin with /"),
            ("paths = ['/a b']", "the path \"/a b\" "),
            ("paths = ['/a#b']", "the path \"/a#b\" "),
            ("paths = ['/healthz']", "the path \"/healthz\" "),
            ("paths = ['/readyz?a=1']", "the path \"/readyz?a=1\" "),
            ("paths = ['/metrics']", "the path \"/metrics\" "),
            ("[limits]\nconnections = 0", "limits.connections is 0"),
            ("[limits]\nhead_seconds = 0", "limits.head_seconds is 0"),
            ("[limits]\nbody_seconds = 0", "limits.body_seconds is 0"),
            ("[limits]\nbody_grace_seconds = 0", "limits.body_grace_seconds is 0"),
            ("[limits]\nbody_bytes = 0", "limits.body_bytes is 0"),
            (
                "[limits]\nbody_bytes = 4000\ninflated_bytes = 4000\nmemory_bytes = 4000",
                "limits.memory_bytes is 4000: it must be 8612 at least",
            ),
            ("[limits]\nspans = 0", "limits.spans is 0"),
            ("[limits]\ndepth = 0", "limits.depth is 0"),
            ("[storage]\nseal_bytes = 0", "storage.seal_bytes is 0"),
            ("[storage]\nseal_after_seconds = 0", "storage.seal_after_seconds is 0"),
            ("[storage]\nmax_log_bytes = 0", "storage.max_log_bytes is 0"),
        ] {
            let config = Config::from_toml(text).unwrap();
            let tried = config
                .server()
                .map(drop)
                .and(config.receiver(None).map(drop))
                .and(config.storage().map(drop));
            let error = tried.expect_err(text).to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        for text in [
            "paths = ['/a%20b?key=1', '/ä', '/', '/healthz/']",
            "[limits]\ndrain_seconds = 0\nbody_bytes_per_second = 0\nworkers = 0",
        ] {
            let config = Config::from_toml(text).unwrap();
            assert!(
                config.server().is_ok() && config.receiver(None).is_ok() && config.storage().is_ok(),
                "{text}"
            );
        }
    }

    #[test]
    fn beyond_the_machine_only_with_a_secret_or_on_purpose() {
        for (text, exposed) in [
            ("", false),
            ("listen = '[::1]:4318'", false),
            ("listen = '0.0.0.0:4318'", true),
            ("listen = '192.168.1.2:4318'", true),
            ("listen = '0.0.0.0:4318'\ntokens = ['t']", false),
            ("listen = '0.0.0.0:4318'\nheaders = ['x-key=t']", false),
            ("listen = '0.0.0.0:4318'\nallow_unauthenticated = true", false),
        ] {
            assert_eq!(Config::from_toml(text).unwrap().is_exposed().unwrap(), exposed, "{text}");
        }
    }
}
