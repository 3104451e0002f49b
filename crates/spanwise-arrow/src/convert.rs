//! [`Converter`]: batches in, record batches out.
//!
//! Columns are built side by side, some hundred spans at a time: so the spans' rows, and the text that views look at, are
//! still in the cache when the next column reads them.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use spanwise::llm::Requests;
use spanwise::{Projection, SpanBatch, SpanRow};

use crate::attributes::SpanAttributes;
use crate::column::{Column, promoted};
use crate::key_views::KeyViews;
use crate::list::{Events, Links};
use crate::llm::Llm;
use crate::promote::{Promoted, is_of_list, promoted_places};
use crate::same_columns;
use crate::scalar::{CountColumn, DurationColumn, IdColumn, TextColumn, TimeColumn, WordColumn};
use crate::scope::{Owner, OwnerAttributes, ScopeText, ServiceName};
use crate::shapes::Shapes;
use crate::text::{BUILT, Texts};
use crate::views::{Buffers, Compactor, Pools, Views};
use crate::{ArrowOptions, Compact, ConvertError, Ids, OptionsError, RequestMarks};

/// Spans that all columns take before the first takes more.
const STRIDE: usize = 128;

/// A column in the making.
pub(crate) trait Build {
    /// Appends the cells of some spans.
    fn append(&mut self, texts: &mut Texts<'_>, rows: &[SpanRow]);

    /// Shows all views.
    fn views(&mut self, _visit: &mut dyn FnMut(&mut Views)) {}

    /// The finished column.
    fn finish(self: Box<Self>, shapes: &Shapes, buffers: &mut Buffers) -> Result<ArrayRef, ArrowError>;
}

/// When it is told which spans stand for a request: what [`Column::IsRequest`] says.
///
/// Several spans may tell of one request, and the sums of all of them would count it twice; if they came in two batches, each
/// batch alone would still have one that stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Telling {
    /// Of each batch alone.
    #[default]
    Alone,
    /// Over all batches that the converter is given. The column is false everywhere until [`settle`](Converter::settle), and the
    /// converter keeps 100 to 250 bytes of every span, as [`Requests`] says. Who cannot hold all record batches until then reads
    /// twice: [`RequestMarks`].
    Across,
    /// By [`RequestMarks`], which put it into the column. It is false everywhere until then.
    Later,
}

/// Makes record batches of one schema out of span batches.
///
/// ```
/// use spanwise_arrow::{ArrowOptions, Converter};
/// let mut converter = Converter::new(&ArrowOptions::default())?;
/// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"chat"},{"name":"tool"}]}]}]}"#;
/// let rows = converter.convert(&spanwise::decode(&body[..])?)?;
/// assert_eq!((rows.num_rows(), rows.schema()), (2, converter.schema().clone()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Converter {
    options: ArrowOptions,
    columns: Vec<Column>,
    shapes: Shapes,
    pools: Pools,
    schema: SchemaRef,
    mismatches: Vec<u64>,
    /// Bytes that the last batch had to build: room to make for the next.
    built: usize,
    /// Whether the columns of the last batch let go of its input.
    compacted: bool,
    telling: Telling,
    /// Those of the batches so far, where they are told across.
    requests: Option<Requests>,
}

impl Converter {
    /// A converter with these options.
    ///
    /// # Errors
    /// A column is not known, two have the same name, or an attribute of events or links is promoted.
    pub fn new(options: &ArrowOptions) -> Result<Self, OptionsError> {
        let names = options.names;
        let unknown = |name: &String| {
            let is_promoted = options.promote.iter().any(|promotion| promotion.key == *name);
            let error = if is_promoted { OptionsError::PromotedColumn } else { OptionsError::UnknownColumn };
            error(name.clone())
        };
        let mut columns = match &options.columns {
            None => Column::of_spans().to_vec(),
            Some(chosen) => chosen
                .iter()
                .map(|name| Column::from_name(name, names).ok_or_else(|| unknown(name)))
                .collect::<Result<_, _>>()?,
        };
        if options.llm {
            let missing: Vec<_> =
                Column::of_llm().iter().filter(|column| !columns.contains(column)).collect();
            columns.extend(missing);
        }
        if let Some(promotion) = options.promote.iter().find(|promotion| is_of_list(&promotion.key)) {
            return Err(OptionsError::UnknownPlace(promotion.key.clone()));
        }
        let shapes = Shapes::new(options);
        let own = columns.iter().map(|column| column.field(&shapes, options.ids, names));
        let promoted = options.promote.iter().map(|promotion| promoted(&promotion.key, promotion.to));
        let fields: Vec<_> = own.chain(promoted).collect();
        let mut seen = HashSet::new();
        if let Some(field) = fields.iter().find(|field| !seen.insert(field.name().as_str())) {
            return Err(OptionsError::DuplicateColumn(field.name().clone()));
        }
        Ok(Self {
            options: options.clone(),
            columns,
            shapes,
            pools: Pools::default(),
            schema: Arc::new(Schema::new(fields)),
            mismatches: vec![0; options.promote.len()],
            built: 0,
            compacted: false,
            telling: Telling::default(),
            requests: None,
        })
    }

