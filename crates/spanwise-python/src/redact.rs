//! `Policy` and `redact`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use spanwise::frame::{BlockSizes, Framer};
use spanwise::redact::{
    CompiledPolicy, Count, Place, Policy as CorePolicy, Preset, RedactError, RedactionReport, Redactor,
};
use spanwise::{DecodeOptions, Framing, Mode};
use spanwise_io::policy::{self, UnusablePolicy};

use crate::batch::{bytes_of, start_of};
use crate::diagnostic::{Diagnostic, look_of_payload};
use crate::errors::{SpanwiseWarning, decode_error, is_json, policy_error, shown};
use crate::options::{framing as framing_of, mode_of, path};
use crate::report::counted;

fn unusable(py: Python<'_>, error: &UnusablePolicy) -> PyErr {
    // What was taken for the name of a file may be anything, and the error has it in front.
    let message = error.to_string();
    let (name, rest) = message.split_at(message.len() - error.message().len());
    let message = if shown(name) == name { message } else { format!("{}: {rest}", shown(name)) };
    policy_error(py, message, error.position())
}

/// A policy that can be applied, with what it remembers from one payload to the next.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    policy: Arc<CompiledPolicy>,
    /// One that is not at work. A second thread makes its own.
    idle: Arc<Mutex<Option<Redactor>>>,
}

impl Loaded {
    fn new(policy: impl Into<Arc<CompiledPolicy>>) -> Self {
        Self { policy: policy.into(), idle: Arc::default() }
    }

    pub(crate) fn compiled(&self) -> Arc<CompiledPolicy> {
        Arc::clone(&self.policy)
    }

    fn with_redactor<T>(&self, mode: Mode, work: impl FnOnce(&mut Redactor) -> T) -> T {
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = lock().take().filter(|redactor| redactor.decode_options().mode == mode);
        let options = DecodeOptions::default().with_mode(mode);
        let mut redactor = idle.unwrap_or_else(|| Redactor::with_options(self.compiled(), options));
        let result = work(&mut redactor);
        *lock() = Some(redactor);
        result
    }

    pub(crate) fn redact_batch(
        &self,
        py: Python<'_>,
        batch: &spanwise::SpanBatch,
    ) -> PyResult<spanwise::SpanBatch> {
        let redacted = py.detach(|| self.with_redactor(Mode::Lenient, |redactor| redactor.redact(batch)));
        redacted.map(|redacted| redacted.batch).map_err(|error| redact_error(py, &error, &[]))
    }

    fn redact_json(
        &self,
        py: Python<'_>,
        payload: &Bound<'_, PyAny>,
        mode: Mode,
        framing: Option<Framing>,
    ) -> PyResult<(Vec<u8>, RedactionReport)> {
        let payload = bytes_of(payload)?;
        self.with_redactor(mode, |redactor| {
            if let Some(framing) = framing.filter(|_| payload.len() > PIECE)
                && is_lines(py, &payload, redactor.decode_options(), framing)
            {
                return redact_lines(py, redactor, payload);
            }
            let start = start_of(&payload);
            let redacted = py.detach(|| match framing {
                None => redactor.redact_json(payload),
                Some(framing) => redactor.redact_block(payload, framing),
            });
            let redacted = redacted.map_err(|error| redact_error(py, &error, &start))?;
            Ok((redacted.data, redacted.report))
        })
    }
}

/// Bytes of lines that are redacted before signals are looked for: a hundredth of a second, and a batch that caches hold.
const PIECE: usize = 4 << 20;

/// Whether a payload is read line by line.
fn is_lines(py: Python<'_>, payload: &Bytes, options: DecodeOptions, framing: Framing) -> bool {
    match framing {
        Framing::Lines => true,
        Framing::Documents => false,
        // The text tells, and the framer reads it.
        _ => py.detach(|| {
            let sizes = BlockSizes { document: usize::MAX, ..BlockSizes::default() };
            let mut framer = Framer::over(payload.clone(), &options, framing, sizes);
            framer.next_block().is_some() && framer.in_lines().is_some()
        }),
    }
}

