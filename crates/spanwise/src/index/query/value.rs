//! What a field is for one span, and how values compare.
//!
//! Integers, doubles and durations compare with each other. Values of any other two types do not: every comparison of
//! them is false, `!=` too. The same holds where there is no value. A list compares by its elements: one is enough, but
//! `!=` and `!~` ask that all differ.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;

use super::ast::{Arithmetic, Comparison, Literal};
use crate::ValueRef;

#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    /// There is none.
    Nil,
    Text(Cow<'a, str>),
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    Bool(bool),
    Status(i32),
    Kind(i32),
    /// The elements of a list. Lists in it are [`Value::Other`].
    List(Vec<Value<'a>>),
    /// Bytes and kvlists: there, and comparable with nothing.
    Other,
}

impl<'a> From<&'a Literal> for Value<'a> {
    fn from(literal: &'a Literal) -> Self {
        match literal {
            Literal::Text(text) => Self::Text(Cow::Borrowed(text)),
            Literal::Int(number) => Self::Int(*number),
            Literal::Float(number) => Self::Float(*number),
            Literal::Duration(nanos) => Self::Duration(*nanos),
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Status(number) => Self::Status(*number),
            Literal::Kind(number) => Self::Kind(*number),
        }
    }
}

impl<'a> From<ValueRef<'a>> for Value<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Array(elements) => Self::List(elements.iter().map(Self::scalar).collect()),
            value => Self::scalar(value),
        }
    }
}

impl<'a> Value<'a> {
    fn scalar(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Empty => Self::Nil,
            ValueRef::String(text) => Self::Text(text),
            ValueRef::Bool(value) => Self::Bool(value),
            ValueRef::Int(number) => Self::Int(number),
            ValueRef::Double(number) => Self::Float(number),
            ValueRef::Bytes(_) | ValueRef::Array(_) | ValueRef::KvList(_) => Self::Other,
        }
    }

    /// The same for as long as it is wanted.
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Nil => Value::Nil,
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Duration(nanos) => Value::Duration(nanos),
            Self::Bool(value) => Value::Bool(value),
            Self::Status(number) => Value::Status(number),
            Self::Kind(number) => Value::Kind(number),
            Self::List(elements) => Value::List(elements.into_iter().map(Value::into_owned).collect()),
            Self::Other => Value::Other,
        }
    }

    /// The same, pointing into this one.
    pub(crate) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            value => value.clone(),
        }
    }

    pub(crate) fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    /// As a double, if it is a number.
    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss, reason = "what the language says")]
            Self::Int(number) | Self::Duration(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn to_number(&self) -> Option<Literal> {
        match self {
            Self::Int(number) => Some(Literal::Int(*number)),
            Self::Duration(nanos) => Some(Literal::Duration(*nanos)),
            Self::Float(number) => Some(Literal::Float(*number)),
            _ => None,
        }
    }

    pub(crate) fn negated(&self) -> Value<'static> {
        match self {
            Self::Int(number) => number.checked_neg().map_or(Value::Nil, Value::Int),
            Self::Duration(nanos) => nanos.checked_neg().map_or(Value::Nil, Value::Duration),
            Self::Float(number) => Value::Float(-number),
            _ => Value::Nil,
        }
    }

    /// Two integers give an integer (a double where it does not fit, nothing where divided by 0); all other numbers and
    /// durations give a double, in nanoseconds where that is its unit; anything else gives nothing.
    pub(crate) fn computed(&self, operation: Arithmetic, right: &Value<'_>) -> Value<'static> {
        let (Some(left_float), Some(right_float)) = (self.as_float(), right.as_float()) else {
            return Value::Nil;
        };
        if let (Value::Int(left), Value::Int(right)) = (self, right) {
            let exact = match operation {
                Arithmetic::Add => left.checked_add(*right),
                Arithmetic::Subtract => left.checked_sub(*right),
                Arithmetic::Multiply => left.checked_mul(*right),
                Arithmetic::Divide | Arithmetic::Modulo if *right == 0 => return Value::Nil,
                Arithmetic::Divide => left.checked_div(*right),
                Arithmetic::Modulo => left.checked_rem(*right),
                Arithmetic::Power => u32::try_from(*right).ok().and_then(|power| left.checked_pow(power)),
            };
            if let Some(exact) = exact {
                return Value::Int(exact);
            }
        }
        Value::Float(match operation {
            Arithmetic::Add => left_float + right_float,
            Arithmetic::Subtract => left_float - right_float,
            Arithmetic::Multiply => left_float * right_float,
            Arithmetic::Divide => left_float / right_float,
            Arithmetic::Modulo => left_float % right_float,
            Arithmetic::Power => left_float.powf(right_float),
        })
    }

    /// Whether the comparison holds.
    pub(crate) fn compares(&self, comparison: Comparison, right: &Value<'_>) -> bool {
        match (self, right) {
            (Self::List(_), Value::List(_)) | (Self::Nil, _) | (_, Value::Nil) => false,
            (Self::List(elements), _) => over(elements, comparison == Comparison::NotEqual, |element| {
                element.scalar_compares(comparison, right)
            }),
            (_, Value::List(elements)) => over(elements, comparison == Comparison::NotEqual, |element| {
                self.scalar_compares(comparison, element)
            }),
            _ => self.scalar_compares(comparison, right),
        }
    }

    /// Whether the text matches (or, negated, is a text and does not).
    pub(crate) fn matches(&self, regex: &Regex, negated: bool) -> bool {
        let test = |value: &Value<'_>| matches!(value, Value::Text(text) if regex.is_match(text) != negated);
        match self {
            Self::List(elements) => over(elements, negated, test),
            _ => test(self),
        }
    }

    fn scalar_compares(&self, comparison: Comparison, right: &Value<'_>) -> bool {
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let order = match (self, right) {
            (Value::Text(left), Value::Text(right)) => Some(left.as_ref().cmp(right.as_ref())),
            (Value::Int(left) | Value::Duration(left), Value::Int(right) | Value::Duration(right)) => {
                Some(left.cmp(right))
            }
            (Value::Bool(left), Value::Bool(right)) if is_equality => Some(left.cmp(right)),
            (Value::Status(left), Value::Status(right)) | (Value::Kind(left), Value::Kind(right))
                if is_equality =>
            {
                Some(left.cmp(right))
            }
            _ => match (self.as_float(), right.as_float()) {
                (Some(left), Some(right)) => left.partial_cmp(&right),
                _ => return false,
            },
        };
        holds(comparison, order)
    }
}

/// Whether a comparison holds of two values in this order; `None` if they have none, as NaN has with any.
pub(crate) fn holds(comparison: Comparison, order: Option<Ordering>) -> bool {
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn over(elements: &[Value<'_>], all: bool, test: impl Fn(&Value<'_>) -> bool) -> bool {
    if all { elements.iter().all(test) } else { elements.iter().any(test) }
}