    /// When [`Column::IsRequest`] is told. Unless it is said, of each batch alone.
    ///
    /// ```
    /// use spanwise_arrow::{ArrowOptions, Converter, Telling};
    /// let of = |llm| Converter::new(&ArrowOptions { llm, ..ArrowOptions::default() });
    /// assert!(of(true)?.telling(Telling::Across).is_across_batches());
    /// assert!(!of(true)?.telling(Telling::Across).telling(Telling::Later).is_across_batches());
    /// // There is nothing to tell.
    /// assert!(!of(false)?.telling(Telling::Across).is_across_batches());
    /// # Ok::<(), spanwise_arrow::OptionsError>(())
    /// ```
    #[must_use]
    pub fn telling(mut self, telling: Telling) -> Self {
        self.telling = telling;
        self
    }

    /// Whether there is the column [`Column::IsRequest`].
    pub fn tells_requests(&self) -> bool {
        self.columns.contains(&Column::IsRequest)
    }

    /// The place of a column.
    pub(crate) fn place(&self, column: Column) -> Option<usize> {
        self.columns.iter().position(|own| *own == column)
    }

    /// Whether requests are told over all batches: [`Telling::Across`] was asked for, and there is a column that tells of it.
    /// Then one converter must be given all batches in their order.
    pub fn is_across_batches(&self) -> bool {
        self.telling == Telling::Across && self.tells_requests()
    }

    /// Says in all record batches that this converter has made, given in their order, which spans stand for a request.
    ///
    /// # Errors
    /// These are not the record batches of this converter: they have other columns, or another number of rows. None is changed
    /// then, and they may be settled yet.
    pub fn settle(&mut self, batches: &mut [RecordBatch]) -> Result<(), ConvertError> {
        if !self.is_across_batches() {
            return Ok(());
        }
        for batch in &*batches {
            same_columns::check(batch, &self.schema).map_err(ConvertError::Foreign)?;
        }
        let found: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let made = self.told();
        if found != made {
            let message = format!("{found} rows, not the {made} that were converted");
            return Err(ConvertError::Foreign(ArrowError::InvalidArgumentError(message)));
        }
        let Some(requests) = self.requests.take() else { return Ok(()) };
        RequestMarks::new(&requests, self).mark_all(batches)
    }

    /// The schema of all record batches that this converter makes.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// For each promoted column, in order: its key as given, and how many attributes were there with a value that is not of
    /// its type (null in the column), in all batches so far.
    pub fn mismatches(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.options.promote.iter().zip(&self.mismatches).map(|(promotion, count)| (&*promotion.key, *count))
    }

    /// The counts of [`mismatches`](Self::mismatches), which begin anew: for whoever adds up what several converters found.
    pub fn take_mismatches(&mut self) -> Vec<u64> {
        let none = vec![0; self.mismatches.len()];
        std::mem::replace(&mut self.mismatches, none)
    }

