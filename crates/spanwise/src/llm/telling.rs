//! What a span says of which request it tells of. No column has it, and [`Requests`](super::Requests) asks for it.

use std::borrow::Cow;

use super::LlmSpan;
use super::table::Hint;

/// What a span says, beside what its columns hold, of which request it tells of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Telling<'a> {
    /// The id of the answer, as the provider gave it.
    pub(super) answer: Option<Cow<'a, str>>,
    pub(super) part: Part,
}

/// What a span is in the telling of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Part {
    #[default]
    Other,
    /// Repeats what other spans tell, always.
    Repeats,
    /// May be the beginning of a stream, of which a log beside it tells the rest.
    Opening,
    /// The log of a stream that was read.
    Log,
    /// The beginning of a span, sent ahead of it as a span below it.
    Pending,
    /// Sums that go on from one run to the next.
    Sums,
    /// The run of an agent.
    Run,
    /// A step that calls no model itself: its usage is of what it was given, or of calls below it.
    Step,
    /// The running of a tool: what is spent below it is no part of the call that asked for it.
    Tool,
    /// A call of a model, by its operation: neither a run nor a step.
    Call,
}

impl<'a> Telling<'a> {
    pub(super) fn hear(&mut self, hint: Hint, text: Cow<'a, str>) {
        match (hint, &*text) {
            // Of a library that writes what is not there.
            (Hint::Answer, "" | "None" | "null") => {}
            (Hint::Answer, _) => self.answer = Some(text),
            // A compaction and an aggregation are told of by nothing else.
            (Hint::Ag2Usage, "model_call" | "subtask") => self.part = Part::Repeats,
            (Hint::LogfireSpan, "span") => self.part = Part::Opening,
            (Hint::LogfireSpan, "log") => self.part = Part::Log,
            (Hint::LogfireSpan, "pending_span") => self.part = Part::Pending,
            _ => {}
        }
    }
}

impl LlmSpan<'_> {
    /// What the span is, now that its columns are known.
    pub(super) fn part(&self) -> Part {
        if self.telling.part == Part::Repeats || self.only_prepares() {
            return Part::Repeats;
        }
        if self.telling.part == Part::Pending {
            return Part::Pending;
        }
        match self.operation.as_deref() {
            Some("execute_tool") => Part::Tool,
            Some("chain") if self.model.is_none() => Part::Step,
            _ if self.telling.part == Part::Opening && !self.carries_usage() => Part::Opening,
            _ if self.telling.part == Part::Log => Part::Log,
            Some("chat" | "generate_content" | "text_completion") => Part::Call,
            Some("invoke_agent") => Part::Run,
            // Of AG2.
            Some("conversation") => Part::Sums,
            _ => Part::Other,
        }
    }

    /// `LlamaIndex` puts what a call is made with into a span of the same kind as the call's, before it.
    fn only_prepares(&self) -> bool {
        let is_named = |name: &Cow<'_, str>| name.ends_with("._prepare_chat_with_tools");
        self.generation_name.as_ref().is_some_and(is_named) && !self.carries_usage()
    }
}
