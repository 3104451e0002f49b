//! The shape of a query that has been read and checked.

use regex::Regex;

use crate::Projection;

/// Which attributes a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Of the span; of its resource where the span has none of that name.
    Unscoped,
    Span,
    Resource,
    Event,
    Link,
    Instrumentation,
}

/// What a span has without attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Intrinsic {
    Name,
    Duration,
    Status,
    StatusMessage,
    Kind,
    SpanId,
    ParentId,
    ChildCount,
    TraceId,
    TraceDuration,
    RootName,
    RootService,
    EventName,
    EventTimeSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
}

/// What is known of a field's type before a span is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// An attribute: each span may have another.
    Any,
    Number,
    Text,
    Bool,
    Status,
    Kind,
}

impl Intrinsic {
    pub(crate) fn bare(word: &str) -> Option<Self> {
        Some(match word {
            "name" => Self::Name,
            "duration" => Self::Duration,
            "status" => Self::Status,
            "statusMessage" => Self::StatusMessage,
            "kind" => Self::Kind,
            "childCount" => Self::ChildCount,
            "rootName" => Self::RootName,
            "rootServiceName" => Self::RootService,
            "traceDuration" => Self::TraceDuration,
            _ => return None,
        })
    }

    pub(crate) fn scoped(scope: &str, name: &str) -> Option<Self> {
        Some(match (scope, name) {
            ("span", "duration") => Self::Duration,
            ("span", "name") => Self::Name,
            ("span", "kind") => Self::Kind,
            ("span", "status") => Self::Status,
            ("span", "statusMessage") => Self::StatusMessage,
            ("span", "id") => Self::SpanId,
            ("span", "parentID") => Self::ParentId,
            ("span", "childCount") => Self::ChildCount,
            ("trace", "duration") => Self::TraceDuration,
            ("trace", "rootName") => Self::RootName,
            ("trace", "rootService") => Self::RootService,
            ("trace", "id") => Self::TraceId,
            ("event", "name") => Self::EventName,
            ("event", "timeSinceStart") => Self::EventTimeSinceStart,
            ("link", "traceID") => Self::LinkTraceId,
            ("link", "spanID") => Self::LinkSpanId,
            ("instrumentation", "name") => Self::InstrumentationName,
            ("instrumentation", "version") => Self::InstrumentationVersion,
            _ => return None,
        })
    }

    pub(crate) fn is_scope(word: &str) -> bool {
        ["span", "trace", "event", "link", "instrumentation"].contains(&word)
    }

    pub(crate) fn type_of(self) -> Type {
        match self {
            Self::Duration | Self::TraceDuration | Self::ChildCount | Self::EventTimeSinceStart => {
                Type::Number
            }
            Self::Status => Type::Status,
            Self::Kind => Type::Kind,
            _ => Type::Text,
        }
    }

    /// Whether other spans of the trace must be known.
    pub(crate) fn is_of_trace(self) -> bool {
        matches!(self, Self::ChildCount | Self::TraceDuration | Self::RootName | Self::RootService)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    Attribute(Scope, String),
    Intrinsic(Intrinsic),
}

impl Field {
    /// Whether a span may have more than one: a field of its events or links.
    pub(crate) fn is_repeated(&self) -> bool {
        match self {
            Self::Attribute(scope, _) => matches!(scope, Scope::Event | Scope::Link),
            Self::Intrinsic(intrinsic) => matches!(
                intrinsic,
                Intrinsic::EventName
                    | Intrinsic::EventTimeSinceStart
                    | Intrinsic::LinkTraceId
                    | Intrinsic::LinkSpanId
            ),
        }
    }

    /// The lists of a batch in which it stands.
    pub(crate) fn projection(&self) -> Projection {
        let none = Projection::NONE;
        match self {
            Self::Attribute(Scope::Unscoped, _) => {
                Projection { span_attributes: true, resource_attributes: true, ..none }
            }
            Self::Attribute(Scope::Span, _) => Projection { span_attributes: true, ..none },
            // `service.name` is an attribute of a resource.
            Self::Attribute(Scope::Resource, _) | Self::Intrinsic(Intrinsic::RootService) => {
                Projection { resource_attributes: true, ..none }
            }
            Self::Attribute(Scope::Event, _)
            | Self::Intrinsic(Intrinsic::EventName | Intrinsic::EventTimeSinceStart) => {
                Projection { events: true, ..none }
            }
            Self::Attribute(Scope::Link, _)
            | Self::Intrinsic(Intrinsic::LinkTraceId | Intrinsic::LinkSpanId) => {
                Projection { links: true, ..none }
            }
            Self::Attribute(Scope::Instrumentation, _) => Projection { scope_attributes: true, ..none },
            Self::Intrinsic(_) => none,
        }
    }

