//! `spanwise redact`: traces without what a policy takes out, and why it takes out what.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use spanwise::redact::{CompiledPolicy, Count, Joiner, RedactionReport, Redactor};
use spanwise::{DecodeOptions, SpanBatch};
use spanwise_io::{Unreadable, descriptor, policy};

use crate::Outcome;
use crate::arguments::{Place, Redact};
use crate::output::{OVER_POLICY, Output, is_same_file, is_stdout, named, overwrites_policy, tell_of_file};
use crate::reading::{Reading, Stopped};
use crate::table::{Align, Table, counted, grouped, visible};

/// Runs the command.
pub(crate) fn run(arguments: &Redact, output: &mut dyn Write, errors: &mut dyn Write) -> io::Result<Outcome> {
    let policy = match policy::load(&arguments.policy) {
        Ok(policy) => policy,
        Err(error) => {
            writeln!(errors, "spanwise: {error}")?;
            return Ok(Outcome::Unreadable);
        }
    };
    let outputs = [&arguments.output, &arguments.report].into_iter().flatten().map(PathBuf::as_path);
    if overwrites_policy(&arguments.policy, outputs) {
        return writeln!(errors, "spanwise: {OVER_POLICY}").map(|()| Outcome::Unreadable);
    }
    if !arguments.explain.is_empty() {
        return explain(arguments, &policy, output);
    }
    // That they need the other is lost on whoever parses arguments, since sources contradict it.
    if arguments.place.is_some() || arguments.event.is_some() {
        return writeln!(errors, "spanwise: --place and --event are of the attribute that --explain names")
            .map(|()| Outcome::Unreadable);
    }
    let options = DecodeOptions::default().with_mode(arguments.mode.into());
    let options = Redactor::with_options(policy.clone(), options).decode_options();
    let reading = Reading::open(&arguments.inputs, options, errors)?;
    if let Some(message) = arguments.contradiction(&reading) {
        writeln!(errors, "spanwise: {message}")?;
        return Ok(Outcome::Unreadable);
    }
    let Some(path) = &arguments.output else {
        let redacted = match redact(arguments, policy, reading, output, errors) {
            Ok(redacted) => redacted,
            Err(stop) => return stop.told(errors),
        };
        redacted.tell_losses(true, errors)?;
        output.flush()?;
        redacted.report_to(arguments.report.as_deref())?;
        return Ok(redacted.outcome());
    };
    let fail = |error: io::Error| named(path, error);
    let is_source = reading.reads(path);
    let target = Output::create(path).map_err(fail)?;
    let takes_name = target.takes_name();
    let mut target = BufWriter::new(target);
    let redacted = match redact(arguments, policy, reading, &mut target, errors) {
        Ok(redacted) => redacted,
        Err(Stop::Contradiction(message)) if !is_stdout(path) => {
            let what = if takes_name { "not written" } else { "not whole" };
            return writeln!(errors, "spanwise: {}: {what}: {message}", path.display())
                .map(|()| Outcome::Unreadable);
        }
        Err(stop) => return stop.told(errors),
    };
    let missing = redacted.why_no_file(is_source).filter(|_| takes_name);
    redacted.tell_losses(missing.is_none(), errors)?;
    if let Some(why) = missing {
        return writeln!(errors, "spanwise: {}: {why}", path.display()).map(|()| Outcome::Unreadable);
    }
    commit(target).map_err(fail)?;
    redacted.report_to(arguments.report.as_deref())?;
    if !is_stdout(path) && !arguments.report.as_deref().is_some_and(is_stdout) {
        let mut text = Vec::new();
        redacted.write_for_people(&mut text)?;
        tell_of_file(&text)?;
    }
    Ok(redacted.outcome())
}

