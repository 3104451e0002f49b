//! A batch's keys, looked up in the table once, and the reading of spans through them.

use std::borrow::Cow;

use super::table::{Column, Form, HINTS, Source, TABLE};
use super::telling::{Part, Telling};
use super::value;
use crate::batch::{AttributesRef, KeyId, SpanBatch, SpanRef, ValueRef};

/// A number for each distinct source key that a batch has.
type Slot = u8;

const NO_SLOT: Slot = Slot::MAX;

/// As many slots as there are keys, of rows, of conditions and of hints; one number is kept for "none". Every span that is read has
/// room for so many.
const SLOTS: usize = distinct_keys() + HINTS.len() + 1;

const _: () = assert!(SLOTS < NO_SLOT as usize, "a slot is a u8");

/// How many keys the rows have, and how many their conditions. A key that is of a row and of a condition counts twice.
const fn distinct_keys() -> usize {
    let (mut keys, mut row) = (0, 0);
    while row < TABLE.len() {
        let (mut is_new, mut is_new_condition, mut earlier) = (true, TABLE[row].only_if.is_some(), 0);
        while earlier < row {
            is_new &= !is_same(TABLE[row].key, TABLE[earlier].key);
            if let (Some((key, _)), Some((other, _))) = (TABLE[row].only_if, TABLE[earlier].only_if) {
                is_new_condition &= !is_same(key, other);
            }
            earlier += 1;
        }
        keys += is_new as usize + is_new_condition as usize;
        row += 1;
    }
    keys
}

const fn is_same(key: &str, other: &str) -> bool {
    let (key, other) = (key.as_bytes(), other.as_bytes());
    let mut same = key.len() == other.len();
    let mut place = 0;
    while same && place < key.len() {
        same = key[place] == other[place];
        place += 1;
    }
    same
}

/// Which keys of one batch fill which columns.
///
/// Resolving costs one hash look-up for each row of [`TABLE`], whatever the number of spans. Reading a span then looks at
/// each of its attributes once, and resolves only the values that a column takes.
///
/// ```
/// use spanwise::llm::LlmKeys;
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat heron-2","attributes":[
///     {"key":"gen_ai.request.model","value":{"stringValue":"heron-2"}},
///     {"key":"gen_ai.usage.prompt_tokens","value":{"stringValue":"214"}},
///     {"key":"llm.cost.total","value":{"doubleValue":0.0005}}]}]}]}]}"#;
/// let batch = spanwise::decode(&body[..])?;
/// let keys = LlmKeys::resolve(&batch);
/// for span in batch.spans() {
///     let llm = keys.read(span);
///     assert_eq!(llm.model.as_deref(), Some("heron-2"));
///     assert_eq!((llm.input_tokens, llm.output_tokens, llm.cost_usd), (Some(214), None, Some(0.0005)));
/// }
/// # Ok::<(), spanwise::DecodeError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct LlmKeys {
    /// By key id.
    slots: Vec<Slot>,
    /// The rows of the table whose key the batch has, in the table's order.
    sources: Vec<Resolved>,
    /// The slots of the hints that it has.
    hints: [Option<Slot>; HINTS.len()],
}

#[derive(Debug, Clone, Copy)]
struct Resolved {
    source: &'static Source,
    slot: Slot,
    /// The slot of the attribute that the row depends on, and the text it must have.
    only_if: Option<(Slot, &'static str)>,
}

/// The attributes of one span that have a slot: the last of equal keys.
struct Found<'a> {
    attributes: AttributesRef<'a>,
    rows: [u32; SLOTS],
}

impl<'a> Found<'a> {
    fn value(&self, slot: Slot) -> Option<ValueRef<'a>> {
        let row = *self.rows.get(usize::from(slot))?;
        self.attributes.value_at(row as usize)
    }
}

impl LlmKeys {
    /// Looks up the keys of `batch`. The result is of use for this batch alone.
    pub fn resolve(batch: &SpanBatch) -> Self {
        Self::of_columns(batch, |_| true)
    }

    /// The same of what tells requests: columns that attributes fill and nothing is told by stay empty.
    pub(super) fn of_requests(batch: &SpanBatch) -> Self {
        Self::of_columns(batch, |column| {
            !matches!(
                column,
                Column::Provider
                    | Column::FinishReason
                    | Column::UserId
                    | Column::SessionId
                    | Column::TraceName
            )
        })
    }