/// Redacts lines piece by piece, so that a signal ends it.
fn redact_lines(
    py: Python<'_>,
    redactor: &mut Redactor,
    mut payload: Bytes,
) -> PyResult<(Vec<u8>, RedactionReport)> {
    let (mut data, mut report) = (Vec::new(), RedactionReport::default());
    while !payload.is_empty() {
        let done = py.detach(|| {
            let piece = payload.split_to(piece_end(&payload));
            // Of a line that was left out its end was, too, and with it that of the line before.
            let open = data.last().is_some_and(|last| *last != b'\n');
            if open {
                data.push(b'\n');
            }
            let begin = data.len();
            let done = redactor.redact_block_into(piece, Framing::Lines, &mut data);
            if open && data.len() == begin {
                data.pop();
            }
            done
        });
        report.add(&done.map_err(|error| redact_error(py, &error, &[]))?);
        py.check_signals()?;
    }
    Ok((data, report))
}

/// Where the first piece of these lines ends. None is blank but where all is: strict mode would find fault with it.
fn piece_end(lines: &[u8]) -> usize {
    let text_from = |from: usize| {
        let rest = lines.get(from..).unwrap_or_default();
        rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).map(|at| from + at)
    };
    let Some(text) = text_from(0) else { return lines.len() };
    let least = text.max(PIECE);
    let line_end = lines.get(least..).unwrap_or_default().iter().position(|byte| *byte == b'\n');
    let line_end = line_end.map_or(lines.len(), |at| least + at + 1);
    if text_from(line_end).is_none() { lines.len() } else { line_end }
}

/// The exception for a payload that begins so.
fn redact_error(py: Python<'_>, error: &RedactError, start: &[u8]) -> PyErr {
    match error {
        RedactError::Decode(error) => {
            decode_error(py, &Diagnostic::new(error.diagnostic()).of_payload(start))
        }
        error => PyValueError::new_err(error.to_string()),
    }
}

/// A policy as it is given: a `Policy`, the name of a preset, the path of a policy file, or a list of names and paths.
pub(crate) enum PolicyArgument {
    Loaded(Loaded),
    Names(Vec<OsString>),
}

impl<'py> FromPyObject<'_, 'py> for PolicyArgument {
    type Error = PyErr;

    fn extract(object: pyo3::Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(policy) = object.cast::<Policy>() {
            return Ok(Self::Loaded(policy.get().loaded.clone()));
        }
        if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
            let names: Vec<PathBuf> = object.extract()?;
            return Ok(Self::Names(names.into_iter().map(PathBuf::into_os_string).collect()));
        }
        Ok(Self::Names(vec![object.extract::<PathBuf>()?.into_os_string()]))
    }
}

impl PolicyArgument {
    pub(crate) fn load(self, py: Python<'_>) -> PyResult<Loaded> {
        match self {
            Self::Loaded(loaded) => Ok(loaded),
            Self::Names(names) if names.is_empty() => {
                Err(policy_error(py, "name a preset or a policy file".to_owned(), None))
            }
            Self::Names(names) => {
                let is_payload =
                    |name: &OsString| is_json(&name.to_string_lossy()) && !Path::new(name).exists();
                if names.iter().any(is_payload) {
                    let message =
                        "this looks like JSON text and no policy: the payload comes first, as bytes";
                    return Err(policy_error(py, message.to_owned(), None));
                }
                load(&names).map(Loaded::new).map_err(|error| unusable(py, &error))
            }
        }
    }
}

/// Policies of presets that were asked for by name. To compile one takes a thousand times as long as to redact a small payload. What
/// a redactor learns from payloads is not kept with them.
static OF_PRESETS: Mutex<BTreeMap<Vec<Preset>, Arc<CompiledPolicy>>> = Mutex::new(BTreeMap::new());

