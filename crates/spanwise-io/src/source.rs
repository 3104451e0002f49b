//! From what the user wrote to the files that are meant, in a stable order.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use globset::GlobBuilder;
use walkdir::WalkDir;

use crate::twice::Kept;

/// Where traces come from.
///
/// ```
/// use std::path::PathBuf;
///
/// use spanwise_io::{Source, spanwise::bytes::Bytes};
/// let sources = [Source::from(PathBuf::from("spans.jsonl")), Bytes::from("{}").into()];
/// assert_eq!(sources.map(|source| source.name()), ["spans.jsonl", "<bytes>"]);
/// ```
#[non_exhaustive]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file, or anything else that has a path and can be read.
    File(PathBuf),
    /// What is in memory already; blocks share it.
    Bytes(Bytes),
    /// What could be read only once, and was kept.
    Kept(Kept),
    /// Anything that can be read.
    Reader(Box<dyn Read + Send>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<Bytes> for Source {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl Source {
    /// The name in reports.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Bytes(_) => "<bytes>".to_owned(),
            Self::Kept(_) => "<kept>".to_owned(),
            Self::Reader(_) => "<reader>".to_owned(),
        }
    }

    /// How many bytes it has as it is stored, where that is known without reading it.
    ///
    /// ```
    /// let source = spanwise_io::Source::Bytes("{}".into());
    /// assert_eq!((source.length(), spanwise_io::Source::Stdin.length()), (Some(2), None));
    /// ```
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::File(path) => {
                path.metadata().ok().filter(std::fs::Metadata::is_file).map(|file| file.len())
            }
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Kept(kept) => kept.length(),
            Self::Stdin | Self::Reader(_) => None,
        }
    }
}

/// Something that was named and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// What was named.
    pub name: String,
    /// Why it cannot be read.
    pub message: String,
    kind: UnreadableKind,
}

/// Why something cannot be read, for who does not go by words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreadableKind {
    /// What was named is meant as a pattern and is none.
    BadPattern,
    /// There is no file: a pattern that none matches, or a directory without traces.
    NoFile,
    /// The system says so: the number of its error, as [`std::io::Error::raw_os_error`] gives it.
    System(Option<i32>),
    /// Anything else, such as a pipe that was found and not named.
    Other,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for Unreadable {}

impl Unreadable {
    /// What was named, and why it cannot be read: [`UnreadableKind::Other`].
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into(), kind: UnreadableKind::Other }
    }

    /// What kind of fault it is.
    ///
    /// ```
    /// use spanwise_io::UnreadableKind;
    /// let sources = spanwise_io::expand(&["x[".into(), "no-such-*.json".into()]);
    /// let kinds: Vec<_> = sources.iter().filter_map(|source| Some(source.as_ref().err()?.kind())).collect();
    /// assert_eq!(kinds, [UnreadableKind::BadPattern, UnreadableKind::NoFile]);
    /// ```
    pub fn kind(&self) -> UnreadableKind {
        self.kind
    }
}

/// What a directory is searched for; each may be compressed.
const EXTENSIONS: [&str; 3] = ["json", "jsonl", "ndjson"];
const COMPRESSIONS: [&str; 2] = ["gz", "zst"];

/// The sources that `arguments` mean: files, globs (where no file has that name), directories (searched for `.json`, `.jsonl`
/// and `.ndjson`, each maybe with `.gz` or `.zst` after it), and `-` for standard input, which is also meant where there are
/// no arguments and somebody pipes something in. Files of a directory come in the order of their names. Pipes, sockets and
/// devices are read where they are named, and are [`Unreadable`] where they are found.
///
/// ```
/// let sources = spanwise_io::expand(&["a.json".into(), "no-such-*.json".into()]);
/// assert!(matches!(&sources[..], [Ok(_), Err(unreadable)] if unreadable.to_string() == "no-such-*.json: no file matches"));
/// ```
pub fn expand(arguments: &[OsString]) -> Vec<Result<Source, Unreadable>> {
    if arguments.is_empty() {
        return vec![if io::stdin().is_terminal() {
            unreadable("-", "name a file, a directory or a glob, or pipe traces in")
        } else {
            Ok(Source::Stdin)
        }];
    }
    let mut sources = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if argument == "-" {
            if sources.iter().any(|source| matches!(source, Ok(Source::Stdin))) {
                sources.push(unreadable("-", "standard input can be read only once"));
            } else {
                sources.push(Ok(Source::Stdin));
            }
        } else if path.is_dir() {
            directory(path, &mut sources);
        } else if let Some(pattern) = argument.to_str().filter(|text| is_pattern(text) && !path.exists()) {
            glob(pattern, &mut sources);
        } else {
            sources.push(Ok(Source::File(path.to_owned())));
        }
    }
    sources
}

