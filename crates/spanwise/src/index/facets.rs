//! What an index knows of a field without a query: which fields there are, their commonest values, and how their numbers
//! are spread.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use roaring::{MultiOps, RoaringBitmap};

use super::column::Column;
use super::numbers::Number;
use super::query::ast::{Field, Intrinsic, Scope};
use super::query::{QueryError, read_field};
use super::{Index, IndexError};

/// A field that spans have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyFacet {
    /// The field as it is written in a query: `span.http.route`.
    pub field: String,
    /// Spans that have it.
    pub spans: u64,
    /// Distinct values that are itemised.
    pub distinct: u64,
    /// Spans with values that are not: bytes and maps, and texts and numbers beyond the limits.
    pub others: u64,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FacetValue {
    /// A text.
    Text(String),
    /// An integer; of a duration, nanoseconds.
    Int(i64),
    /// A double.
    Double(f64),
    /// True or false.
    Bool(bool),
}

/// The commonest values of a field.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ValuesFacet {
    /// Values with the spans that have them, the commonest first.
    pub values: Vec<(FacetValue, u64)>,
    /// Spans with values that are not among them, because there are more, or because they are not itemised: bytes and maps, and
    /// texts and numbers beyond the limits.
    pub others: u64,
}

/// A bin of a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Bin {
    /// The least number that belongs to it.
    pub low: f64,
    /// The greatest; of all but the last bin, the first that belongs no more.
    pub high: f64,
    /// Numbers in it.
    pub count: u64,
}

/// Why there is nothing to tell of a field.
#[derive(Debug)]
#[non_exhaustive]
pub enum FacetError {
    /// The text is no field, or one of which an index keeps no values.
    Field(QueryError),
    /// The index cannot be read.
    Index(IndexError),
}

impl fmt::Display for FacetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::Index(error) => error.fmt(f),
        }
    }
}

impl Error for FacetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Field(error) => error.source(),
            Self::Index(error) => error.source(),
        }
    }
}

impl From<QueryError> for FacetError {
    fn from(error: QueryError) -> Self {
        Self::Field(error)
    }
}

impl From<IndexError> for FacetError {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

impl Column {
    /// Numbers, each with how often it is there. NaN and infinities are left out.
    fn numbers(&self) -> Vec<(f64, u64)> {
        #[allow(clippy::cast_precision_loss, reason = "a summary in doubles")]
        let ints = self.ints.values.iter().map(|number| *number as f64).zip(&self.ints.postings);
        let floats = self.floats.values.iter().copied().zip(&self.floats.postings);
        let mut numbers: Vec<(f64, u64)> =
            ints.chain(floats).map(|(number, rows)| (number, rows.len())).collect();
        #[allow(clippy::cast_precision_loss, reason = "a summary in doubles")]
        numbers.extend(self.ints.rest.bits.iter().map(|bits| (i64::of_bits(*bits) as f64, 1)));
        numbers.extend(self.floats.rest.bits.iter().map(|bits| (f64::of_bits(*bits), 1)));
        numbers.retain(|(number, _)| number.is_finite());
        for (number, _) in &mut numbers {
            *number = unsigned(*number);
        }
        numbers
    }

    /// The values that are itemised, each with the rows that have it. The two zeros are one, as they are in queries.
    fn itemised(&self) -> Vec<(FacetValue, Cow<'_, RoaringBitmap>)> {
        let texts = self.texts.iter().map(|(text, rows)| (FacetValue::Text(text.to_owned()), rows));
        let ints = self.ints.values.iter().map(|number| FacetValue::Int(*number)).zip(&self.ints.postings);
        let floats = self.floats.values.iter().map(|number| FacetValue::Double(unsigned(*number)));
        let floats = floats.zip(&self.floats.postings);
        let bools = [false, true].map(FacetValue::Bool).into_iter().zip(&self.bools);
        let all = texts.chain(ints).chain(floats).chain(bools).filter(|(_, rows)| !rows.is_empty());
        let mut itemised: Vec<_> = all.map(|(value, rows)| (value, Cow::Borrowed(rows))).collect();
        let is_zero = |(value, _): &(FacetValue, _)| *value == FacetValue::Double(0.0);
        if let Some(last) = itemised.iter().rposition(is_zero)
            && let Some(first) = itemised.iter().position(is_zero).filter(|first| *first < last)
        {
            let (_, rows) = itemised.remove(last);
            if let Some((_, zeros)) = itemised.get_mut(first) {
                *zeros.to_mut() |= &*rows;
            }
        }
        itemised
    }

