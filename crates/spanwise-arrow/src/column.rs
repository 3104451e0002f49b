//! The columns, their names and their types.

use std::sync::Arc;

use arrow_schema::{DataType, Field};

use crate::options::{Ids, Names, PromotedType};
use crate::shapes::{Nested, Shapes, id};

macro_rules! columns {
    ($($(#[$doc:meta])* $variant:ident $name:literal $clickhouse:literal,)*) => {
        /// A column of the table of spans, in the order in which they stand there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Column { $($(#[$doc])* $variant,)* }

        impl Column {
            /// All columns, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The column's name.
            ///
            /// ```
            /// use spanwise_arrow::{Column, Names};
            /// assert_eq!(Column::Name.name(Names::Spanwise), "name");
            /// assert_eq!(Column::Name.name(Names::ClickHouse), "SpanName");
            /// ```
            pub const fn name(self, names: Names) -> &'static str {
                match names {
                    Names::Spanwise => match self { $(Self::$variant => $name,)* },
                    Names::ClickHouse => match self { $(Self::$variant => $clickhouse,)* },
                }
            }
        }
    };
}

columns! {
    /// Lower-case hex text, or sixteen bytes.
    TraceId "trace_id" "TraceId",
    /// Lower-case hex text, or eight bytes.
    SpanId "span_id" "SpanId",
    /// The parent's span id; empty text on a root, or null.
    ParentSpanId "parent_span_id" "ParentSpanId",
    /// W3C trace state.
    TraceState "trace_state" "TraceState",
    /// `UInt32`.
    Flags "flags" "Flags",
    /// The span's name.
    Name "name" "SpanName",
    /// Dictionary of `TraceQL`'s words (`server`, `client` …); an unknown number as its text.
    Kind "kind" "SpanKind",
    /// Dictionary of `TraceQL`'s words (`unset`, `ok`, `error`); an unknown number as its text.
    StatusCode "status_code" "StatusCode",
    /// Timestamp in nanoseconds, or what [`Times`](crate::Times) says, UTC; null when 0 or beyond 64 bits with a sign.
    StartTime "start_time" "Timestamp",
    /// As the start time.
    EndTime "end_time" "EndTimestamp",
    /// `Int64`, end minus start in nanoseconds; saturating, and 0 when the end precedes the start.
    DurationNs "duration_ns" "Duration",
    /// The status message.
    StatusMessage "status_message" "StatusMessage",
    /// The resource's `service.name`; null where there is none.
    ServiceName "service_name" "ServiceName",
    /// The scope's name.
    ScopeName "scope_name" "ScopeName",
    /// The scope's version.
    ScopeVersion "scope_version" "ScopeVersion",
    /// The resource's attributes.
    ResourceAttributes "resource_attributes" "ResourceAttributes",
    /// The scope's attributes.
    ScopeAttributes "scope_attributes" "ScopeAttributes",
    /// The span's attributes.
    Attributes "attributes" "SpanAttributes",
    /// List of structs: `time`, `name`, `attributes`, `dropped_attributes_count`.
    Events "events" "Events",
    /// List of structs: `trace_id`, `span_id`, `trace_state`, `flags`, `attributes`, `dropped_attributes_count`.
    Links "links" "Links",
    /// `UInt32`.
    DroppedAttributesCount "dropped_attributes_count" "DroppedAttributesCount",
    /// `UInt32`.
    DroppedEventsCount "dropped_events_count" "DroppedEventsCount",
    /// `UInt32`.
    DroppedLinksCount "dropped_links_count" "DroppedLinksCount",
    /// Of LLM traffic, as are those below: see [`spanwise::llm::Column`]. The model.
    LlmModel "llm_model" "LlmModel",
    /// Who provides the model.
    LlmProvider "llm_provider" "LlmProvider",
    /// What was done.
    LlmOperation "llm_operation" "LlmOperation",
    /// Tokens of the input.
    LlmInputTokens "llm_input_tokens" "LlmInputTokens",
    /// Tokens of the output.
    LlmOutputTokens "llm_output_tokens" "LlmOutputTokens",
    /// Tokens of both, where the sender says so.
    LlmTotalTokens "llm_total_tokens" "LlmTotalTokens",
    /// Cost of the input in US dollars.
    LlmInputCostUsd "llm_input_cost_usd" "LlmInputCostUsd",
    /// Cost of the output in US dollars.
    LlmOutputCostUsd "llm_output_cost_usd" "LlmOutputCostUsd",
    /// Cost of the request in US dollars, where the sender says so.
    LlmCostUsd "llm_cost_usd" "LlmCostUsd",
    /// Why the model stopped.
    LlmFinishReason "llm_finish_reason" "LlmFinishReason",
    /// The end user.
    UserId "user_id" "UserId",
    /// The session or conversation.
    SessionId "session_id" "SessionId",
    /// The name that the sender gave the whole trace.
    TraceName "trace_name" "TraceName",
    /// The span's name, if it is a generation.
    GenerationName "generation_name" "GenerationName",
    /// Map of text to text: the span's attributes `trace.metadata.*`, without that prefix.
    TraceMetadata "trace_metadata" "TraceMetadata",
    /// A gateway's connection test or canned generation.
    IsTest "is_test" "IsTest",
    /// The span that stands for a request, of several that may tell of it: those to add up. Told of each batch alone, unless
    /// [`Telling::Across`](crate::Telling::Across) or [`RequestMarks`](crate::RequestMarks) tell it over all.
    IsRequest "is_request" "IsRequest",
}

impl Column {
    /// The columns that a table has unless others are chosen: all but those of LLM traffic.
    pub fn of_spans() -> &'static [Self] {
        Self::ALL.get(..Self::LlmModel as usize).unwrap_or_default()
    }

    /// The columns of LLM traffic.
    pub fn of_llm() -> &'static [Self] {
        Self::ALL.get(Self::LlmModel as usize..).unwrap_or_default()
    }

    pub(crate) fn is_llm(self) -> bool {
        Self::of_llm().contains(&self)
    }

    /// The column of this name, our own or that of `names`.
    pub fn from_name(name: &str, names: Names) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|column| column.name(Names::Spanwise) == name || column.name(names) == name)
            .copied()
    }

    /// The name, our own, of the column that a wrong name was probably meant to be.
    pub(crate) fn nearest(name: &str) -> Option<&'static str> {
        // No more letters than these are compared: what was given may be anything.
        if name.len() > 40 {
            return None;
        }
        let lower = name.to_ascii_lowercase();
        let near = Self::ALL.iter().map(|column| {
            let names = [Names::Spanwise, Names::ClickHouse].map(|names| column.name(names));
            let [ours, theirs] = names.map(|known| distance(&lower, &known.to_ascii_lowercase()));
            (ours.min(theirs), column.name(Names::Spanwise))
        });
        let (distance, known) = near.min_by_key(|(distance, _)| *distance)?;
        (distance <= 1 + name.len() / 4).then_some(known)
    }

    /// The column's field in the schema.
    pub(crate) fn field(self, shapes: &Shapes, ids: Ids, names: Names) -> Field {
        let name = self.name(names);
        match self {
            Self::TraceId => id(name, ids, 16),
            Self::SpanId | Self::ParentSpanId => id(name, ids, 8),
            Self::Kind | Self::StatusCode => {
                let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                Field::new(name, words, false)
            }
            Self::StartTime | Self::EndTime => Field::new(name, shapes.time.clone(), true),
            Self::DurationNs => Field::new(name, DataType::Int64, false),
            Self::Flags
            | Self::DroppedAttributesCount
            | Self::DroppedEventsCount
            | Self::DroppedLinksCount => Field::new(name, DataType::UInt32, false),
            Self::ServiceName
            | Self::LlmModel
            | Self::LlmProvider
            | Self::LlmOperation
            | Self::LlmFinishReason
            | Self::UserId
            | Self::SessionId
            | Self::TraceName
            | Self::GenerationName => Field::new(name, DataType::Utf8View, true),
            Self::LlmInputTokens | Self::LlmOutputTokens | Self::LlmTotalTokens => {
                Field::new(name, DataType::Int64, true)
            }
            Self::LlmInputCostUsd | Self::LlmOutputCostUsd | Self::LlmCostUsd => {
                Field::new(name, DataType::Float64, true)
            }
            Self::TraceMetadata => attributes(name, &shapes.text_map),
            Self::IsTest | Self::IsRequest => Field::new(name, DataType::Boolean, false),
            Self::TraceState | Self::Name | Self::StatusMessage | Self::ScopeName | Self::ScopeVersion => {
                Field::new(name, DataType::Utf8View, false)
            }
            Self::ResourceAttributes | Self::ScopeAttributes | Self::Attributes => {
                attributes(name, &shapes.map)
            }
            Self::Events => list(name, &shapes.event),
            Self::Links => list(name, &shapes.link),
        }
    }
}

