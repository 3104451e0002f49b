//! `spanwise serve` as a process: settings, signals, and being killed under load.

#![cfg(all(feature = "serve", unix))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "support/receiver.rs"]
mod receiver;

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parquet::file::reader::SerializedFileReader;
use parquet::record::RowAccessor as _;
use receiver::{Client, Served, command, parquet, until};

fn body(span: u64, name: &str) -> Vec<u8> {
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}},"scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{:016x}","name":"{name}","startTimeUnixNano":"1764028800000000001"}}]}}]}}]}}"#,
        span + 1
    )
    .into_bytes()
}

/// How often each span id is found below `store`.
fn span_ids(store: &Path) -> BTreeMap<u64, usize> {
    let mut found = BTreeMap::new();
    for path in parquet(store) {
        for row in SerializedFileReader::new(File::open(path).unwrap()).unwrap() {
            let row = row.unwrap();
            let at = row.get_column_iter().position(|(name, _)| name == "span_id").unwrap();
            let id = u64::from_str_radix(row.get_string(at).unwrap(), 16).unwrap() - 1;
            *found.entry(id).or_insert(0) += 1;
        }
    }
    found
}

#[test]
fn deliveries_become_parquet_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let served = Served::start(command(
        &store,
        ["--token", "t1", "--path", "/hook", "--path", "/a%20b?key=1", "--log-format", "text"],
    ));
    let mut client = served.connect();
    let head = "POST /hook HTTP/1.1\r\nContent-Type: application/json";
    assert_eq!(client.send(head, &body(1, "chat")).unwrap(), (401, String::new()));
    let head = format!("{head}\r\nAuthorization: Bearer t1");
    let put = head.replace("POST", "PUT");
    assert_eq!(client.send(&head, &body(1, "chat SECRET")).unwrap(), (200, "{}".to_owned()));
    assert_eq!(client.send(&put, &body(2, "chat")).unwrap(), (200, "{}".to_owned()));
    assert_eq!(client.send(&put, &body(2, "chat")).unwrap(), (200, "{}".to_owned()));
    for (path, status) in
        [("/hook?any=1", 200), ("/a%20b?key=1", 200), ("/a%20b", 404), ("/hook/", 404), ("/v1/traces", 404)]
    {
        assert_eq!(client.send(&head.replace("/hook", path), b"{}").unwrap().0, status, "{path}");
    }
    assert_eq!(client.send("GET /healthz HTTP/1.1", b"").unwrap(), (200, "ok\n".to_owned()));
    assert_eq!(client.send("GET /readyz HTTP/1.1", b"").unwrap(), (200, "ok\n".to_owned()));
    assert_eq!(client.send("GET /metrics HTTP/1.1", b"").unwrap().0, 401);
    let metrics = client.send("GET /metrics HTTP/1.1\r\nAuthorization: Bearer t1", b"").unwrap().1;
    assert!(metrics.contains("spanwise_spans_stored_total 2\n"), "{metrics}");
    assert!(metrics.contains("spanwise_spans_duplicate_total 1\n"), "{metrics}");
    assert!(metrics.contains("spanwise_requests_total{status=\"404\"} 3\n"), "{metrics}");
    let (status, log) = served.end();
    assert!(status.success(), "{log}");
    assert!(!log.contains("SECRET") && !log.contains("t1\n"), "{log}");
    assert_eq!(span_ids(&store), BTreeMap::from([(1, 1), (2, 1)]));
    let file = &parquet(&store)[0];
    assert!(file.starts_with(store.join("spans/date=2025-11-25/service=shop")), "{file:?}");
}

