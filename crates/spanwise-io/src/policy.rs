//! Redaction policies as they are named on a command line or in settings: presets and files, with the key of the pseudonyms
//! fetched from where they say it is kept.
//!
//! The core reads no environment and no files, so this is where that happens, for everything that applies policies.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use spanwise::redact::{CompiledPolicy, HashKey, HashKeySource, Policy, PolicyError, Preset};

/// A policy that cannot be applied, or not be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusablePolicy {
    file: Option<PathBuf>,
    message: String,
    position: Option<(usize, usize)>,
}

impl UnusablePolicy {
    fn new(message: impl Into<String>) -> Self {
        Self { file: None, message: message.into(), position: None }
    }

    fn in_file(self, file: Option<&Path>) -> Self {
        Self { file: file.map(Path::to_owned), ..self }
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Line and column of the policy file, from 1, where it is a place in one.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position
    }
}

impl From<PolicyError> for UnusablePolicy {
    fn from(error: PolicyError) -> Self {
        let position = error.line().zip(error.column());
        Self { position, ..Self::new(error.message()) }
    }
}

impl fmt::Display for UnusablePolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(formatter, "{}: ", file.display())?;
        }
        if let Some((line, column)) = self.position {
            write!(formatter, "line {line}, column {column}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for UnusablePolicy {}

/// The policy that `names` mean: presets, and at most one policy file in TOML, to which the presets are added.
///
/// # Errors
/// A name is neither a preset nor a file, the file cannot be read, or the policy cannot be applied or changes nothing.
///
/// ```
/// let policy = spanwise_io::policy::load(&["privacy-mode", "secrets"])?;
/// assert!(policy.rule_count() > 400);
/// # Ok::<(), spanwise_io::policy::UnusablePolicy>(())
/// ```
pub fn load(names: &[impl AsRef<OsStr>]) -> Result<CompiledPolicy, UnusablePolicy> {
    let mut presets = Vec::new();
    let mut file: Option<&Path> = None;
    for name in names {
        let name = name.as_ref();
        match name.to_str().and_then(Preset::from_id) {
            Some(preset) => presets.push(preset),
            None if file.is_none() => file = Some(Path::new(name)),
            None => return Err(UnusablePolicy::new("more than one policy file: put their rules into one")),
        }
    }
    let policy = file.map_or(Ok(Policy::new()), read)?;
    let policy = presets.into_iter().fold(policy, Policy::preset);
    compile(&policy, file.and_then(Path::parent)).map_err(|error| error.in_file(file))
}

/// The files that [`load`] makes a policy of, for whoever writes files and is to write over none of them: the policy file, and
/// that of its key. What cannot be read, or is no policy, names none.
///
/// ```
/// assert!(spanwise_io::policy::files(&["privacy-mode"]).is_empty());
/// ```
pub fn files(names: &[impl AsRef<OsStr>]) -> Vec<PathBuf> {
    let is_file = |name: &&OsStr| name.to_str().and_then(Preset::from_id).is_none();
    let Some(file) = names.iter().map(AsRef::as_ref).find(is_file).map(PathBuf::from) else {
        return Vec::new();
    };
    let key = read(&file).ok().and_then(|policy| match policy.key_source() {
        Some(HashKeySource::File(path)) => Some(beside(file.parent(), path)),
        _ => None,
    });
    [Some(file), key].into_iter().flatten().collect()
}

/// The policy of a file in TOML.
///
/// # Errors
/// The file cannot be read, or is not a policy.
pub fn read(path: impl AsRef<Path>) -> Result<Policy, UnusablePolicy> {
    let path = path.as_ref();
    let read = std::fs::read_to_string(path).map_err(|error| {
        UnusablePolicy::new(if error.kind() == std::io::ErrorKind::NotFound {
            let ids: Vec<_> = Preset::ALL.iter().map(|preset| preset.id()).collect();
            format!("no such policy file, and no such preset; there are {}", ids.join(", "))
        } else {
            format!("cannot read: {error}")
        })
    });
    let policy = read.and_then(|text| Ok(Policy::from_toml(&text)?));
    policy.map_err(|error| error.in_file(Some(path)))
}

/// Makes a policy ready to be applied, with its key fetched. A key file's path is relative to `folder`, that of the
/// policy file, or to the working directory where there is none.
///
/// # Errors
/// The key is not where the policy says (which is not shown: it may be the key, put there by mistake), or the policy cannot
/// be applied or changes nothing.
pub fn compile(policy: &Policy, folder: Option<&Path>) -> Result<CompiledPolicy, UnusablePolicy> {
    let key = policy.key_source().map(|source| fetch(source, folder)).transpose()?;
    Ok(policy.compile(key)?)
}

/// A path that a policy names, which is relative to its folder.
fn beside(folder: Option<&Path>, path: &str) -> PathBuf {
    folder.unwrap_or(Path::new("")).join(path)
}

fn fetch(source: &HashKeySource, folder: Option<&Path>) -> Result<HashKey, UnusablePolicy> {
    match source {
        HashKeySource::Environment(name) => {
            let value = std::env::var_os(name).ok_or_else(|| {
                UnusablePolicy::new("the environment variable that `key_env` names is not set")
            })?;
            Ok(HashKey::new(value.as_encoded_bytes()))
        }
        HashKeySource::File(path) => {
            let path = beside(folder, path);
            let bytes = std::fs::read(&path).map_err(|error| {
                UnusablePolicy::new(format!("cannot read the file that `key_file` names: {error}"))
            })?;
            let key = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            Ok(HashKey::new(key.strip_suffix(b"\r").unwrap_or(key)))
        }
        _ => Err(UnusablePolicy::new("the key of the pseudonyms is kept where nothing here can fetch it")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use spanwise::redact::Place;

    fn outcome(policy: &CompiledPolicy, key: &str) -> String {
        policy.explain(Place::Span, key, None).to_string()
    }

    #[test]
    fn presets_and_a_file_make_one_policy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(folder.path().join("key"), "a key for the tests\r\n").unwrap();
        let text = "[hash]\nkey_file = \"key\"\n[[rules]]\nkey = \"input.value\"\naction = \"hash\"\n";
        std::fs::write(&path, text).unwrap();
        let policy = load(&[path.as_os_str(), "privacy-mode".as_ref()]).unwrap();
        assert!(outcome(&policy, "input.value").contains("is hashed"));
        assert!(outcome(&policy, "output.value").contains("is masked"));
        assert_eq!(files(&["secrets".as_ref(), path.as_os_str()]), [path.clone(), folder.path().join("key")]);
        let alone = load(&[&path]).unwrap();
        assert!(outcome(&alone, "output.value").contains("stays"));
        let twice = load(&[&path, &path]).unwrap_err();
        assert!(twice.to_string().contains("more than one policy file"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        for (text, message) in [
            ("mode = 1\n", "policy.toml: line 1, column 8: "),
            (
                "[hash]\nkey_env = \"a_secret\"\n",
                "policy.toml: the environment variable that `key_env` names",
            ),
            (
                "[hash]\nkey_file = \"a_secret\"\n",
                "policy.toml: cannot read the file that `key_file` names: ",
            ),
            ("", "policy.toml: the policy changes nothing"),
            ("[detectors]\noff = [\"email\"]\n", "the policy changes nothing"),
            ("[[rules]]\nkey = \"a\"\naction = \"keep\"\n", "the policy changes nothing"),
            (
                "\n[[rules]]\nkey = \"a\"\naction = \"mask\"\nlabel = \"A B\"\n",
                "policy.toml: line 2, column 1: ",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = load(&[&path]).unwrap_err().to_string();
            assert!(error.contains(message) && !error.contains("a_secret"), "{error}");
        }
        let error = load(&["privacy"]).unwrap_err().to_string();
        assert!(
            error.contains(
                "privacy: no such policy file, and no such preset; there are privacy-mode, secrets"
            )
        );
    }
}