/// The policy that these names mean. One with a file is made anew each time: what the file says may change.
fn load(names: &[OsString]) -> Result<Arc<CompiledPolicy>, UnusablePolicy> {
    let preset = |name: &OsString| Preset::from_id(name.to_str()?);
    // No name more often than there are presets: so there are few lists of them.
    let presets = names.iter().map(preset).collect::<Option<Vec<_>>>();
    let presets = presets.filter(|presets| presets.len() <= Preset::ALL.len());
    let kept = || OF_PRESETS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = presets.as_ref().and_then(|presets| kept().get(presets).cloned()) {
        return Ok(known);
    }
    let policy = Arc::new(policy::load(names)?);
    if let Some(presets) = presets {
        kept().insert(presets, Arc::clone(&policy));
    }
    Ok(policy)
}

/// What a policy did so far, with the policy, which knows the names of what is counted.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    policy: Arc<CompiledPolicy>,
    report: RedactionReport,
}

impl Done {
    pub(crate) fn new(policy: &Loaded) -> Self {
        Self { policy: policy.compiled(), report: RedactionReport::default() }
    }

    pub(crate) fn add(&mut self, report: &RedactionReport) {
        self.report.add(report);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.report.add(&other.report);
    }

    pub(crate) fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        report_dict(py, &self.policy, &self.report)
    }
}

fn report_dict<'py>(
    py: Python<'py>,
    policy: &CompiledPolicy,
    report: &RedactionReport,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, count) in report.totals() {
        dict.set_item(name, count)?;
    }
    let lists = [
        ("places", report.places()),
        ("rules", report.rules(policy)),
        ("detectors", report.detectors(policy)),
    ];
    for (name, counts) in lists {
        let mut sums = BTreeMap::new();
        for Count { name, count, .. } in counts {
            *sums.entry(name).or_insert(0) += count;
        }
        dict.set_item(name, sums)?;
    }
    Ok(dict)
}

/// What to take out of traces: presets, rules for keys, detectors for values. Made of keywords as in a policy file, which
/// the guide describes: `Policy(["privacy-mode"], identity="drop", rules=[{"glob": "app.*.note", "action": "mask"}])`.
///
/// A policy that cannot be applied raises `PolicyError`, and so does one that changes nothing: name a preset, a detector or a
/// rule. That holds for whatever makes one: `Policy`, `from_toml`, `from_file`. The key of pseudonyms is never in the policy: `hash`
/// names an environment variable (`key_env`) or a file (`key_file`).
#[pyclass(frozen, module = "spanwise")]
pub(crate) struct Policy {
    loaded: Loaded,
    made: Made,
}

/// What a policy was made of, to make it again in another process. A key of pseudonyms is fetched there.
enum Made {
    Presets(Vec<String>),
    Toml(String),
    File(PathBuf),
}

impl Policy {
    fn new_of(compiled: CompiledPolicy, made: Made) -> Self {
        Self { loaded: Loaded::new(compiled), made }
    }
}