#[test]
fn the_window_of_duplicates_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let served = Served::start(command(folder.path(), None::<&str>));
        assert_eq!(served.connect().post(&body(1, "chat")).unwrap().0, 200);
        assert!(served.end().0.success());
        let served = Served::start(command(folder.path(), None::<&str>));
        assert_eq!(served.connect().post(&body(1, "chat")).unwrap().0, 200);
        assert_eq!(served.connect().post(&body(2, "chat")).unwrap().0, 200);
        served.kill();
    }
    assert!(Served::start(command(folder.path(), None::<&str>)).end().0.success());
    assert_eq!(span_ids(folder.path()), BTreeMap::from([(1, 1), (2, 1)]));
}

#[test]
fn settings_come_from_flags_before_the_environment_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("receiver.toml");
    std::fs::write(&config, "tokens = ['of the file']\npaths = ['/file']\nmode = 'strict'\n").unwrap();
    let try_tokens = |command: Command| {
        let served = Served::start(command);
        let mut client = served.connect();
        ["of the file", "of the environment", "of a flag"].map(|token| {
            let head = format!(
                "POST /file HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}"
            );
            client.send(&head, b"{}").unwrap().0
        })
    };
    let config = config.to_str().unwrap();
    assert_eq!(try_tokens(command(folder.path(), ["--config", config])), [200, 401, 401]);
    let mut environment = command(folder.path(), ["--config", config]);
    environment.env("SPANWISE_TOKEN", "of the environment");
    assert_eq!(try_tokens(environment), [401, 200, 401]);
    let mut flag = command(folder.path(), ["--config", config, "--token", "of a flag"]);
    flag.env("SPANWISE_TOKEN", "of the environment");
    // A flag of either kind replaces both.
    flag.env("SPANWISE_HEADER", "Authorization=Bearer of the environment");
    assert_eq!(try_tokens(flag), [401, 401, 200]);
    let mut flag = command(folder.path(), ["--config", config, "--header", "Authorization=Bearer of a flag"]);
    flag.env("SPANWISE_TOKEN", "of the environment");
    assert_eq!(try_tokens(flag), [401, 401, 200]);
}