/// Why redacting ended before the sources did.
enum Stop {
    Io(io::Error),
    /// What was written lacks what came too late in a source.
    Contradiction(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Stop {
    fn told(self, errors: &mut dyn Write) -> io::Result<Outcome> {
        match self {
            Self::Io(error) => Err(error),
            Self::Contradiction(message) => {
                writeln!(errors, "spanwise: {message}").map(|()| Outcome::Unreadable)
            }
        }
    }
}

impl Redact {
    /// Why this cannot be meant: one thing would be written over or into another.
    fn contradiction(&self, reading: &Reading) -> Option<&'static str> {
        let output = self.output.as_deref();
        // One source alone may be replaced, but not written to while it is read. Of several, the next run would redact what this
        // one writes along with the rest.
        let is_replaced = |path: &Path| reading.inputs().count() == 1 && descriptor(path).is_none();
        if output.is_some_and(|path| reading.reads(path) && !is_replaced(path)) {
            return Some("the output is one of the sources");
        }
        let report = self.report.as_deref()?;
        let to_stdout = is_stdout(report);
        match () {
            () if to_stdout && output.is_none_or(is_stdout) => {
                Some("the traces go to standard output, so --report must name a file, or --output must")
            }
            () if !to_stdout && output.is_some_and(|output| is_same_file(output, report)) => {
                Some("the report needs a file of its own")
            }
            () if reading.reads(report) => Some("the report is one of the sources"),
            () => None,
        }
    }
}

fn commit(target: BufWriter<Output>) -> io::Result<()> {
    target.into_inner().map_err(io::IntoInnerError::into_error)?.commit()
}

fn explain(arguments: &Redact, policy: &CompiledPolicy, output: &mut dyn Write) -> io::Result<Outcome> {
    for (number, key) in arguments.explain.iter().enumerate() {
        if number > 0 {
            writeln!(output)?;
        }
        let explanation =
            policy.explain(arguments.place.unwrap_or(Place::Span).into(), key, arguments.event.as_deref());
        writeln!(output, "{explanation}")?;
    }
    Ok(Outcome::Fine)
}

/// What came of all inputs.
struct Redacted {
    policy: CompiledPolicy,
    report: RedactionReport,
    /// Documents with nothing of traces in them.
    foreign_documents: u64,
    unreadable: Vec<Unreadable>,
}

/// Redacts all sources, one behind the other.
fn redact(
    arguments: &Redact,
    policy: CompiledPolicy,
    reading: Reading,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<Redacted, Stop> {
    let options = reading.decode();
    let mut inputs = reading.ledger();
    let in_lines = reading.inputs().count() > 1;
    let worker_policy = policy.clone();
    let mut redacted =
        Redacted { policy, report: RedactionReport::default(), foreign_documents: 0, unreadable: Vec::new() };
    let mut joiner = Joiner::default();
    let fail = |error: io::Error| match &arguments.output {
        Some(path) => named(path, error),
        None => error,
    };
    let worker = || {
        let redactor = Redactor::with_options(worker_policy.clone(), options);
        let mut redactor = if in_lines { redactor.in_lines() } else { redactor };
        move |batch: &mut SpanBatch| {
            let (mut text, foreign) = (Vec::new(), batch.foreign_documents());
            let made = redactor.redact_part_into(batch, &mut text);
            made.map(|(report, seams)| (text, seams, report, foreign))
                .map_err(|error| Stopped::from(error.to_string()))
        }
    };
    reading.scan(worker, |input, result| {
        match result.and_then(|redacted| redacted) {
            Ok((text, seams, report, foreign)) => {
                redacted.report.add(&report);
                redacted.foreign_documents += foreign;
                joiner.push(&text, &seams, output).map_err(fail)?;
            }
            // What was written lacks what came too late: no file is better than a wrong one.
            Err(stopped) if stopped.contradicts => {
                let name = visible(inputs.name(input));
                return Err(Stop::Contradiction(format!("{name}: {}", stopped.message)));
            }
            Err(Stopped { message, .. }) => inputs.fault(input, message),
        }
        Ok::<_, Stop>(())
    })?;
    joiner.finish(output).map_err(fail)?;
    (_, redacted.unreadable) = inputs.tell(errors)?;
    Ok(redacted)
}

/// The report for programs.
#[derive(Serialize)]
struct Report<'a> {
    /// All inputs were read, and nothing was left out that the policy did not ask for.
    ok: bool,
    #[serde(flatten)]
    totals: BTreeMap<&'static str, u64>,
    foreign_documents: u64,
    /// Changes at each place.
    places: BTreeMap<String, u64>,
    /// What each detector found.
    detectors: BTreeMap<String, u64>,
    /// What each rule decided, in the order of the rules.
    rules: Vec<Decided>,
    unreadable: Vec<NotRead<'a>>,
}

#[derive(Serialize)]
struct Decided {
    rule: String,
    count: u64,
}

#[derive(Serialize)]
struct NotRead<'a> {
    file: &'a str,
    message: &'a str,
}