fn unreadable(name: impl Into<String>, message: impl Into<String>) -> Result<Source, Unreadable> {
    Err(Unreadable::new(name, message))
}

fn unreadable_as(
    kind: UnreadableKind,
    name: impl Into<String>,
    message: impl Into<String>,
) -> Result<Source, Unreadable> {
    Err(Unreadable { kind, ..Unreadable::new(name, message) })
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn directory(root: &Path, sources: &mut Vec<Result<Source, Unreadable>>) {
    let before = sources.len();
    walk(WalkDir::new(root), is_trace_file, sources);
    if sources.len() == before {
        sources.push(unreadable_as(
            UnreadableKind::NoFile,
            root.display().to_string(),
            "no .json, .jsonl or .ndjson file in this directory",
        ));
    }
}

fn is_trace_file(path: &Path) -> bool {
    let is_one_of = |extension: Option<&OsStr>, known: &[&str]| {
        extension.is_some_and(|extension| known.iter().any(|known| extension.eq_ignore_ascii_case(known)))
    };
    let stem = path.file_stem().map(Path::new).filter(|_| is_one_of(path.extension(), &COMPRESSIONS));
    is_one_of(stem.unwrap_or(path).extension(), &EXTENSIONS)
}

fn glob(pattern: &str, sources: &mut Vec<Result<Source, Unreadable>>) {
    let pattern = &as_walked(&with_slashes(pattern));
    // Names are told apart as the system does. As in a shell, one of several may be nothing: `a.json{,.gz}`.
    let glob = GlobBuilder::new(pattern)
        .literal_separator(true)
        .case_insensitive(cfg!(windows))
        .empty_alternates(true)
        .build();
    let matcher = match glob {
        Ok(glob) => glob.compile_matcher(),
        Err(error) => {
            let message = format!("not a glob pattern: {}", error.kind());
            sources.push(unreadable_as(UnreadableKind::BadPattern, pattern, message));
            return;
        }
    };
    let (root, rest) = split(pattern);
    let depth = if rest.contains("**") { usize::MAX } else { rest.matches('/').count() + 1 };
    let before = sources.len();
    let walked = WalkDir::new(if root.is_empty() { "." } else { root }).max_depth(depth);
    walk(walked, |path| matcher.is_match(path), sources);
    if sources.len() == before {
        sources.push(unreadable_as(UnreadableKind::NoFile, pattern, "no file matches"));
    }
}

/// A pattern with the one separator that is looked for. Where there are two, neither can be in a name.
fn with_slashes(pattern: &str) -> Cow<'_, str> {
    if std::path::is_separator('\\') { pattern.replace('\\', "/").into() } else { pattern.into() }
}

/// A pattern as walked paths are named: without `./` before it, and one slash where behind the first directory there are several.
fn as_walked(pattern: &str) -> String {
    let mut pattern = pattern;
    while let Some(rest) = pattern.strip_prefix("./") {
        pattern = rest.trim_start_matches('/');
    }
    let (root, rest) = split(pattern);
    let mut walked = root.to_owned();
    walked.extend(rest.chars().filter({
        let mut before = None;
        move |next| before.replace(*next) != Some('/') || *next != '/'
    }));
    walked
}

/// A pattern's leading directories without a pattern in them, and the rest.
fn split(pattern: &str) -> (&str, &str) {
    let special = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    let (literal, _) = pattern.split_at(special);
    pattern.split_at(literal.rfind('/').map_or(0, |slash| slash + 1))
}

/// Adds the files under a root that are wanted, directory by directory in the order of their names.
fn walk(walk: WalkDir, is_wanted: impl Fn(&Path) -> bool, sources: &mut Vec<Result<Source, Unreadable>>) {
    let is_wanted = |path: &Path| is_wanted(inside(path));
    for entry in walk.follow_links(true).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_dir() || !is_wanted(entry.path()) => {}
            Ok(entry) if entry.file_type().is_file() => {
                sources.push(Ok(Source::File(inside(entry.path()).to_owned())));
            }
            // Reading it may wait for ever, and takes from somebody what may be meant for others.
            Ok(entry) => sources.push(unreadable(
                inside(entry.path()).display().to_string(),
                "a pipe, a socket or a device, which is read only where it is named itself",
            )),
            Err(error) if leads_nowhere(&error) && !error.path().is_some_and(is_wanted) => {}
            Err(error) => {
                let name = error.path().map(|path| path.display().to_string()).unwrap_or_default();
                sources.push(match error.io_error() {
                    Some(error) => {
                        let kind = UnreadableKind::System(error.raw_os_error());
                        unreadable_as(kind, name, format!("cannot read: {error}"))
                    }
                    None => unreadable(name, "a link to a directory that it lies in"),
                });
            }
        }
    }
}