#[pymethods]
impl Policy {
    #[new]
    #[pyo3(signature = (presets=None, *, mode=None, unknown=None, bodies=None, content=None, identity=None,
        fold_case=None, hash=None, text=None, detectors=None, limits=None, rules=None))]
    #[allow(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        presets: Option<Bound<'_, PyAny>>,
        mode: Option<Bound<'_, PyAny>>,
        unknown: Option<Bound<'_, PyAny>>,
        bodies: Option<Bound<'_, PyAny>>,
        content: Option<Bound<'_, PyAny>>,
        identity: Option<Bound<'_, PyAny>>,
        fold_case: Option<Bound<'_, PyAny>>,
        hash: Option<Bound<'_, PyAny>>,
        text: Option<Bound<'_, PyAny>>,
        detectors: Option<Bound<'_, PyAny>>,
        limits: Option<Bound<'_, PyAny>>,
        rules: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let settings = PyDict::new(py);
        // One name alone, as elsewhere.
        let presets = match presets {
            Some(name) if name.is_instance_of::<PyString>() => Some(PyList::new(py, [name])?.into_any()),
            presets => presets,
        };
        for (name, value) in [
            ("presets", presets),
            ("mode", mode),
            ("unknown", unknown),
            ("bodies", bodies),
            ("content", content),
            ("identity", identity),
            ("fold_case", fold_case),
            ("hash", hash),
            ("text", text),
            ("detectors", detectors),
            ("limits", limits),
            ("rules", rules),
        ] {
            if let Some(value) = value {
                settings.set_item(name, value)?;
            }
        }
        let written = py.import("spanwise._policy")?.getattr("write")?.call1((settings,));
        let written = written.map_err(|error| policy_error(py, error.value(py).to_string(), None))?;
        let (text, lines): (String, Vec<String>) = written.extract()?;
        let read = CorePolicy::from_toml(&text).map_err(UnusablePolicy::from);
        let compiled = read.and_then(|read| policy::compile(&read, None));
        let policy = compiled.map(|compiled| Self::new_of(compiled, Made::Toml(text.clone())));
        policy.map_err(|error| {
            // The text is not the user's: which setting it is says more than the line.
            let line = error.position().and_then(|(line, _)| lines.get(line - 1));
            let setting = line.map_or(String::new(), |setting| format!("{setting}: "));
            policy_error(py, format!("{setting}{}", error.message()), None)
        })
    }

    /// The policy of these presets: `privacy-mode`, `secrets`, or both.
    #[staticmethod]
    #[pyo3(signature = (*names))]
    fn preset(py: Python<'_>, names: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let names: Vec<String> = names.extract()?;
        let mut policy = CorePolicy::new();
        for name in &names {
            let preset = Preset::from_id(name).ok_or_else(|| {
                let ids: Vec<_> = Preset::ALL.iter().map(|preset| preset.id()).collect();
                policy_error(py, format!("no such preset; there are {}", ids.join(", ")), None)
            })?;
            policy = policy.preset(preset);
        }
        if names.is_empty() {
            return Err(policy_error(py, "name a preset".to_owned(), None));
        }
        let compiled = policy::compile(&policy, None).map_err(|error| unusable(py, &error))?;
        Ok(Self::new_of(compiled, Made::Presets(names)))
    }

    /// The policy of a TOML text. Raises `PolicyError` with its line and column where one is at fault, and for a text that changes
    /// nothing.
    #[staticmethod]
    fn from_toml(py: Python<'_>, text: &str) -> PyResult<Self> {
        let read = CorePolicy::from_toml(text).map_err(UnusablePolicy::from);
        let compiled = read.and_then(|read| policy::compile(&read, None));
        let made = compiled.map(|compiled| Self::new_of(compiled, Made::Toml(text.to_owned())));
        made.map_err(|error| unusable(py, &error))
    }

    /// The policy of a file in TOML. Raises `PolicyError` as `from_toml` does, and for a file that cannot be read.
    #[staticmethod]
    fn from_file(py: Python<'_>, #[pyo3(from_py_with = path)] path: PathBuf) -> PyResult<Self> {
        let read = policy::read(&path);
        let compiled = read.and_then(|read| policy::compile(&read, path.parent()));
        // Whoever makes it again may be in another directory.
        let place = std::path::absolute(&path).unwrap_or(path);
        let made = compiled.map(|compiled| Self::new_of(compiled, Made::File(place)));
        made.map_err(|error| unusable(py, &error))
    }

    /// For `pickle`: a policy is made again of what it was made of, and a file is read again.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let py = slf.py();
        let (method, arguments) = match &slf.get().made {
            Made::Presets(names) => ("preset", names.clone().into_bound_py_any(py)?),
            Made::Toml(text) => ("from_toml", (text,).into_bound_py_any(py)?),
            Made::File(path) => ("from_file", (path,).into_bound_py_any(py)?),
        };
        let again = py.import("spanwise._pickled")?.getattr("make_again")?;
        Ok((again, ("Policy", method, arguments).into_pyobject(py)?))
    }

    /// Redacts a payload, a bytes-like object: `.data` is the JSON, `.report` the counts.
    ///
    /// Without `framing` the payload is that of one request. With `framing="auto"`, `"lines"` or `"documents"` it is a
    /// file of many documents: those that cannot be read are left out, and counted. Raises `DecodeError` as `decode` does.
    #[pyo3(signature = (payload, *, mode="lenient", framing=None))]
    fn redact(
        &self,
        py: Python<'_>,
        payload: &Bound<'_, PyAny>,
        mode: &str,
        framing: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Redaction> {
        let framing = framing.map(|framing| framing_of(&framing)).transpose()?;
        let (data, report) = self.loaded.redact_json(py, payload, mode_of(mode)?, framing)?;
        Ok(Redaction {
            data: PyBytes::new(py, &data).unbind(),
            report: report_dict(py, &self.loaded.policy, &report)?.unbind(),
        })
    }

    /// What becomes of an attribute with this key, and which rule decides, in words. `place` is "resource", "scope",
    /// "span", "event" or "link"; `event` the name of the event.
    #[pyo3(signature = (key, *, place="span", event=None))]
    fn explain(&self, key: &str, place: &str, event: Option<&str>) -> PyResult<String> {
        let place = Place::from_id(place).filter(|place| place.has_keys()).ok_or_else(|| {
            PyValueError::new_err(
                "place must be one of \"resource\", \"scope\", \"span\", \"event\", \"link\"",
            )
        })?;
        Ok(self.loaded.policy.explain(place, key, event).to_string())
    }

    fn __repr__(&self) -> String {
        format!("<spanwise.Policy of {} rules>", self.loaded.policy.rule_count())
    }
}