    /// The field as it is written in a query.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Attribute(scope, name) => {
                let prefix = match scope {
                    Scope::Unscoped => ".",
                    Scope::Span => "span.",
                    Scope::Resource => "resource.",
                    Scope::Event => "event.",
                    Scope::Link => "link.",
                    Scope::Instrumentation => "instrumentation.",
                };
                if name.is_empty()
                    || name.contains(|next: char| next.is_whitespace() || "{}()=~!<>&|^,\"".contains(next))
                {
                    format!("{prefix}\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
                } else {
                    format!("{prefix}{name}")
                }
            }
            Self::Intrinsic(intrinsic) => match intrinsic {
                Intrinsic::Name => "name",
                Intrinsic::Duration => "duration",
                Intrinsic::Status => "status",
                Intrinsic::StatusMessage => "statusMessage",
                Intrinsic::Kind => "kind",
                Intrinsic::SpanId => "span:id",
                Intrinsic::ParentId => "span:parentID",
                Intrinsic::ChildCount => "span:childCount",
                Intrinsic::TraceId => "trace:id",
                Intrinsic::TraceDuration => "trace:duration",
                Intrinsic::RootName => "trace:rootName",
                Intrinsic::RootService => "trace:rootService",
                Intrinsic::EventName => "event:name",
                Intrinsic::EventTimeSinceStart => "event:timeSinceStart",
                Intrinsic::LinkTraceId => "link:traceID",
                Intrinsic::LinkSpanId => "link:spanID",
                Intrinsic::InstrumentationName => "instrumentation:name",
                Intrinsic::InstrumentationVersion => "instrumentation:version",
            }
            .to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    Bool(bool),
    Status(i32),
    Kind(i32),
}

impl Literal {
    /// The literal that is a word of the language.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            "unset" => Self::Status(0),
            "ok" => Self::Status(1),
            "error" => Self::Status(2),
            "unspecified" => Self::Kind(0),
            "internal" => Self::Kind(1),
            "server" => Self::Kind(2),
            "client" => Self::Kind(3),
            "producer" => Self::Kind(4),
            "consumer" => Self::Kind(5),
            _ => return None,
        })
    }

    pub(crate) fn type_of(&self) -> Type {
        match self {
            Self::Text(_) => Type::Text,
            Self::Int(_) | Self::Float(_) | Self::Duration(_) => Type::Number,
            Self::Bool(_) => Type::Bool,
            Self::Status(_) => Type::Status,
            Self::Kind(_) => Type::Kind,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    /// The same with its sides exchanged.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }

    /// What holds of all that is too small to be found, and of all that is too large. What is found by `!=` is all but what is
    /// found by `=`.
    pub(crate) fn beyond(self) -> (Option<Self>, Option<Self>) {
        match self {
            Self::Equal | Self::NotEqual => (Some(Self::Less), Some(Self::Greater)),
            Self::Less => (None, Some(Self::GreaterEqual)),
            Self::LessEqual => (None, Some(Self::Greater)),
            Self::Greater => (Some(Self::LessEqual), None),
            Self::GreaterEqual => (Some(Self::Less), None),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// An expression over the fields of one span. Its depth is bounded by the parser.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Literal(Literal),
    Field(Field),
    /// `!= nil`, or `= nil` (not).
    Exists(Box<Expr>, bool),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `=~`, or `!~` (negated).
    Matches {
        expr: Box<Expr>,
        regex: Regex,
        negated: bool,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// From the left, however the operations bind: what binds tighter is an expression of its own.
    Arithmetic(Box<Expr>, Vec<(Arithmetic, Expr)>),
}

impl Expr {
    /// Calls `visit` for every field in it.
    pub(crate) fn fields<'a>(&'a self, visit: &mut dyn FnMut(&'a Field)) {
        match self {
            Self::Literal(_) => {}
            Self::Field(field) => visit(field),
            Self::Exists(inner, _)
            | Self::Not(inner)
            | Self::Negate(inner)
            | Self::Matches { expr: inner, .. } => {
                inner.fields(visit);
            }
            Self::Compare(_, left, right) => {
                left.fields(visit);
                right.fields(visit);
            }
            Self::Arithmetic(first, steps) => {
                first.fields(visit);
                for (_, operand) in steps {
                    operand.fields(visit);
                }
            }
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.fields(visit)),
        }
    }

    fn any_field(&self, test: impl Fn(&Field) -> bool) -> bool {
        let mut found = false;
        self.fields(&mut |field| found |= test(field));
        found
    }

    /// Whether its value may be several: a field of events or links, computed with.
    pub(crate) fn is_repeated(&self) -> bool {
        match self {
            Self::Field(field) => field.is_repeated(),
            Self::Negate(inner) | Self::Not(inner) => inner.is_repeated(),
            _ => false,
        }
    }

    /// Whether other spans of the trace must be known.
    pub(crate) fn needs_trace(&self) -> bool {
        self.any_field(|field| matches!(field, Field::Intrinsic(intrinsic) if intrinsic.is_of_trace()))
    }

    /// Whether it asks for this intrinsic.
    pub(crate) fn asks_for(&self, wanted: Intrinsic) -> bool {
        self.any_field(|field| *field == Field::Intrinsic(wanted))
    }

    pub(crate) fn type_of(&self) -> Type {
        match self {
            Self::Literal(literal) => literal.type_of(),
            Self::Field(Field::Attribute(..)) => Type::Any,
            Self::Field(Field::Intrinsic(intrinsic)) => intrinsic.type_of(),
            Self::Negate(_) | Self::Arithmetic(..) => Type::Number,
            _ => Type::Bool,
        }
    }
}

/// How two sets of spans of one trace are related, and which of the right-hand set are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The right is a child of the left.
    Child,
    Descendant,
    /// The right is the parent of the left.
    Parent,
    Ancestor,
    Sibling,
}

/// What picks spans of each trace.
#[derive(Debug, Clone)]
pub(crate) enum Spanset {
    Filter(Expr),
    /// Where each has spans: the spans of all.
    And(Vec<Spanset>),
    Or(Vec<Spanset>),
    /// From the left: of each step, those of its spanset that are so related to any of what came before.
    Related(Box<Spanset>, Vec<Step>),
    /// A pipeline in parentheses.
    Pipeline(Vec<Stage>),
}

/// A step from spans to those that are (or, negated, are not) so related to any of them.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) relation: Relation,
    pub(crate) negated: bool,
    pub(crate) to: Spanset,
}

#[derive(Debug, Clone)]
pub(crate) enum Aggregate {
    Count,
    Average(Expr),
    Minimum(Expr),
    Maximum(Expr),
    Sum(Expr),
}

impl Spanset {
    /// Calls `visit` for every field in it.
    fn fields<'a>(&'a self, visit: &mut dyn FnMut(&'a Field)) {
        match self {
            Self::Filter(expr) => expr.fields(visit),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.fields(visit)),
            Self::Related(first, steps) => {
                first.fields(visit);
                for step in steps {
                    step.to.fields(visit);
                }
            }
            Self::Pipeline(stages) => stages.iter().for_each(|stage| stage.fields(visit)),
        }
    }
}

/// A step of a pipeline.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    Spanset(Spanset),
    /// Keeps the spansets whose aggregate compares so.
    Aggregate(Aggregate, Comparison, Literal),
    By(Expr),
    /// Puts the groups of a trace together again.
    Coalesce,
    /// Changes nothing of what is picked.
    Select,
}

impl Stage {
    /// Calls `visit` for every field in it.
    pub(crate) fn fields<'a>(&'a self, visit: &mut dyn FnMut(&'a Field)) {
        match self {
            Self::Spanset(spanset) => spanset.fields(visit),
            Self::Aggregate(Aggregate::Count, ..) | Self::Coalesce | Self::Select => {}
            Self::Aggregate(
                Aggregate::Average(expr)
                | Aggregate::Minimum(expr)
                | Aggregate::Maximum(expr)
                | Aggregate::Sum(expr),
                ..,
            )
            | Self::By(expr) => expr.fields(visit),
        }
    }
}