    fn of_columns(batch: &SpanBatch, is_wanted: impl Fn(Column) -> bool) -> Self {
        let mut keys = Self { slots: vec![NO_SLOT; batch.keys().len()], ..Self::default() };
        let mut used = 0;
        for source in TABLE.iter().filter(|source| is_wanted(source.column)) {
            let Some(id) = batch.key_id(source.key) else { continue };
            let only_if = match source.only_if {
                None => None,
                Some((key, text)) => match batch.key_id(key) {
                    Some(id) => Some((keys.slot(id, &mut used), text)),
                    None => continue,
                },
            };
            let slot = keys.slot(id, &mut used);
            keys.sources.push(Resolved { source, slot, only_if });
        }
        keys.hints = HINTS.map(|(_, key)| batch.key_id(key).map(|id| keys.slot(id, &mut used)));
        keys
    }

    fn slot(&mut self, id: KeyId, used: &mut Slot) -> Slot {
        let Some(slot) = self.slots.get_mut(id.index()) else { return NO_SLOT };
        if *slot == NO_SLOT {
            *slot = *used;
            *used = used.saturating_add(1);
        }
        *slot
    }

    /// Whether the batch has any key of the table.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The columns of one span of the batch that the keys were resolved for.
    ///
    /// Texts borrow from the batch, unless they have escapes to undo or come out of JSON text.
    pub fn read<'a>(&self, span: SpanRef<'a>) -> LlmSpan<'a> {
        let mut out = LlmSpan { is_test: is_connection_test(span), ..LlmSpan::default() };
        let attributes = span.attributes();
        let mut found = Found { attributes, rows: [u32::MAX; SLOTS] };
        let mut any = false;
        for (index, row) in (0..).zip(attributes.rows()) {
            let slot = row.key().and_then(|id| self.slots.get(id.index())).copied().unwrap_or(NO_SLOT);
            if let Some(place) = found.rows.get_mut(usize::from(slot)) {
                *place = index;
                any = true;
            }
        }
        if !any {
            return out;
        }
        for resolved in &self.sources {
            if out.has(resolved.source.column) {
                continue;
            }
            let Some(value) = found.value(resolved.slot) else { continue };
            let holds = resolved.only_if.is_none_or(|(slot, text)| {
                found.value(slot).is_some_and(|value| value.as_str() == Some(text))
            });
            if holds {
                out.fill(resolved.source, &value);
            }
        }
        for ((hint, _), slot) in HINTS.iter().zip(self.hints) {
            let value = slot.and_then(|slot| found.value(slot));
            if let Some(text) = value.and_then(as_text) {
                out.telling.hear(*hint, text);
            }
        }
        if out.model.is_some() || out.has_usage() {
            out.generation_name = Some(span.name()).filter(|name| !name.is_empty());
        }
        out
    }
}

fn as_text(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        ValueRef::String(text) => Some(text),
        _ => None,
    }
}

/// A gateway's fixed span that only asks whether anybody listens. It has no attributes to know it by, but always the same
/// name, and the smallest ids there are.
fn is_connection_test(span: SpanRef<'_>) -> bool {
    let smallest = span.trace_id_bytes().map(u128::from_be_bytes) == Some(1)
        && span.span_id_bytes().map(u64::from_be_bytes) == Some(1);
    // No text is stored in less than its own length.
    let may_be_named = span.row().name.stored_len() >= CONNECTION_TEST.len();
    smallest && span.attributes().is_empty() || may_be_named && span.name() == CONNECTION_TEST
}

/// The name of such a span.
const CONNECTION_TEST: &str = "openrouter-connection-test";