#[test]
fn wrong_use_is_told_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "tokns = ['SECRET']\n").unwrap();
    let store = folder.path().join("store");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let host = &write("host.toml", "listen = 'localhost:4318'\n");
    let spaced = &write("spaced.toml", "tokens = [' SECRET']\n");
    let empty = write("empty.token", "\n");
    let files = &write("files.toml", &format!("token_files = ['{empty}']\n"));
    let (bad, store) = (bad.to_str().unwrap(), store.to_str().unwrap());
    for (arguments, expected) in [
        (&["--listen", "0.0.0.0:0", "--store", store][..], "--allow-unauthenticated"),
        (&["--listen", "127.0.0.1:0"], "--store DIR"),
        (&["--store", store, "--config", bad], "line 1: unknown field `tokns`"),
        (&["--store", store, "--header", "no pair"], "NAME=VALUE"),
        (&["--store", store, "--policy", "nothing-like-it"], "no such policy file"),
        (&["--store", bad, "--listen", "127.0.0.1:0"], "bad.toml: it is no folder"),
        (&["--store", store, "--listen", "localhost:4318"], "127.0.0.1:4318"),
        (
            &["--store", store, "--config", host],
            "line 1: listen: an IP address and a port, as 127.0.0.1:4318",
        ),
        (
            &["--store", store, "--token", "good", "--token", ""],
            "--token or --header: token 2: a secret is empty",
        ),
        (&["--store", store, "--header", "a=b", "--header", "x="], "header 2: a secret is empty"),
        (&["--store", store, "--config", spaced], "spaced.toml: token 1: a secret begins or ends with"),
        (&["--store", store, "--config", files], "empty.token: a secret is empty"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_spanwise")).arg("serve").args(arguments).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(expected) && !errors.contains("SECRET"), "{arguments:?}: {errors}");
    }
    for (name, value, expected) in [
        ("SPANWISE_LISTEN", "localhost:4318", "SPANWISE_LISTEN: an IP address and a port, as 127.0.0.1:4318"),
        (
            "SPANWISE_TOKEN",
            "good\n SECRET",
            "SPANWISE_TOKEN or SPANWISE_HEADER: token 2: a secret begins or ends",
        ),
        ("SPANWISE_POLICY", "secrets\nnothing-like-it", "no such policy file"),
    ] {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_spanwise"));
        let output = serve.args(["serve", "--store", store]).env(name, value).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {errors}");
        assert!(errors.contains(expected) && !errors.contains("SECRET"), "{name}: {errors}");
    }
    // For programs, what goes wrong at the start is told as all else is.
    for arguments in
        [&["--store", bad, "--listen", "127.0.0.1:0"][..], &["--listen", "127.0.0.1:0"], &["--config", bad]]
    {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_spanwise"));
        let output = serve.args(["serve", "--log-format", "json"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        let lines = errors.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        let last = lines.reduce(|_, last| last).unwrap();
        assert_eq!(last["level"], "ERROR", "{errors}");
    }
    // One store, one receiver.
    let served = Served::start(command(Path::new(store), None::<&str>));
    let output = command(Path::new(store), None::<&str>).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another receiver"));
    drop(served);
}

#[test]
fn the_commands_of_the_documentation_serve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let binary = Path::new(env!("CARGO_BIN_EXE_spanwise")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    for page in ["README.md", "docs/receiver.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let lines: Vec<_> =
            text.lines().map(str::trim).filter(|line| line.starts_with("spanwise serve ")).collect();
        let [line] = lines[..] else { panic!("{page}: {lines:?}") };
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec {line}")]).current_dir(&folder).env("PATH", &path);
        let served = Served::start({
            shell.env("TOKEN", "of the page").env("SPANWISE_LISTEN", "127.0.0.1:0");
            shell
        });
        let head = "POST /v1/traces HTTP/1.1\r\nContent-Type: application/json";
        let mut client = served.connect();
        assert_eq!(client.send(head, &body(1, "chat")).unwrap().0, 401, "{page}");
        let head = format!("{head}\r\nAuthorization: Bearer of the page");
        assert_eq!(client.send(&head, &body(1, "chat")).unwrap().0, 200, "{page}");
        assert!(served.end().0.success(), "{page}");
        assert_eq!(span_ids(&folder.path().join("traces")), BTreeMap::from([(1, 1)]), "{page}");
    }
}

/// Settings by which a segment is Parquet after a second.
fn soon(folder: &Path) -> PathBuf {
    let path = folder.join("receiver.toml");
    std::fs::write(&path, "[storage]\nseal_after_seconds = 1\n").unwrap();
    path
}

#[test]
fn a_log_that_nobody_reads_or_that_has_no_room_stops_nothing() {
    for is_full in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let settings = soon(folder.path());
        let store = folder.path().join("store");
        let log: Stdio = if is_full {
            File::options().write(true).open("/dev/full").unwrap().into()
        } else {
            std::io::pipe().unwrap().1.into()
        };
        let served = Served::start_silent(&store, &settings, log);
        assert_eq!(served.connect().post(&body(1, "chat")).unwrap().0, 200);
        until("Parquet", || !parquet(&store.join("spans")).is_empty());
        assert_eq!(served.connect().post(&body(2, "chat")).unwrap().0, 200);
        assert_eq!(served.connect().send("GET /readyz HTTP/1.1", b"").unwrap().0, 200);
        assert!(served.end().0.success());
        assert_eq!(span_ids(&store), BTreeMap::from([(1, 1), (2, 1)]));
    }
}

#[test]
fn a_store_that_is_deleted_is_answered_503_and_told_at_the_end() {
    for (gone, comes_back) in [("", false), ("log", true)] {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let served = Served::start(command(&store, None::<&str>));
        let mut client = served.connect();
        assert_eq!(client.post(&body(1, "chat")).unwrap().0, 200);
        std::fs::remove_dir_all(store.join(gone)).unwrap();
        for span in 2..5 {
            let status = if comes_back && span > 2 { 200 } else { 503 };
            assert_eq!(client.post(&body(span, "chat")).unwrap().0, status, "{gone}");
            assert_eq!(client.send("GET /readyz HTTP/1.1", b"").unwrap().0, status, "{gone}");
        }
        let metrics = client.send("GET /metrics HTTP/1.1", b"").unwrap().1;
        // Once, and not for every delivery.
        let (status, log) = served.end();
        assert_eq!(status.code(), Some(2), "{log}");
        // Where all of it is away, it may come back.
        let told = if comes_back {
            "ERROR the file of a segment is gone"
        } else {
            "the folder of the store: No such file or directory"
        };
        assert!(log.contains(told), "{log}");
        let stored = if comes_back { 3 } else { 1 };
        assert!(metrics.contains(&format!("spanwise_spans_stored_total {stored}\n")), "{metrics}");
        assert_eq!(log.matches("deliveries are refused").count(), 1, "{log}");
        let again = log.matches("the log can be written again").count();
        assert_eq!(again, usize::from(comes_back), "{log}");
        // What became of the rest is said once.
        assert!(log.matches("segments are left for the next start").count() <= 1, "{log}");
    }
}

#[test]
fn idle_connections_leave_the_store_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let settings = soon(folder.path());
    let store = folder.path().join("store");
    let serve = command(&store, ["--config", settings.to_str().unwrap()]);
    let served = Served::start(limited("-n 150", &serve));
    let mut client = served.connect();
    assert_eq!(client.post(&body(0, "chat")).unwrap().0, 200);
    let idle: Vec<_> = (0..200).map(|_| served.connect()).collect();
    for (files, span) in (1..4).enumerate() {
        assert_eq!(client.post(&body(span, "chat")).unwrap().0, 200);
        until("Parquet", || parquet(&store.join("spans")).len() > files);
    }
    let (status, log) = served.end();
    drop(idle);
    assert!(status.success(), "{log}");
    assert!(log.contains("WARN") && log.contains("connections="), "{log}");
    assert!(!log.contains("cannot accept") && !log.contains("ERROR"), "{log}");
    assert_eq!(span_ids(&store).len(), 4);
}