    /// Rows with a value that is not itemised.
    fn others(&self) -> RoaringBitmap {
        let mut rows = &self.other | &self.long;
        rows.extend(self.checksums.rows.iter().chain(&self.ints.rest.rows).chain(&self.floats.rest.rows));
        rows
    }
}

impl Index {
    /// The fields that spans have, attributes and intrinsics, in the order of their names.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn keys(&self) -> Result<Vec<KeyFacet>, IndexError> {
        let mut keys = Vec::new();
        for slot in &self.slots {
            let Some(column) = self.column(&slot.field)? else { continue };
            let spans = column.present().len();
            if spans > 0 {
                let distinct = column.itemised().len() as u64;
                keys.push(KeyFacet {
                    field: slot.field.name(),
                    spans,
                    distinct,
                    others: column.others().len(),
                });
            }
        }
        keys.sort_by(|a, b| a.field.cmp(&b.field));
        Ok(keys)
    }

    /// The `limit` commonest values of a field, given as in a query and with its scope: `span.http.route`, `name`. Those of
    /// `duration` are integers, in nanoseconds.
    ///
    /// # Errors
    /// [`FacetError::Field`] where the text is no field, or one of which no values are kept ([`Self::keys`] lists the others,
    /// and `duration` has some, too): ids of spans and traces, and what is known of a trace as a whole. [`FacetError::Index`]
    /// as [`Self::run`].
    pub fn values(&self, field: &str, limit: usize) -> Result<ValuesFacet, FacetError> {
        let field = facet_field(field)?;
        if field == Field::Intrinsic(Intrinsic::Duration) {
            return Ok(durations(&self.times()?.duration, limit));
        }
        let Some(column) = self.column(&field)? else { return Ok(ValuesFacet::default()) };
        let mut itemised = column.itemised();
        // Of equal counts, the one that came first.
        itemised.sort_by_cached_key(|(_, rows)| std::cmp::Reverse(rows.len()));
        let more = itemised.split_off(limit.min(itemised.len()));
        // A span with several of them is one span.
        let more = more.iter().map(|(_, rows)| &**rows).union();
        let others = (column.others() | more).len();
        let mut values: Vec<_> = itemised.into_iter().map(|(value, rows)| (value, rows.len())).collect();
        if let Field::Intrinsic(intrinsic @ (Intrinsic::Status | Intrinsic::Kind)) = field {
            for (value, _) in &mut values {
                name_enum(intrinsic, value);
            }
        }
        Ok(ValuesFacet { values, others })
    }

    /// The numbers of a field in `bins` bins of one width: at most 65,536, and one if all numbers are the same. NaN and infinities
    /// are left out; `status` and `kind` have the numbers that OTLP gives their words.
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn histogram(&self, field: &str, bins: usize) -> Result<Vec<Bin>, FacetError> {
        let field = facet_field(field)?;
        let numbers = self.numbers_of(&field)?;
        let low = numbers.iter().map(|(number, _)| *number).fold(f64::INFINITY, f64::min);
        let high = numbers.iter().map(|(number, _)| *number).fold(f64::NEG_INFINITY, f64::max);
        if numbers.is_empty() || bins == 0 {
            return Ok(Vec::new());
        }
        let bins = if low < high { bins.min(1 << 16) } else { 1 };
        #[allow(clippy::cast_precision_loss, reason = "at most 2^16 bins")]
        let edge = |at: usize| {
            let share = at as f64 / bins as f64;
            if at == bins { high } else { low * (1.0 - share) + high * share }
        };
        let mut found: Vec<Bin> =
            (0..bins).map(|at| Bin { low: edge(at), high: edge(at + 1), count: 0 }).collect();
        for (number, count) in numbers {
            let at = found.partition_point(|bin| bin.low <= number).saturating_sub(1);
            if let Some(bin) = found.get_mut(at) {
                bin.count += count;
            }
        }
        Ok(found)
    }