    /// Of the spans of a batch at these places, how many values of each promoted column are of another type, in the order of
    /// [`mismatches`](Self::mismatches): for whoever picks some rows of what was converted.
    ///
    /// ```
    /// use spanwise_arrow::{ArrowOptions, Converter, PromotedType, Promotion};
    /// let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":{"boolValue":true}}]},{}]}]}]}"#;
    /// let promote = vec![Promotion::new("k", PromotedType::Int64)];
    /// let converter = Converter::new(&ArrowOptions { promote, ..ArrowOptions::default() })?;
    /// let batch = spanwise::decode(&body[..])?;
    /// assert_eq!((converter.mismatches_among(&batch, &[0, 1]), converter.mismatches_among(&batch, &[1])), (vec![1], vec![0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mismatches_among(&self, batch: &SpanBatch, spans: &[usize]) -> Vec<u64> {
        let mut texts = Texts::new(batch, Vec::new());
        let mut promoted = Promoted::new(&self.pools, &self.options.promote, batch);
        for row in spans.iter().filter_map(|span| batch.span_rows().get(*span)) {
            promoted.append(&mut texts, std::slice::from_ref(row));
        }
        promoted.mismatches().collect()
    }

    /// What a decoder must keep for these columns.
    ///
    /// ```
    /// use spanwise::Projection;
    /// use spanwise_arrow::{ArrowOptions, Converter};
    /// let options = ArrowOptions { columns: Some(vec!["name".into(), "events".into()]), ..ArrowOptions::default() };
    /// let wanted = Converter::new(&options)?.projection();
    /// assert_eq!(wanted, Projection { events: true, ..Projection::NONE });
    /// # Ok::<(), spanwise_arrow::OptionsError>(())
    /// ```
    pub fn projection(&self) -> Projection {
        // What LLM columns are made of stands in any list.
        if self.columns.iter().any(|column| column.is_llm()) {
            return Projection::ALL;
        }
        let has = |column| self.columns.contains(&column);
        let [spans, scopes, resources] = promoted_places(&self.options.promote);
        Projection {
            resource_attributes: has(Column::ResourceAttributes) || has(Column::ServiceName) || resources,
            scope_attributes: has(Column::ScopeAttributes) || scopes,
            span_attributes: has(Column::Attributes) || spans,
            events: has(Column::Events),
            links: has(Column::Links),
        }
    }

    /// The columns of a batch, which keeps its tables. Its arena, where columns refer to it, is copied.
    ///
    /// # Errors
    /// The batch is too large for one record batch.
    pub fn convert(&mut self, batch: &SpanBatch) -> Result<RecordBatch, ConvertError> {
        let before = self.told();
        let made = self.build(batch).and_then(|built| self.finish(batch, None, built));
        self.with_requests(before, made)
    }

    /// The columns of a batch, which gives its arena away: no copy is made of it.
    ///
    /// # Errors
    /// The batch is too large for one record batch.
    pub fn convert_owned(&mut self, mut batch: SpanBatch) -> Result<RecordBatch, ConvertError> {
        let before = self.told();
        let made = self.build(&batch).and_then(|built| {
            let arena = batch.take_arena();
            self.finish(&batch, Some(arena), built)
        });
        self.with_requests(before, made)
    }

    /// How many spans [`settle`](Self::settle) will tell of.
    fn told(&self) -> usize {
        self.requests.as_ref().map_or(0, Requests::spans)
    }

    /// Of a batch that became no columns nothing is left to be settled.
    fn with_requests(
        &mut self,
        before: usize,
        made: Result<RecordBatch, ConvertError>,
    ) -> Result<RecordBatch, ConvertError> {
        if let (Err(_), Some(requests)) = (&made, &mut self.requests) {
            requests.truncate(before);
        }
        made
    }

    fn build(&mut self, batch: &SpanBatch) -> Result<Built, ConvertError> {
        let mut texts = Texts::new(batch, self.pools.text.take(self.built.min(batch.input().len())));
        let maps = [
            Column::Attributes,
            Column::ResourceAttributes,
            Column::ScopeAttributes,
            Column::Events,
            Column::Links,
            Column::TraceMetadata,
        ];
        // What the last batch did is what this one will want to do; if not, it copied for nothing.
        let copying = match self.options.compact {
            Compact::Auto => self.compacted,
            Compact::Always => true,
            Compact::Never => false,
        };
        if self.columns.iter().any(|column| maps.contains(column)) {
            texts.copying = copying;
            texts.keys = KeyViews::of(&mut texts);
        }
        let own = self.columns.iter().filter_map(|column| self.column(*column, &texts));
        let mut columns: Vec<_> = own.collect();
        let mut llm = Llm::new(&self.pools, &self.columns, &mut texts);
        let mut promoted = Promoted::new(&self.pools, &self.options.promote, batch);
        let mut alone = None;
        let requests = match self.telling {
            Telling::Alone => Some(&mut alone),
            Telling::Across => Some(&mut self.requests),
            Telling::Later => None,
        };
        let requests = requests.filter(|_| llm.tells_requests());
        let mut requests = requests.map(Option::get_or_insert_default);
        for (stride, rows) in batch.span_rows().chunks(STRIDE).enumerate() {
            texts.copying = copying;
            for column in &mut columns {
                column.append(&mut texts, rows);
            }
            // These may ask for a text of a resource again for each of its scopes.
            texts.copying = false;
            if !llm.is_empty() {
                llm.append(&mut texts, stride * STRIDE, rows, requests.as_deref_mut());
            }
            if !self.options.promote.is_empty() {
                promoted.append(&mut texts, rows);
            }
        }
        let mut used = 0;
        let mut note = |views: &mut Views| used |= views.used;
        for column in &mut columns {
            column.views(&mut note);
        }
        llm.views(&mut note);
        promoted.views(&mut note);
        let compact = Compactor::wanted(&texts, self.options.compact);
        self.compacted = compact;
        if (compact || copying) && used & !(1 << BUILT) != 0 {
            let mut compactor = Compactor::new(&mut texts);
            let mut result = Ok(());
            let mut compact = |views: &mut Views| {
                if result.is_ok() {
                    result = compactor.compact(views);
                }
            };
            for column in &mut columns {
                column.views(&mut compact);
            }
            llm.views(&mut compact);
            promoted.views(&mut compact);
            result?;
            used = 1 << BUILT;
        }
        if texts.too_large {
            return Err(ConvertError::TooLarge);
        }
        Ok(Built { columns, llm, alone, promoted, texts: texts.built, used })
    }

    fn finish(
        &mut self,
        batch: &SpanBatch,
        arena: Option<Vec<u8>>,
        built: Built,
    ) -> Result<RecordBatch, ConvertError> {
        self.built = built.texts.len() + built.texts.len() / 8;
        let mut buffers = Buffers::new(&self.pools, batch, arena, built.texts, built.used);
        let mut own = Vec::with_capacity(built.columns.len());
        for column in built.columns {
            own.push(column.finish(&self.shapes, &mut buffers)?);
        }
        let llm = built.llm.finish(batch.len(), &self.shapes, &mut buffers, built.alone.as_ref())?;
        let (mut own, mut llm) = (own.into_iter(), llm.into_iter());
        let next = |column: &Column| if column.is_llm() { llm.next() } else { own.next() };
        let mut arrays: Vec<_> = self.columns.iter().filter_map(next).collect();
        built.promoted.finish(&mut buffers, &mut arrays, &mut self.mismatches);
        // Says how many rows there are even where no column was chosen.
        let options = RecordBatchOptions::new().with_row_count(Some(batch.len()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }

    /// The column in the making; `None` for those of LLM traffic, which [`Llm`] builds together.
    fn column(&self, column: Column, texts: &Texts<'_>) -> Option<Box<dyn Build>> {
        let batch = texts.batch;
        let len = batch.len();
        let ArrowOptions { layout, ids, .. } = self.options;
        let pools = &self.pools;
        Some(match column {
            Column::TraceId => match ids {
                Ids::Text => Box::new(TextColumn::new(pools, len, |row: &SpanRow| row.trace_id.text)),
                Ids::Binary => Box::new(IdColumn::new(len, |row| &row.trace_id)),
            },
            Column::SpanId => match ids {
                Ids::Text => Box::new(TextColumn::new(pools, len, |row: &SpanRow| row.span_id.text)),
                Ids::Binary => Box::new(IdColumn::new(len, |row| &row.span_id)),
            },
            Column::ParentSpanId => match ids {
                Ids::Text => Box::new(TextColumn::new(pools, len, |row: &SpanRow| row.parent_span_id.text)),
                Ids::Binary => Box::new(IdColumn::new(len, |row| &row.parent_span_id)),
            },
            Column::TraceState => Box::new(TextColumn::new(pools, len, |row: &SpanRow| row.trace_state)),
            Column::Name => Box::new(TextColumn::new(pools, len, |row: &SpanRow| row.name)),
            Column::StatusMessage => {
                Box::new(TextColumn::new(pools, len, |row: &SpanRow| row.status_message))
            }
            Column::Kind => Box::new(WordColumn::new(len, &self.shapes.kinds, |row: &SpanRow| row.kind)),
            Column::StatusCode => {
                Box::new(WordColumn::new(len, &self.shapes.status_codes, |row: &SpanRow| row.status_code))
            }
            Column::StartTime => Box::new(TimeColumn::new(len, |row: &SpanRow| row.start_time_unix_nano)),
            Column::EndTime => Box::new(TimeColumn::new(len, |row: &SpanRow| row.end_time_unix_nano)),
            Column::DurationNs => Box::new(DurationColumn::new(len)),
            Column::Flags => Box::new(CountColumn::new(len, |row: &SpanRow| row.flags)),
            Column::DroppedAttributesCount => {
                Box::new(CountColumn::new(len, |row: &SpanRow| row.dropped_attributes_count))
            }
            Column::DroppedEventsCount => {
                Box::new(CountColumn::new(len, |row: &SpanRow| row.dropped_events_count))
            }
            Column::DroppedLinksCount => {
                Box::new(CountColumn::new(len, |row: &SpanRow| row.dropped_links_count))
            }
            Column::ServiceName => Box::new(ServiceName::new(pools, texts, len)),
            Column::ScopeName => Box::new(ScopeText::new(pools, len, |scope| scope.name)),
            Column::ScopeVersion => Box::new(ScopeText::new(pools, len, |scope| scope.version)),
            Column::ResourceAttributes => {
                Box::new(OwnerAttributes::new(pools, layout, Owner::Resource, batch))
            }
            Column::ScopeAttributes => Box::new(OwnerAttributes::new(pools, layout, Owner::Scope, batch)),
            Column::Attributes => {
                Box::new(SpanAttributes::new(pools, layout, len, batch.attribute_rows().len()))
            }
            Column::Events => Box::new(Events::new(pools, layout, batch)),
            Column::Links => Box::new(Links::new(pools, layout, ids, batch)),
            _ => return None,
        })
    }
}

/// What is built of a batch before its buffers are final.
struct Built {
    columns: Vec<Box<dyn Build>>,
    llm: Llm,
    /// The requests of this batch, where it is told of alone.
    alone: Option<Requests>,
    promoted: Promoted,
    texts: Vec<u8>,
    used: u8,
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray as _;

    use super::*;

    #[test]
    fn a_batch_that_is_too_large_leaves_nothing_to_settle() {
        // Each span is a request of its own, and has so many attributes.
        let batch = |ids: std::ops::Range<usize>, attributes: usize| {
            let mut all = r#"{"key":"gen_ai.request.model","value":{"stringValue":"heron"}}"#.to_owned();
            all.extend((1..attributes).map(|key| format!(r#",{{"key":"k{key}"}}"#)));
            let span = |id| format!(r#"{{"traceId":"t","spanId":"s{id}","attributes":[{all}]}}"#);
            let spans: Vec<_> = ids.map(span).collect();
            let body =
                format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
            spanwise::decode(body.into_bytes()).unwrap()
        };
        let columns = vec!["is_request".into(), "attributes".into()];
        let options = ArrowOptions { columns: Some(columns), ..ArrowOptions::default() };
        let mut converter = Converter::new(&options).unwrap().telling(Telling::Across);
        for owned in [false, true] {
            let mut convert = |ids, attributes| {
                let batch = batch(ids, attributes);
                if owned { converter.convert_owned(batch) } else { converter.convert(&batch) }
            };
            let mut made = vec![convert(0..3, 1).unwrap()];
            let refused = convert(3..5, 600);
            assert!(matches!(refused, Err(ConvertError::TooLarge)), "{refused:?}");
            // Fewer at once, as the error advises.
            made.extend([3..4, 4..5].map(|ids| convert(ids, 600).unwrap()));
            converter.settle(&mut made).unwrap();
            let marked = |rows: &RecordBatch| rows.column(0).as_boolean().true_count();
            assert_eq!(made.iter().map(marked).collect::<Vec<_>>(), [3, 1, 1]);
        }
    }
}
