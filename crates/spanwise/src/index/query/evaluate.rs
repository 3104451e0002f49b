//! The value of an expression for one span: the definition of what a query means.
//!
//! A field of events or links has one value for each of them. A comparison with it holds if it holds for one of them,
//! `!=` too, and each comparison may find another: `event.a = 1 && event.b = 2` does not ask that one event has both.

use std::borrow::Cow;

use super::ast::{Expr, Field, Intrinsic, Scope};
use super::value::Value;
use crate::index::times::{nanos, nanos_between};
use crate::{AttributesRef, SpanRef};

/// What a span's trace says about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct TraceFacts<'a> {
    pub(crate) child_count: u32,
    pub(crate) root: Root<'a>,
    /// From the first start to the last end, in nanoseconds.
    pub(crate) duration: u64,
}

/// The trace's root: of several, the one that starts first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Root<'a> {
    #[default]
    None,
    Span(SpanRef<'a>),
    /// What is asked of it.
    Known {
        name: &'a Value<'static>,
        service: &'a Value<'static>,
    },
}

impl<'a> Root<'a> {
    fn name(self) -> Value<'a> {
        match self {
            Self::None => Value::Nil,
            Self::Span(root) => Value::Text(root.name()),
            Self::Known { name, .. } => name.borrowed(),
        }
    }

    fn service(self) -> Value<'a> {
        match self {
            Self::None => Value::Nil,
            Self::Span(root) => attribute(root.resource().attributes(), "service.name"),
            Self::Known { service, .. } => service.borrowed(),
        }
    }
}

/// A span and what its trace says about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a, 'f> {
    pub(crate) span: SpanRef<'a>,
    pub(crate) facts: &'f TraceFacts<'a>,
}

/// One value, or one for each event or link.
pub(crate) enum Values<'a> {
    One(Value<'a>),
    Each(Vec<Value<'a>>),
}

impl<'a> Values<'a> {
    pub(crate) fn any(&self, mut test: impl FnMut(&Value<'a>) -> bool) -> bool {
        match self {
            Self::One(value) => test(value),
            Self::Each(values) => values.iter().any(test),
        }
    }

    fn map(self, change: impl Fn(&Value<'a>) -> Value<'a>) -> Self {
        match self {
            Self::One(value) => Self::One(change(&value)),
            Self::Each(values) => Self::Each(values.iter().map(change).collect()),
        }
    }
}

impl Expr {
    /// Whether the span matches the expression as a filter.
    pub(crate) fn is_true(&self, subject: Subject<'_, '_>) -> bool {
        match self {
            Self::Exists(inner, exists) => inner.values(subject).any(|value| !value.is_nil()) == *exists,
            Self::Compare(comparison, left, right) => {
                let right = right.values(subject);
                left.values(subject).any(|left| right.any(|right| left.compares(*comparison, right)))
            }
            Self::Matches { expr, regex, negated } => {
                expr.values(subject).any(|value| value.matches(regex, *negated))
            }
            Self::And(parts) => parts.iter().all(|part| part.is_true(subject)),
            Self::Or(parts) => parts.iter().any(|part| part.is_true(subject)),
            Self::Not(_) | Self::Literal(_) | Self::Field(_) | Self::Negate(_) | Self::Arithmetic(..) => {
                self.values(subject).any(Value::is_true)
            }
        }
    }

    pub(crate) fn values<'a>(&'a self, subject: Subject<'a, '_>) -> Values<'a> {
        match self {
            Self::Literal(literal) => Values::One(literal.into()),
            Self::Field(field) => field.values(subject),
            #[allow(
                clippy::redundant_closure_for_method_calls,
                reason = "the method's own type asks for too long a life"
            )]
            Self::Negate(inner) => inner.values(subject).map(|value| value.negated()),
            Self::Not(inner) => inner.values(subject).map(|value| match value {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Nil,
            }),
            Self::Arithmetic(first, steps) => {
                let mut result = first.value(subject);
                for (operation, operand) in steps {
                    result = result.computed(*operation, &operand.value(subject));
                }
                Values::One(result)
            }
            _ => Values::One(Value::Bool(self.is_true(subject))),
        }
    }

    /// The value of an expression that has one for each span: what the parser asks of aggregates and groups.
    pub(crate) fn value<'a>(&'a self, subject: Subject<'a, '_>) -> Value<'a> {
        match self.values(subject) {
            Values::One(value) => value,
            Values::Each(values) => Value::List(values),
        }
    }
}

fn attribute<'a>(attributes: AttributesRef<'a>, name: &str) -> Value<'a> {
    attributes.get(name).map_or(Value::Nil, Value::from)
}

impl Field {
    fn values<'a>(&self, Subject { span, facts }: Subject<'a, '_>) -> Values<'a> {
        let text = |text: Cow<'a, str>| Value::Text(text);
        Values::One(match self {
            Self::Attribute(scope, name) => match scope {
                Scope::Unscoped => match attribute(span.attributes(), name) {
                    Value::Nil => attribute(span.resource().attributes(), name),
                    value => value,
                },
                Scope::Span => attribute(span.attributes(), name),
                Scope::Resource => attribute(span.resource().attributes(), name),
                Scope::Instrumentation => attribute(span.scope().attributes(), name),
                Scope::Event => {
                    return Values::Each(
                        span.events().map(|event| attribute(event.attributes(), name)).collect(),
                    );
                }
                Scope::Link => {
                    return Values::Each(
                        span.links().map(|link| attribute(link.attributes(), name)).collect(),
                    );
                }
            },
            Self::Intrinsic(intrinsic) => match intrinsic {
                Intrinsic::Name => text(span.name()),
                Intrinsic::Duration => Value::Duration(nanos(span.duration_nanos())),
                Intrinsic::Status => Value::Status(span.row().status_code),
                Intrinsic::StatusMessage => text(span.status().message),
                Intrinsic::Kind => Value::Kind(span.row().kind),
                Intrinsic::SpanId => text(span.span_id()),
                Intrinsic::ParentId => text(span.parent_span_id()),
                Intrinsic::TraceId => text(span.trace_id()),
                Intrinsic::InstrumentationName => text(span.scope().name()),
                Intrinsic::InstrumentationVersion => text(span.scope().version()),
                Intrinsic::ChildCount => Value::Int(facts.child_count.into()),
                Intrinsic::TraceDuration => Value::Duration(nanos(facts.duration)),
                Intrinsic::RootName => facts.root.name(),
                Intrinsic::RootService => facts.root.service(),
                Intrinsic::EventName => {
                    return Values::Each(span.events().map(|event| text(event.name())).collect());
                }
                Intrinsic::EventTimeSinceStart => {
                    let start = span.start_time_unix_nano();
                    let since = |time: u64| Value::Duration(nanos_between(start, time));
                    return Values::Each(span.events().map(|event| since(event.time_unix_nano())).collect());
                }
                Intrinsic::LinkTraceId => {
                    return Values::Each(span.links().map(|link| text(link.trace_id())).collect());
                }
                Intrinsic::LinkSpanId => {
                    return Values::Each(span.links().map(|link| text(link.span_id())).collect());
                }
            },
        })
    }
}
