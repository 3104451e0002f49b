//! `spanwise serve`: the receiver, with its settings from a file, the environment and flags.

use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use spanwise_io::policy;
use spanwise_receiver::{
    Config, DurableStore, Metrics, Receiver, ReceiverOptions, ServerOptions, StoreOptions, listen_address,
    serve,
};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::Outcome;
use crate::arguments::{LogFormat, LogLevel, Serve};

/// How long what is left of the log may take to become Parquet at the end. The rest does after the next start.
const SEAL_AT_END: Duration = Duration::from_mins(2);

/// Connections that wait for being accepted, at most: as many as tokio and most systems allow.
const BACKLOG: u32 = 1024;

/// Files that the process has open beside those of the store and of connections.
const OWN_FILES: usize = 16;

/// Why there is no receiver.
struct Problem(String);

impl<E: fmt::Display> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Serves until the process is told to end. Log lines go to standard error, which the caller must not hold.
pub(crate) fn run(arguments: &Serve) -> Outcome {
    let work = || -> Result<(), Problem> {
        start_log(arguments);
        let config = settings(arguments)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(receive(&config))
    };
    match work() {
        Ok(()) => Outcome::Fine,
        Err(Problem(problem)) => {
            match arguments.log_format {
                LogFormat::Json => error!("{problem}"),
                // Without standard error nobody can be told.
                LogFormat::Text => drop(writeln!(io::stderr(), "spanwise: {problem}")),
            }
            Outcome::Unreadable
        }
    }
}

/// The file, and over it the environment and the flags.
fn settings(arguments: &Serve) -> Result<Config, Problem> {
    let mut config = match &arguments.config {
        None => Config::default(),
        Some(path) => {
            let name = path.display();
            let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
            Config::from_toml(&text).map_err(|error| format!("{name}: {error}"))?
        }
    };
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let text = |name: &str| match given(name).map(std::ffi::OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(Problem(format!("{name} is not UTF-8"))),
    };
    let lines = |name: &str| {
        let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        Ok::<_, Problem>(text(name)?.map_or_else(Vec::new, lines))
    };
    if let Some(listen) = arguments.listen {
        config.listen = listen;
    } else if let Some(listen) = text("SPANWISE_LISTEN")? {
        config.listen = listen_address(&listen).map_err(|error| format!("SPANWISE_LISTEN: {error}"))?;
    }
    if let Some(store) = arguments.store.clone().or_else(|| given("SPANWISE_STORE").map(PathBuf::from)) {
        config.store = Some(store);
    }
    if !arguments.path.is_empty() {
        config.paths.clone_from(&arguments.path);
    }
    // Secrets of flags replace those of the environment, and these those of the file, all together: one that is to be
    // forgotten there must not stay valid.
    let (tokens, headers, place) = if arguments.token.is_empty() && arguments.header.is_empty() {
        (lines("SPANWISE_TOKEN")?, lines("SPANWISE_HEADER")?, "SPANWISE_TOKEN or SPANWISE_HEADER")
    } else {
        (arguments.token.clone(), arguments.header.clone(), "--token or --header")
    };
    let mut secrets = arguments.config.as_ref().map_or_else(String::new, |path| path.display().to_string());
    if !tokens.is_empty() || !headers.is_empty() {
        place.clone_into(&mut secrets);
        config.token_files.clear();
        config.tokens.0 = tokens;
        config.headers.0 = headers;
    }
    if !arguments.policy.is_empty() {
        config.policy = arguments.policy.iter().map(PathBuf::from).collect();
    } else if let Some(policy) = given("SPANWISE_POLICY") {
        config.policy = match policy.into_string() {
            Ok(text) => text.lines().map(PathBuf::from).collect(),
            Err(path) => vec![path.into()],
        };
    }
    config.allow_unauthenticated |= arguments.allow_unauthenticated;
    if config.is_exposed().map_err(|error| format!("{secrets}: {error}"))? {
        let listen = config.listen;
        return Err(Problem(format!(
            "{listen} can be reached from other machines, and without a token or header everybody there could \
             deliver: give --token or --header, listen on 127.0.0.1, or say --allow-unauthenticated"
        )));
    }
    Ok(config)
}

fn start_log(arguments: &Serve) {
    let level = match arguments.log_level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    };
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).with_max_level(level);
    // It would be told on standard error, which is what cannot be written, and panic.
    let log = log.log_internal_errors(false);
    // Fails only where a log is being kept already, as in a program that calls this more than once.
    let _ = match arguments.log_format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