/// How many letters must be changed, added or taken away to make one of the other.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, letter) in one.bytes().enumerate() {
        let mut corner = place;
        let mut left = place + 1;
        for (above, other) in row.iter_mut().skip(1).zip(other.bytes()) {
            let changed = corner + usize::from(letter != other);
            corner = *above;
            left = changed.min(*above + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = place + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn attributes(name: &str, map: &Nested) -> Field {
    Field::new(name, DataType::Map(Arc::clone(&map.item), false), false)
}

fn list(name: &str, element: &Nested) -> Field {
    Field::new(name, DataType::List(Arc::clone(&element.item)), false)
}

/// The field of a promoted column.
pub(crate) fn promoted(name: &str, to: PromotedType) -> Field {
    let data_type = match to {
        PromotedType::String => DataType::Utf8View,
        PromotedType::Int64 => DataType::Int64,
        PromotedType::Double => DataType::Float64,
        PromotedType::Bool => DataType::Boolean,
    };
    Field::new(name, data_type, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_has_the_one_that_was_meant_beside_it() {
        for (name, meant) in [
            ("duration", Some("duration_ns")),
            ("duration_n", Some("duration_ns")),
            ("traceid", Some("trace_id")),
            ("parent_id", None),
            ("nome", Some("name")),
            ("servicename", Some("service_name")),
            ("service.name", Some("service_name")),
            ("gen_ai.request.model", None),
            ("", None),
        ] {
            assert_eq!(Column::nearest(name), meant, "{name}");
        }
        for (one, other, expected) in
            [("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ab", 0), ("ab", "", 2)]
        {
            assert_eq!(distance(one, other), expected);
        }
    }
}