    /// Quantiles of a field's numbers, each a number that is there: the least that at least such a share does not exceed.
    /// Empty where there are no numbers, as in a field of texts. Which numbers there are is as in [`Self::histogram`].
    ///
    /// # Errors
    /// As [`Self::values`].
    pub fn quantiles(&self, field: &str, shares: &[f64]) -> Result<Vec<f64>, FacetError> {
        let field = facet_field(field)?;
        let mut numbers = self.numbers_of(&field)?;
        numbers.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let total: u64 = numbers.iter().map(|(_, count)| count).sum();
        let mut until = 0;
        let ends: Vec<u64> = numbers
            .iter()
            .map(|(_, count)| {
                until += count;
                until
            })
            .collect();
        let quantile = |share: &f64| {
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rank within the total"
            )]
            let rank = ((share.clamp(0.0, 1.0) * total as f64).ceil() as u64).clamp(1, total.max(1));
            let at = ends.partition_point(|end| *end < rank);
            numbers.get(at).map(|(number, _)| *number)
        };
        Ok(shares.iter().filter_map(quantile).collect())
    }

    fn numbers_of(&self, field: &Field) -> Result<Vec<(f64, u64)>, IndexError> {
        if *field == Field::Intrinsic(Intrinsic::Duration) {
            #[allow(clippy::cast_precision_loss, reason = "a summary in doubles")]
            return Ok(self.times()?.duration.iter().map(|nanos| (*nanos as f64, 1)).collect());
        }
        Ok(self.column(field)?.map(Column::numbers).unwrap_or_default())
    }
}

/// A number whose zero is the one without a sign.
fn unsigned(number: f64) -> f64 {
    if number == 0.0 { 0.0 } else { number }
}

fn facet_field(text: &str) -> Result<Field, QueryError> {
    match read_field(text)? {
        Field::Attribute(Scope::Unscoped, _) => {
            Err(QueryError::new(1, "name the scope of the attribute, as in `span.http.route`"))
        }
        Field::Intrinsic(
            intrinsic @ (Intrinsic::SpanId
            | Intrinsic::ParentId
            | Intrinsic::ChildCount
            | Intrinsic::TraceId
            | Intrinsic::TraceDuration
            | Intrinsic::RootName
            | Intrinsic::RootService),
        ) => {
            let name = Field::Intrinsic(intrinsic).name();
            Err(QueryError::new(1, format!("an index keeps no values of {name}: ask for it in a query")))
        }
        field => Ok(field),
    }
}

/// The commonest durations, of equal counts the shortest first.
fn durations(nanos: &[u64], limit: usize) -> ValuesFacet {
    let mut sorted = nanos.to_vec();
    sorted.sort_unstable();
    let mut runs: Vec<(u64, u64)> = sorted
        .chunk_by(|a, b| a == b)
        .filter_map(|run| run.first().map(|nanos| (*nanos, run.len() as u64)))
        .collect();
    runs.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let more = runs.split_off(limit.min(runs.len()));
    // A duration beyond the integers is one of the others, as any value that is not itemised.
    let mut facet = ValuesFacet { values: Vec::new(), others: more.iter().map(|(_, count)| count).sum() };
    for (nanos, count) in runs {
        match i64::try_from(nanos) {
            Ok(nanos) => facet.values.push((FacetValue::Int(nanos), count)),
            Err(_) => facet.others += count,
        }
    }
    facet
}

fn name_enum(intrinsic: Intrinsic, value: &mut FacetValue) {
    let FacetValue::Int(number) = value else { return };
    let number = i32::try_from(*number).unwrap_or(-1);
    let word = if intrinsic == Intrinsic::Kind {
        crate::SpanKind::new(number).as_str()
    } else {
        crate::StatusCode::new(number).as_str()
    };
    if let Some(word) = word {
        *value = FacetValue::Text(word.to_owned());
    }
}