/// What one span says about a call of a model, whatever its convention. See [`Column`] for the meaning of each.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct LlmSpan<'a> {
    /// [`Column::Model`].
    pub model: Option<Cow<'a, str>>,
    /// [`Column::Provider`].
    pub provider: Option<Cow<'a, str>>,
    /// [`Column::Operation`].
    pub operation: Option<Cow<'a, str>>,
    /// [`Column::InputTokens`].
    pub input_tokens: Option<i64>,
    /// [`Column::OutputTokens`].
    pub output_tokens: Option<i64>,
    /// [`Column::TotalTokens`].
    pub total_tokens: Option<i64>,
    /// [`Column::InputCost`].
    pub input_cost_usd: Option<f64>,
    /// [`Column::OutputCost`].
    pub output_cost_usd: Option<f64>,
    /// [`Column::Cost`].
    pub cost_usd: Option<f64>,
    /// [`Column::FinishReason`].
    pub finish_reason: Option<Cow<'a, str>>,
    /// [`Column::UserId`].
    pub user_id: Option<Cow<'a, str>>,
    /// [`Column::SessionId`].
    pub session_id: Option<Cow<'a, str>>,
    /// [`Column::TraceName`].
    pub trace_name: Option<Cow<'a, str>>,
    /// [`Column::GenerationName`]: the span's name, if it names a model or has usage.
    pub generation_name: Option<Cow<'a, str>>,
    /// [`Column::IsTest`].
    pub is_test: bool,
    /// Which request it tells of, as far as it says.
    pub telling: Telling<'a>,
}

impl<'a> LlmSpan<'a> {
    /// Whether any count of tokens or any cost was sent, zeros included.
    pub fn has_usage(&self) -> bool {
        [self.input_tokens, self.output_tokens, self.total_tokens].iter().any(Option::is_some)
            || [self.input_cost_usd, self.output_cost_usd, self.cost_usd].iter().any(Option::is_some)
    }

    /// Whether tokens or cost are on this span: some count or cost above zero.
    ///
    /// Zeros do not carry usage: gateways write them on the parts of a request whose whole is counted elsewhere.
    pub fn carries_usage(&self) -> bool {
        [self.input_tokens, self.output_tokens, self.total_tokens].iter().flatten().any(|count| *count > 0)
            || [self.input_cost_usd, self.output_cost_usd, self.cost_usd]
                .iter()
                .flatten()
                .any(|cost| *cost > 0.0)
    }

    /// Whether the span may stand for a request to a model: it carries usage, or it names a model and is neither the
    /// making of an agent nor the running of a tool (the conventions put the model's name on those as well).
    pub fn is_request(&self) -> bool {
        let other = matches!(self.operation.as_deref(), Some("create_agent" | "execute_tool"));
        (self.carries_usage() || self.model.is_some() && !other) && self.part() != Part::Repeats
    }

    fn has(&self, column: Column) -> bool {
        match column {
            Column::Model => self.model.is_some(),
            Column::Provider => self.provider.is_some(),
            Column::Operation => self.operation.is_some(),
            Column::InputTokens => self.input_tokens.is_some(),
            Column::OutputTokens => self.output_tokens.is_some(),
            Column::TotalTokens => self.total_tokens.is_some(),
            Column::InputCost => self.input_cost_usd.is_some(),
            Column::OutputCost => self.output_cost_usd.is_some(),
            Column::Cost => self.cost_usd.is_some(),
            Column::FinishReason => self.finish_reason.is_some(),
            Column::UserId => self.user_id.is_some(),
            Column::SessionId => self.session_id.is_some(),
            Column::TraceName => self.trace_name.is_some(),
            Column::GenerationName => self.generation_name.is_some(),
            Column::IsTest => self.is_test,
        }
    }

    fn fill(&mut self, source: &Source, value: &ValueRef<'a>) {
        let form: Form = source.form;
        match source.column {
            Column::Model => self.model = value::text(value, form),
            Column::Provider => self.provider = value::text(value, form),
            Column::Operation => self.operation = value::text(value, form),
            Column::InputTokens => self.input_tokens = value::count(value, form),
            Column::OutputTokens => self.output_tokens = value::count(value, form),
            Column::TotalTokens => self.total_tokens = value::count(value, form),
            Column::InputCost => self.input_cost_usd = value::amount(value, form),
            Column::OutputCost => self.output_cost_usd = value::amount(value, form),
            Column::Cost => self.cost_usd = value::amount(value, form),
            Column::FinishReason => self.finish_reason = value::text(value, form),
            Column::UserId => self.user_id = value::text(value, form),
            Column::SessionId => self.session_id = value::text(value, form),
            Column::TraceName => self.trace_name = value::text(value, form),
            Column::GenerationName => {}
            Column::IsTest => self.is_test = value::mark(value, form),
        }
    }
}