/// The command with a limit of the shell's `ulimit`.
fn limited(limit: &str, serve: &Command) -> Command {
    let mut limited = Command::new("sh");
    let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    limited.args(["-c", &script]).arg(serve.get_program()).args(serve.get_args());
    limited
}

#[test]
fn many_services_take_no_more_files_than_there_may_be() {
    for files in [60, 100] {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("receiver.toml");
        std::fs::write(&settings, "[storage]\nseal_threads = 4\n").unwrap();
        let store = folder.path().join("store");
        let serve = command(&store, ["--config", settings.to_str().unwrap()]);
        let served = Served::start(limited(&format!("-n {files}"), &serve));
        let mut client = served.connect();
        for span in 0..150 {
            let body = String::from_utf8(body(span, "chat")).unwrap().replace("shop", &format!("shop{span}"));
            assert_eq!(client.post(body.as_bytes()).unwrap().0, 200);
        }
        let (status, log) = served.end();
        assert!(status.success() && !log.contains("ERROR"), "{files}: {log}");
        assert!(log.contains("folders="), "{files}: {log}");
        assert_eq!(span_ids(&store), (0..150).map(|span| (span, 1)).collect(), "{files}");
    }
}

#[test]
fn a_limit_on_the_length_of_files_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    // In blocks of 512 bytes, or with some shells of 1024.
    let served = Served::start(limited("-f 400", &command(&store, None::<&str>)));
    let mut client = served.connect();
    let name = "chat".repeat(10_000);
    let mut answered = BTreeMap::new();
    for span in 0..30 {
        let status = client.post(&body(span, &name)).unwrap().0;
        assert!(status == 200 || status == 503, "{status}");
        if status == 200 {
            answered.insert(span, 1);
        }
    }
    assert!(answered.len() > 15 && answered.len() < 30, "{answered:?}");
    let (status, log) = served.end();
    assert!(status.success(), "{log}");
    assert_eq!(span_ids(&store), answered);
}