/// Redacted JSON (`data`) and what was done (`report`): counts by name, and by place, rule and detector.
#[pyclass(frozen, module = "spanwise")]
pub(crate) struct Redaction {
    /// The redacted JSON, as bytes.
    #[pyo3(get)]
    data: Py<PyBytes>,
    /// What was done: counts by name, and by place, rule and detector.
    #[pyo3(get)]
    report: Py<PyDict>,
}

#[pymethods]
impl Redaction {
    /// Who puts it into its own report makes a cycle, which Python ends at the dict.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.report)
    }
}

/// Redacts a payload, a bytes-like object, and gives bytes.
///
/// `policy` is a `Policy`, the name of a preset (`"privacy-mode"`, `"secrets"`), the path of a policy file, or a list of
/// presets and at most one file. `mode` and `framing` are those of `Policy.redact`. What cannot be read is left out, with a
/// `SpanwiseWarning`. Raises `PolicyError` for a policy that cannot be applied, and `DecodeError` as `decode` does.
#[pyfunction]
#[pyo3(signature = (payload, policy, *, mode="lenient", framing=None))]
pub(crate) fn redact<'py>(
    py: Python<'py>,
    payload: &Bound<'py, PyAny>,
    policy: PolicyArgument,
    mode: &str,
    framing: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let framing = framing.map(|framing| framing_of(&framing)).transpose()?;
    let (data, report) = policy.load(py)?.redact_json(py, payload, mode_of(mode)?, framing)?;
    if report.lost_anything() {
        let counts = [
            (report.bad_documents, "bad document", ""),
            (report.rejected_spans, "rejected span", ""),
            (report.other_signals, "document", " of metrics, logs or profiles"),
        ];
        let counts = counts.into_iter().filter(|(count, ..)| *count > 0);
        let mut parts: Vec<_> =
            counts.map(|(count, noun, rest)| format!("{}{rest}", counted(count, noun))).collect();
        if report.bad_documents > 0 {
            parts.extend(look_of_payload(&start_of(&bytes_of(payload)?)));
        }
        let message = format!("left out: {}", parts.join(", "));
        let message = std::ffi::CString::new(message).unwrap_or_default();
        PyErr::warn(py, &py.get_type::<SpanwiseWarning>(), &message, 1)?;
    }
    Ok(PyBytes::new(py, &data))
}