impl Redacted {
    /// Why nothing takes the place of a file: there was something, and no document of it could be read as traces; or what would be
    /// replaced `is_source`, and holds more than was read of it.
    fn why_no_file(&self, is_source: bool) -> Option<&'static str> {
        let RedactionReport { documents, bad_documents, other_signals, emptied_documents, spans, .. } =
            self.report;
        let no_traces = other_signals + emptied_documents;
        let lost = !self.unreadable.is_empty() || bad_documents + no_traces > 0;
        match () {
            () if !lost || documents > no_traces || spans > 0 => (is_source && !self.unreadable.is_empty())
                .then_some("not written: it is the source, which was not read to its end"),
            () if documents == 0 => Some("nothing could be read, so nothing is written"),
            () => Some("there are no traces, so nothing is written"),
        }
    }

    fn outcome(&self) -> Outcome {
        match () {
            () if !self.unreadable.is_empty() => Outcome::Unreadable,
            () if self.report.lost_anything() || self.report.emptied_documents > 0 => Outcome::Findings,
            () => Outcome::Fine,
        }
    }

    /// Says what is not in the output although nobody asked for that; `is_written` if there is an output.
    fn tell_losses(&self, is_written: bool, errors: &mut dyn Write) -> io::Result<()> {
        for (count, what, why) in [
            (self.report.rejected_spans, "span", "rejected"),
            (self.report.bad_documents, "document", "no trace that can be read"),
            (self.report.other_signals, "document", "metrics, logs or profiles"),
        ] {
            if count > 0 {
                let verb = if count == 1 { "is" } else { "are" };
                writeln!(errors, "spanwise: {} {verb} not in the output: {why}", counted(count, what))?;
            }
        }
        if !is_written {
            return Ok(());
        }
        let emptied = self.report.emptied_documents;
        if emptied > 0 {
            let what = if emptied == 1 { "document is empty" } else { "documents are empty" };
            writeln!(errors, "spanwise: {} {what} in the output: nothing of traces", grouped(emptied))?;
            return Ok(());
        }
        // Some are normal among spans. Where there is none, this was most likely not meant to be redacted as traces.
        if self.report.spans == 0 && self.report.unknown_members > 0 {
            let count = self.report.unknown_members;
            let members = counted(count, "member");
            let verb = if count == 1 { "is" } else { "are" };
            writeln!(
                errors,
                "spanwise: there is no span; {members} that OTLP does not know {verb} not in the output"
            )?;
        }
        Ok(())
    }

    fn write_for_people(&self, output: &mut dyn Write) -> io::Result<()> {
        let Self { policy, report, .. } = self;
        writeln!(
            output,
            "{}, {}: {} in place of private text",
            counted(report.documents, "document"),
            counted(report.spans, "span"),
            counted(report.changes(), "change"),
        )?;
        let mut table = Table::new([Align::Left, Align::Right, Align::Left]);
        let mut list = |heading: &str, counts: Vec<Count>| {
            for (number, Count { name, count, .. }) in counts.into_iter().enumerate() {
                table.row([if number == 0 { heading } else { "" }, &grouped(count), &name]);
            }
        };
        list("places", report.places());
        list("rules", report.rules(policy));
        list("detectors", report.detectors(policy));
        table.write(output)
    }

    /// Writes the report that was asked for.
    fn report_to(&self, path: Option<&Path>) -> io::Result<()> {
        let Some(path) = path else { return Ok(()) };
        self.write_report(path).map_err(|error| named(path, error))
    }

    fn write_report(&self, path: &Path) -> io::Result<()> {
        let Self { policy, report, foreign_documents, unreadable } = self;
        let map =
            |counts: Vec<Count>| counts.into_iter().map(|Count { name, count, .. }| (name, count)).collect();
        let decided = |Count { name, count, .. }| Decided { rule: name, count };
        let written = Report {
            ok: self.outcome() == Outcome::Fine,
            totals: report.totals().collect(),
            foreign_documents: *foreign_documents,
            places: map(report.places()),
            detectors: map(report.detectors(policy)),
            rules: report.rules(policy).into_iter().map(decided).collect(),
            unreadable: unreadable
                .iter()
                .map(|Unreadable { name, message, .. }| NotRead { file: name, message })
                .collect(),
        };
        let mut target = BufWriter::new(Output::create(path)?);
        serde_json::to_writer_pretty(&mut target, &written)?;
        writeln!(target)?;
        commit(target)
    }
}