#[test]
fn a_file_in_the_place_of_a_folder_keeps_one_segment_and_not_the_receiver() {
    let store = tempfile::tempdir().unwrap();
    let day = store.path().join("spans/date=2025-11-25");
    std::fs::create_dir_all(store.path().join("spans")).unwrap();
    std::fs::write(&day, "").unwrap();
    for span in 1..3 {
        let served = Served::start(command(store.path(), None::<&str>));
        let mut client = served.connect();
        assert_eq!(client.post(&body(span, "chat")).unwrap().0, 200);
        assert_eq!(client.send("GET /readyz HTTP/1.1", b"").unwrap().0, 200);
        let (status, log) = served.end();
        assert_eq!(status.code(), Some(2), "{log}");
        assert!(log.contains("spans/date=2025-11-25") && !log.contains("shop"), "{log}");
        // Said once.
        assert_eq!(log.matches("segments are left for the next start").count(), 1, "{log}");
    }
    std::fs::remove_file(&day).unwrap();
    let (status, log) = Served::start(command(store.path(), None::<&str>)).end();
    assert!(status.success(), "{log}");
    assert_eq!(span_ids(store.path()), BTreeMap::from([(1, 1), (2, 1)]));
}

#[test]
fn what_is_in_the_way_for_long_is_told_once_a_minute() {
    const STUCK: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let (store, settings) = (folder.path().join("store"), folder.path().join("receiver.toml"));
    std::fs::write(&settings, "[storage]\nseal_bytes = 200\n").unwrap();
    std::fs::create_dir_all(store.join("spans")).unwrap();
    std::fs::write(store.join("spans/date=2025-11-25"), "").unwrap();
    let served = Served::start(command(&store, ["--config", settings.to_str().unwrap()]));
    let mut client = served.connect();
    for span in 0..STUCK {
        assert_eq!(client.post(&body(span as u64, "chat")).unwrap().0, 200);
    }
    // Each is tried after one second, and after two more.
    let tries = |metrics: String| {
        let count = metrics.lines().find_map(|line| line.strip_prefix("spanwise_seal_failures_total "));
        count.unwrap().parse::<usize>().unwrap()
    };
    until("tries", || tries(served.connect().send("GET /metrics HTTP/1.1", b"").unwrap().1) >= 3 * STUCK);
    let log = served.end().1;
    assert_eq!(log.matches("not all files can be put in their places").count(), STUCK, "{log}");
    assert_eq!(log.matches("files still cannot be put in their places").count(), 1, "{log}");
}

/// The command that serves `store`, with SIGHUP as `env` is told to have it: who runs the tests may have it ignored.
fn command_with_hangup(disposition: &str, store: &Path) -> Command {
    let serve = command(store, None::<&str>);
    let mut command = Command::new("env");
    command.arg(format!("--{disposition}-signal=HUP")).arg(serve.get_program()).args(serve.get_args());
    command
}

#[test]
fn a_hangup_that_is_ignored_does_not_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(command_with_hangup("ignore", folder.path()));
    served.signal("HUP");
    assert_eq!(served.connect().post(&body(1, "chat")).unwrap().0, 200);
    let (status, log) = served.end();
    assert!(status.success() && log.contains("making Parquet of what is left"), "{log}");
}

