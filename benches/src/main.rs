//! `spanwise-bench`: the report of spanwise beside its peers.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a report is printed, and so is its progress")]

use clap::{Parser, Subcommand};
use spanwise_bench::allocation::Counting;
use spanwise_bench::contestants::{self, Refusal, Task};
use spanwise_bench::machine::Machine;
use spanwise_bench::measure::{Case, measure};
use spanwise_bench::report::{Report, Settings, markdown, svg};
use spanwise_corpora::{Corpus, Form, parse_size};
use std::error::Error;
use std::path::PathBuf;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures spanwise beside its peers.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run contestants on corpora, print the tables, write the files that are asked for
    Report(Options),
}

#[derive(clap::Args)]
struct Options {
    /// Write the rows as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables as Markdown to this file, not to standard output
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write a bar plot as SVG to this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Only this corpus (may be repeated): llm, openrouter, micro, pretty, unicode, cjk, shuffled, mixed, nested, tiny
    #[arg(long, value_name = "NAME", value_parser = corpus)]
    corpus: Vec<Corpus>,
    /// The requests in the files of this folder instead of corpora, repeated to the size
    #[arg(long, value_name = "FOLDER", conflicts_with = "corpus")]
    payloads: Option<PathBuf>,
    /// Only this form (may be repeated): ndjson, document
    #[arg(long, value_name = "FORM", value_parser = form)]
    form: Vec<Form>,
    /// Only this task (may be repeated): decode, arrow, redact
    #[arg(long, value_name = "TASK", value_parser = task)]
    task: Vec<Task>,
    /// Only contestants whose name starts with this (may be repeated); the base and the tape always run
    #[arg(long, value_name = "NAME")]
    contestant: Vec<String>,
    /// How much text of each corpus: a number of bytes, or of KiB or MiB
    #[arg(long, default_value = "20MiB", value_parser = parse_size)]
    size: u64,
    /// How many rounds the medians are taken of
    #[arg(long, default_value_t = 13)]
    rounds: usize,
    /// The seed of the corpora
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

fn corpus(name: &str) -> Result<Corpus, String> {
    Corpus::parse(name).ok_or_else(|| {
        format!("one of {}", Corpus::ALL.iter().map(|corpus| corpus.name()).collect::<Vec<_>>().join(", "))
    })
}

fn form(name: &str) -> Result<Form, String> {
    Form::parse(name).ok_or_else(|| {
        format!("one of {}", Form::ALL.iter().map(|form| form.name()).collect::<Vec<_>>().join(", "))
    })
}

fn task(name: &str) -> Result<Task, String> {
    let found = Task::ALL.into_iter().find(|task| task.name() == name);
    found.ok_or_else(|| format!("one of {}", Task::ALL.map(Task::name).join(", ")))
}

fn main() -> Result<(), Box<dyn Error>> {
    let Command::Report(options) = Arguments::parse().command;
    let report = run(&options)?;
    if let Some(path) = &options.json {
        std::fs::write(path, report.to_json()?)?;
    }
    if let Some(path) = &options.svg {
        std::fs::write(path, svg(&report))?;
    }
    match &options.markdown {
        Some(path) => std::fs::write(path, markdown(&report))?,
        None => println!("{}", markdown(&report)),
    }
    Ok(())
}

fn run(options: &Options) -> Result<Report, Box<dyn Error>> {
    let mut contestants = contestants::all();
    contestants.retain(|contestant| {
        let name = contestant.name();
        let asked = options.contestant.is_empty() || options.contestant.iter().any(|c| name.starts_with(c));
        let needed = name == contestants::BASE || name == contestants::TAPE;
        needed || asked && (options.task.is_empty() || options.task.contains(&contestant.task()))
    });
    let corpora = if options.corpus.is_empty() { Corpus::ALL.to_vec() } else { options.corpus.clone() };
    let forms = if options.form.is_empty() { Form::ALL.to_vec() } else { options.form.clone() };
    let settings = Settings { seed: options.seed, bytes: options.size, rounds: options.rounds };
    let mut rows = Vec::new();
    if let Some(folder) = &options.payloads {
        let case = Case::of_files(folder, options.size)?;
        let measured = measure(&case, &mut contestants, options.rounds);
        rows.extend(measured.map_err(|Refusal(reason)| format!("payloads: {reason}"))?);
        return Ok(Report { settings, machine: Machine::this(), rows });
    }
    for form in forms {
        for corpus in &corpora {
            eprintln!("{corpus}, {form}");
            let case = Case::generate(*corpus, form, options.seed, options.size);
            let measured = measure(&case, &mut contestants, options.rounds);
            rows.extend(measured.map_err(|Refusal(reason)| format!("{corpus}, {form}: {reason}"))?);
        }
    }
    Ok(Report { settings, machine: Machine::this(), rows })
}