async fn receive(config: &Config) -> Result<(), Problem> {
    // Before anything that takes long: without them a signal ends the process at once, and as a failure.
    let mut signals = Signals::new()?;
    let policy = match config.policy.as_slice() {
        [] => None,
        names => Some(policy::load(names)?),
    };
    let (receiver, mut server, mut storage) = (config.receiver(policy)?, config.server()?, config.storage()?);
    let folder = config.store.clone().ok_or("name a folder for the store: --store DIR")?;
    tell_who_may_deliver(config, &receiver);
    leave_files(&mut server, &mut storage, raise_open_files());
    outlive_long_files()?;
    let listen = config.listen;
    let cannot_listen = |error| format!("cannot listen on {listen}: {error}");
    // A port that somebody else has is told before the log is read, and until that is done nobody is let wait for an answer.
    let socket = bind(listen).map_err(cannot_listen)?;
    // The system would only say that the file exists.
    if std::fs::metadata(&folder).is_ok_and(|found| !found.is_dir()) {
        return Err(Problem(format!("cannot open the store {}: it is no folder", folder.display())));
    }
    let metrics = Arc::new(Metrics::new());
    let opening = {
        let (folder, metrics) = (folder.clone(), Arc::clone(&metrics));
        tokio::task::spawn_blocking(move || DurableStore::open(folder, storage, metrics))
    };
    let opened = tokio::select! {
        opened = opening => opened?,
        () = signals.next() => {
            info!("ended while the log was read; what was acknowledged is in it, and nothing is lost");
            // The thread that reads would be waited for. What it does may be cut short anywhere.
            std::process::exit(Outcome::Fine.code());
        }
    };
    let store = opened.map_err(|error| format!("cannot open the store {}: {error}", folder.display()))?;
    let store = Arc::new(store);
    let receiver = Receiver::new(store.clone(), receiver, metrics);
    let listener = socket.listen(BACKLOG).map_err(cannot_listen)?;
    let (end, ended) = oneshot::channel();
    let work = async {
        serve(listener, receiver, server, async { drop(ended.await) }).await?;
        info!("making Parquet of what is left; a second signal leaves it to the next start");
        let all = tokio::task::spawn_blocking(move || store.close(SEAL_AT_END)).await?;
        if all { Ok(()) } else { Err(Problem::from("not all that was acknowledged became Parquet")) }
    };
    let told_twice = async {
        signals.next().await;
        // If nobody waits for it, it has ended.
        let _ = end.send(());
        signals.next().await;
    };
    tokio::select! {
        done = work => done?,
        () = told_twice => {
            info!("ended by a second signal; what was acknowledged is in the log, and nothing is lost");
            // The thread that seals would be waited for. The log is durable, and sealing may be cut short anywhere.
            std::process::exit(Outcome::Fine.code());
        }
    }
    info!("ended");
    Ok(())
}

/// A socket with this address, which does not listen yet.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // After a restart connections of the last process may linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Says what is easily other than it was meant: an empty variable for the token, say, is none.
fn tell_who_may_deliver(config: &Config, receiver: &ReceiverOptions) {
    info!(version = env!("CARGO_PKG_VERSION"), "spanwise serve");
    let secret = if receiver.auth.is_open() { "no secret" } else { "a secret" };
    let names: Vec<_> = config.policy.iter().map(|name| name.display().to_string()).collect();
    if names.is_empty() {
        info!("{secret} is needed to deliver; no policy");
    } else {
        info!("{secret} is needed to deliver; policy: {}", names.join(", "));
    }
}

/// Takes fewer connections where they would leave the store too few files: a delivery on one that is open already could not be
/// stored. Where the store alone wants more than half, it has to do with that.
fn leave_files(server: &mut ServerOptions, storage: &mut StoreOptions, limit: Option<u64>) {
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else { return };
    if storage.open_files() + OWN_FILES > limit / 2 {
        storage.files = (limit / 2).saturating_sub(OWN_FILES);
        warn!(
            open_files = limit,
            folders = storage.folders(),
            "the limit on open files has no room for as many threads that make Parquet, or folders, as there could be"
        );
    }
    let room = limit.saturating_sub(storage.open_files() + OWN_FILES).max(1);
    if room < server.connections {
        warn!(
            open_files = limit,
            connections = room,
            wanted = server.connections,
            "the limit on open files has no room for so many connections"
        );
        server.connections = room;
    }
}

/// The bound on open files that most systems begin with is lower than that on connections. What it is now.
fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, there are fewer connections.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    getrlimit(Resource::Nofile).current
}

/// Where a file may not become longer (`ulimit -f`), the system ends the process unless it takes notice of the signal. Then the
/// write fails, as on a full disk.
fn outlive_long_files() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // Nobody need listen to it.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// What a process is told to end by.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal is gone; nothing where that is to be taken no notice of.
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = if hangup_counts() { Some(signal(SignalKind::hangup())?) } else { None };
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hangup })
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether the process is not told to take no notice of SIGHUP, as `nohup` does. Where that cannot be seen, the system does with the
/// signal what it would.
fn hangup_counts() -> bool {
    const SIGHUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & SIGHUP == 0)
}