#[test]
fn signals_end_it_and_a_second_one_at_once() {
    for (first, second) in [("HUP", None), ("INT", None), ("TERM", Some("TERM")), ("HUP", Some("INT"))] {
        let folder = tempfile::tempdir().unwrap();
        let served = Served::start(command_with_hangup("default", folder.path()));
        let mut client = served.connect();
        assert_eq!(client.post(&body(1, "chat")).unwrap().0, 200);
        // A request that does not come to its end.
        let mut slow = served.connect();
        if second.is_some() {
            let head = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json";
            slow.write(&format!("{head}\r\nContent-Length: 9\r\n\r\n{{"));
            until("two connections", || {
                client.send("GET /metrics HTTP/1.1", b"").unwrap().1.contains("spanwise_connections 2\n")
            });
        }
        served.signal(first);
        let begun = Instant::now();
        if let Some(second) = second {
            // One that comes at the same time would be the same.
            until("no more connections", || Client::connect(served.address).is_err());
            served.signal(second);
        }
        let (status, log) = served.ended();
        assert!(status.success() && !log.contains("ERROR"), "{first} {second:?}: {log}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{first} {second:?}: {log}");
    }
}

#[test]
fn what_is_in_the_way_of_the_store_is_named() {
    let store = tempfile::tempdir().unwrap();
    std::fs::write(store.path().join("spans"), "").unwrap();
    let output = command(store.path(), None::<&str>).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.lines().last().unwrap().contains("spans"), "{errors}");
}

#[test]
fn who_may_deliver_and_what_is_taken_out_is_told_at_the_start() {
    for (token, policy, expected) in [
        ("", "", "no secret is needed to deliver; no policy"),
        ("t", "privacy-mode", "a secret is needed to deliver; policy: privacy-mode"),
        ("t", "privacy-mode\nsecrets", "a secret is needed to deliver; policy: privacy-mode, secrets"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut serve = command(folder.path(), None::<&str>);
        serve.env("SPANWISE_TOKEN", token).env("SPANWISE_POLICY", policy);
        let (_, log) = Served::start(serve).end();
        assert_eq!(log.matches(expected).count(), 1, "{log}");
        assert_eq!(log.matches(&format!("version=\"{}\"", env!("CARGO_PKG_VERSION"))).count(), 1, "{log}");
    }
}

#[test]
fn what_is_refused_or_not_stored_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let settings = folder.path().join("receiver.toml");
    std::fs::write(&settings, "[limits]\nconnections = 1\n").unwrap();
    let settings = settings.to_str().unwrap();
    let served =
        Served::start(command(&store, ["--config", settings, "--token", "hush", "--log-level", "debug"]));
    let mut client = served.connect();
    let json = "POST /v1/traces HTTP/1.1\r\nAuthorization: Bearer hush\r\nContent-Type: application/json";
    let text = json.replace("application/json", "text/SECRET");
    let other = json.replace("/v1/traces", "/SECRET");
    let probe = format!("{json}\r\nX-Test-Connection: true");
    for (head, body, status, expected) in [
        (
            "POST /v1/traces HTTP/1.1",
            "SECRET",
            401,
            "DEBUG a request was refused status=401 reason=\"no secret, ",
        ),
        (json, "SECRET", 400, "DEBUG a request was refused status=400 reason=\"unexpected-byte, offset 0: "),
        (
            &text,
            "SECRET",
            415,
            "DEBUG a request was refused status=415 reason=\"the body must be application/json",
        ),
        (
            &other,
            "SECRET",
            404,
            "DEBUG a request was refused status=404 reason=\"nothing is taken under this path",
        ),
        (
            &probe,
            "SECRET",
            200,
            "INFO a test of the connection was answered, and what came with it is not stored bytes=6",
        ),
        (
            json,
            r#"{"resourceSpans":"SECRET"}"#,
            200,
            "WARN not all of a delivery was taken rejected=0 told=\"type-mismatch at resourceSpans, ",
        ),
    ] {
        assert_eq!(client.send(head, body.as_bytes()).unwrap().0, status, "{expected}");
        served.logs(expected);
    }
    drop(served.connect());
    served.logs("WARN a connection beyond the bound was answered 503 connections=1");
    let head = "GET /metrics HTTP/1.1\r\nAuthorization: Bearer hush";
    let metrics = client.send(head, b"").unwrap().1;
    let info = format!("spanwise_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION"));
    assert!(metrics.contains(&info), "{metrics}");
    let (status, log) = served.end();
    assert!(status.success(), "{log}");
    assert!(!log.contains("SECRET") && !log.contains("hush"), "{log}");
}