/// A walked path as a pattern names it.
fn inside(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

/// The system's number for links that lead to each other: `FilesystemLoop`, which is not yet a kind that stable Rust names.
const LINKS_IN_A_CIRCLE: i32 = if cfg!(windows) {
    1921
} else if cfg!(target_os = "linux") {
    40
} else {
    62
};

/// Whether it is about a link to what is not there, such as editors lock files with, or to itself. Whatever else cannot be looked at
/// may be a directory with files that are wanted.
fn leads_nowhere(error: &walkdir::Error) -> bool {
    let is_absent = |error: &io::Error| {
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            || error.raw_os_error() == Some(LINKS_IN_A_CIRCLE)
    };
    error.depth() > 0 && error.io_error().is_some_and(is_absent) && error.path().is_some_and(Path::is_symlink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_hold_trace_files_compressed_or_not() {
        for (name, expected) in [
            ("a.json", true),
            ("a.JSONL", true),
            ("a.b.ndjson", true),
            ("a.json.gz", true),
            ("a.ndjson.zst", true),
            ("a.gz", false),
            ("a.txt", false),
            ("json", false),
            ("README.md", false),
        ] {
            assert_eq!(is_trace_file(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_pattern_is_searched_from_its_literal_directories() {
        for (pattern, root, rest) in [
            ("a/b/*.json", "a/b/", "*.json"),
            ("a/b?/c.json", "a/", "b?/c.json"),
            ("*.json", "", "*.json"),
            ("/a/{b,c}/d", "/a/", "{b,c}/d"),
        ] {
            assert_eq!(split(pattern), (root, rest));
        }
    }

    #[test]
    fn a_pattern_stays_where_it_is_whatever_slashes_it_has() {
        for (pattern, walked) in [
            (".//tmp/x*.json", "tmp/x*.json"),
            ("././/./a*", "a*"),
            ("//a/*//b//*", "//a/*/b/*"),
            ("a//*.json", "a//*.json"),
            (".a/*", ".a/*"),
            ("../*", "../*"),
            (".//", ""),
        ] {
            assert_eq!(as_walked(pattern), walked, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_has_the_separators_of_the_system_and_the_braces_of_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("in/a.json"), "{}").unwrap();
        let found = |pattern: &str| expand(&[folder.path().join(pattern).into_os_string()]).remove(0).is_ok();
        assert_eq!(["in/*.json", "i?/a.json", "**/*"].map(found), [true; 3]);
        assert_eq!(["in\\*.json", "i?\\a.json", "**\\*"].map(found), [cfg!(windows); 3]);
        assert_eq!(found("IN/*.JSON"), cfg!(windows));
        std::fs::write(folder.path().join("in/a.json.gz"), "{}").unwrap();
        for pattern in ["in/a.json{,.gz}", "in/a.json{.gz,}", "in{,}/a{,.b}.json{,.gz}"] {
            let found = expand(&[folder.path().join(pattern).into_os_string()]);
            assert_eq!(found.iter().filter(|found| found.is_ok()).count(), 2, "{pattern}: {found:?}");
        }
    }

    /// Those of what cannot be read, by what was named.
    fn kinds(folder: &Path, argument: &str) -> Vec<UnreadableKind> {
        let sources = expand(&[folder.join(argument).into_os_string()]);
        sources.into_iter().filter_map(|source| Some(source.err()?.kind())).collect()
    }

    #[test]
    fn kinds_tell_what_the_words_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir_all(path.join("empty/none")).unwrap();
        std::fs::write(path.join("a.json"), "{}").unwrap();
        let absent = std::fs::metadata(path.join("absent")).unwrap_err().raw_os_error();
        for (argument, expected) in [
            ("a.json", None),
            ("*.json", None),
            ("a[", Some(UnreadableKind::BadPattern)),
            ("b*.json", Some(UnreadableKind::NoFile)),
            ("empty", Some(UnreadableKind::NoFile)),
            ("empty/*/*", Some(UnreadableKind::NoFile)),
            ("absent/*.json", Some(UnreadableKind::System(absent))),
        ] {
            assert_eq!(kinds(path, argument), Vec::from_iter(expected), "{argument}");
        }
        assert_eq!(Unreadable::new("a", "cannot read: not a glob pattern").kind(), UnreadableKind::Other);
    }

    #[test]
    #[cfg(unix)]
    fn kinds_have_the_number_that_the_system_gave() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let _socket = std::os::unix::net::UnixListener::bind(path.join("a.json")).unwrap();
        assert_eq!(kinds(path, "*.json"), [UnreadableKind::Other]);
        std::fs::create_dir(path.join("round")).unwrap();
        symlink(path.join("round"), path.join("round/again")).unwrap();
        assert_eq!(kinds(path, "round/**/*.json")[0], UnreadableKind::Other);
        symlink("gone.json", path.join("b.json")).unwrap();
        assert_eq!(kinds(path, "b*.json"), [UnreadableKind::System(Some(2))]);
        let closed = path.join("closed");
        std::fs::create_dir(&closed).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
        // Who may read everything is not kept out.
        if std::fs::read_dir(&closed).is_err() {
            assert_eq!(kinds(path, "closed"), [UnreadableKind::System(Some(13))]);
            assert_eq!(kinds(path, "closed/*.json"), [UnreadableKind::System(Some(13))]);
        }
    }

    #[test]
    fn standard_input_is_read_once() {
        let twice = expand(&["-".into(), "-".into()]);
        assert_eq!(twice.len(), 2);
        assert!(matches!(twice[0], Ok(Source::Stdin)));
        assert!(twice[1].is_err());
    }

    /// What was named in `folder`, and whether it can be read.
    #[cfg(unix)]
    fn named(folder: &Path, arguments: &[&str]) -> Vec<(String, bool)> {
        let arguments: Vec<_> = arguments.iter().map(|name| folder.join(name).into_os_string()).collect();
        let name = |source: Result<Source, Unreadable>| match source {
            Ok(source) => (source.name(), true),
            Err(unreadable) => (unreadable.name, false),
        };
        let within = |(name, can)| {
            let name = Path::new(&name).strip_prefix(folder).unwrap().to_owned();
            (name.display().to_string(), can)
        };
        expand(&arguments).into_iter().map(name).map(within).collect()
    }

    #[test]
    #[cfg(unix)]
    fn only_files_are_found_and_whatever_is_there_can_be_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("a.json"), "{}").unwrap();
        for pipe in ["b.json", "c.log"] {
            let made = std::process::Command::new("mkfifo").arg(path.join(pipe)).status().unwrap();
            assert!(made.success());
        }
        let _socket = std::os::unix::net::UnixListener::bind(path.join("d.json")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path.join("e.json")).unwrap();
        let all = ["a", "b", "d", "e"].map(|name| (format!("{name}.json"), name == "a"));
        for argument in ["", "*.json", "{a,b,d,e}.json"] {
            assert_eq!(named(path, &[argument]), all, "{argument}");
        }
        let each = ["a.json", "b.json", "c.log", "d.json", "e.json"];
        assert_eq!(named(path, &each), each.map(|name| (name.to_owned(), true)));
    }

    #[test]
    #[cfg(unix)]
    fn a_link_that_leads_nowhere_counts_where_its_name_is_wanted() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("in")).unwrap();
        std::fs::write(path.join("in/a.json"), "{}").unwrap();
        symlink("somebody@machine.4711:1700000000", path.join("in/.#notes.txt")).unwrap();
        symlink("a.json/nothing", path.join("in/old")).unwrap();
        symlink("round", path.join("in/round")).unwrap();
        symlink("gone.json", path.join("in/z.json")).unwrap();
        let [good, dangling] = [("in/a.json".to_owned(), true), ("in/z.json".to_owned(), false)];
        assert_eq!(named(path, &["in"]), [good.clone(), dangling.clone()]);
        for argument in ["in/*.json", "*/*.json", "*//*.json"] {
            assert_eq!(named(path, &[argument]), [good.clone(), dangling.clone()], "{argument}");
        }
        assert_eq!(named(path, &["in/a*"]), [good]);
        // What may hide files is told, whatever its name.
        let closed = path.join("closed");
        std::fs::create_dir(&closed).unwrap();
        symlink("closed/within", path.join("link")).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o0)).unwrap();
        // To root nothing is closed.
        if closed.read_dir().is_err() {
            let found = named(path, &[""]);
            assert!(found.contains(&("closed".to_owned(), false)), "{found:?}");
            assert!(found.contains(&("link".to_owned(), false)), "{found:?}");
        }
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
}