/// While the log is read nothing listens: who connects is told so at once, and may try elsewhere or again.
#[test]
fn until_the_log_is_read_connections_are_refused_and_a_signal_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    // Reading it takes until somebody writes.
    std::fs::create_dir_all(folder.path().join("dedup")).unwrap();
    let endless = folder.path().join("dedup/00000000000000000001.keys");
    assert!(Command::new("mkfifo").arg(&endless).status().unwrap().success());
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let serve = |store: &Path| {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_spanwise"));
        serve.args(["serve", "--listen", &address.to_string(), "--store"]).arg(store);
        serve
    };
    let served = Served::start_opening(serve(folder.path()));
    until("the log is read", || folder.path().join("receiver.lock").exists());
    assert_eq!(Client::connect(address).map(drop).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    served.signal("TERM");
    let (status, log) = served.ended();
    assert!(status.success() && log.contains("INFO ended"), "{status}: {log}");
    // A port that somebody has is told before anything is read.
    let _taken = std::net::TcpListener::bind(address).unwrap();
    let output = serve(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot listen on"));
}

/// What `make demo` shows, with `curl`.
#[test]
fn the_example_with_curl_ends_by_itself() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output =
        Command::new(root.join("examples/receive.sh")).arg(env!("CARGO_BIN_EXE_spanwise")).output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}{errors}");
    assert_eq!(text.matches("{} 200\n").count(), 4, "{text}{errors}");
    assert!(text.lines().filter(|line| line.starts_with("spans/date=2026-")).count() >= 2, "{text}");
}

/// Rounds of the test below; `SPANWISE_KILL_ROUNDS` asks for more.
const ROUNDS: u64 = 5;
const CLIENTS: u64 = 4;

/// What has been answered 200 is found exactly once, however often the receiver is killed while clients send, it syncs, or it
/// makes Parquet. Clients send again what was not answered.
#[test]
fn nothing_that_was_answered_is_lost_or_doubled_by_kills() {
    let rounds = std::env::var("SPANWISE_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("receiver.toml");
    // Small segments: most kills fall into sealing.
    std::fs::write(&config, "[storage]\nseal_bytes = 40_000\n").unwrap();
    let store = folder.path().join("store");
    let arguments = ["--config", config.to_str().unwrap()];
    let answered = Mutex::new(Vec::new());
    let next = AtomicU64::new(0);
    let mut left: Vec<Option<u64>> = vec![None; usize::try_from(CLIENTS).unwrap()];
    let mut random = RandomState::new().hash_one(0);
    for round in 0..rounds {
        let served = Served::start(command(&store, arguments));
        let address = served.address;
        random = RandomState::new().hash_one(random);
        let pause = Duration::from_millis(20 + random % 400);
        std::thread::scope(|scope| {
            for left in &mut left {
                let (answered, next) = (&answered, &next);
                scope.spawn(move || {
                    let Ok(mut client) = Client::connect(address) else { return };
                    loop {
                        let span = left.take().unwrap_or_else(|| next.fetch_add(1, Ordering::SeqCst));
                        match client.post(&body(span, "chat")) {
                            Ok((200, _)) => answered.lock().unwrap().push(span),
                            Ok(other) => panic!("{other:?}"),
                            Err(_) => {
                                *left = Some(span);
                                return;
                            }
                        }
                    }
                });
            }
            std::thread::sleep(pause);
            served.kill();
        });
        assert!(!answered.lock().unwrap().is_empty() || round < 3, "nothing was ever answered");
    }
    let (status, log) = Served::start(command(&store, arguments)).end();
    assert!(status.success(), "{log}");
    let found = span_ids(&store);
    let answered = answered.into_inner().unwrap();
    let lost: Vec<_> = answered.iter().filter(|span| !found.contains_key(span)).collect();
    let doubled: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    assert!(lost.is_empty() && doubled.is_empty(), "lost {lost:?}, doubled {doubled:?}");
    assert!(answered.len() as u64 > rounds, "{} answers in {rounds} rounds", answered.len());
    assert!(std::fs::read_dir(store.join("log")).unwrap().next().is_none());
    assert!(std::fs::read_dir(store.join("staging")).unwrap().next().is_none());
}

/// The words of all payloads that privacy mode must take out, and the payloads.
fn canaries() -> (Vec<String>, Vec<Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads");
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let (mut words, mut bodies) = (Vec::new(), Vec::new());
    for (name, expected) in expected["files"].as_object().unwrap() {
        for list in ["vanish", "absent", "vanish_secrets"] {
            let list = expected[list].as_array().into_iter().flatten();
            words.extend(list.map(|word| word.as_str().unwrap().to_owned()));
        }
        let payload = std::fs::read(folder.join(name)).unwrap();
        if Path::new(name).extension().is_some_and(|extension| extension == "json") {
            bodies.push(payload);
        } else {
            bodies.extend(payload.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        }
    }
    words.sort();
    words.dedup();
    (words, bodies)
}

fn assert_none_of(words: &[String], text: &[u8], place: &str) {
    // However they were escaped on the way.
    let text = String::from_utf8_lossy(text).replace("\\u002d", "-").replace("\\u002D", "-");
    for word in words {
        assert!(!text.contains(word.as_str()), "{word} in {place}");
    }
}

fn all_files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all_files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn what_privacy_mode_takes_out_is_in_no_file_and_no_log_line() {
    let (words, bodies) = canaries();
    assert!(words.len() > 150 && bodies.len() > 50, "{} words, {} bodies", words.len(), bodies.len());
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--policy", "privacy-mode", "--policy", "secrets", "--log-level", "debug"];
    let served = Served::start(command(folder.path(), arguments));
    let mut client = served.connect();
    for body in &bodies {
        let (status, answer) = client.post(body).unwrap();
        assert_eq!(status, 200, "{answer}");
        assert_none_of(&words, answer.as_bytes(), "an answer");
    }
    // Bodies that are cut off: what is wrong with them is told without a word of them.
    for body in bodies.iter().filter(|body| body.len() > 10) {
        let (status, answer) = client.post(&body[..body.len() - 3]).unwrap();
        assert_eq!(status, 400, "{answer}");
        assert_none_of(&words, answer.as_bytes(), "an answer");
    }
    let mut logs = Vec::new();
    all_files(&folder.path().join("log"), &mut logs);
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert!(std::fs::metadata(&logs[0]).unwrap().len() > 50_000);
    assert_none_of(&words, &std::fs::read(&logs[0]).unwrap(), "the log");
    let (status, log) = served.end();
    assert!(status.success(), "{log}");
    assert_none_of(&words, log.as_bytes(), "the log lines");
    let mut files = Vec::new();
    all_files(folder.path(), &mut files);
    for path in &files {
        assert_none_of(&words, &std::fs::read(path).unwrap(), &path.display().to_string());
        assert_none_of(&words, path.display().to_string().as_bytes(), "a file's name");
    }
    let mut text = String::new();
    for path in parquet(folder.path()) {
        for row in SerializedFileReader::new(File::open(path).unwrap()).unwrap() {
            text.push_str(&row.unwrap().to_string());
        }
    }
    assert!(text.contains("KEEPME-0001") && text.len() > 50_000);
    assert_none_of(&words, text.as_bytes(), "Parquet");
}
