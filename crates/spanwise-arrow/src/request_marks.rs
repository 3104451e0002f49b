//! [`RequestMarks`]: which rows stand for a request, where that was told before there were rows.
//!
//! Which spans do is known when all have been seen. Who cannot hold all record batches until then reads twice: first for the
//! requests alone, then for the rows. Rows are known by their numbers, so that converters on several threads need not know of it:
//! whoever gets their record batches in order puts the marks in.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use arrow_schema::SchemaRef;
use spanwise::llm::Requests;

use crate::same_columns;
use crate::{Column, ConvertError, Converter};

/// Of rows that are read again, which stand for a request: a bit for each.
///
/// ```
/// use arrow_array::cast::AsArray as _;
/// use spanwise::llm::Requests;
/// use spanwise_arrow::{ArrowOptions, Converter, RequestMarks};
/// let span = |id: u8, parent: &str| {
///     let attribute = r#"{"key":"gen_ai.usage.input_tokens","value":{"intValue":"9"}}"#;
///     let ids = format!(r#""traceId":"t","spanId":"{id}","parentSpanId":"{parent}""#);
///     format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"attributes":[{attribute}]}}]}}]}}]}}"#)
/// };
/// // The call comes in a batch before that of the agent, which includes it.
/// let batches = [spanwise::decode(span(2, "1"))?, spanwise::decode(span(1, ""))?];
/// let mut requests = Requests::default();
/// batches.iter().for_each(|batch| requests.add_batch(batch));
///
/// let options = ArrowOptions { columns: Some(vec!["is_request".into()]), ..ArrowOptions::default() };
/// let mut converter = Converter::new(&options)?.marked_later();
/// let mut marks = RequestMarks::new(&requests, &converter);
/// for (batch, expected) in batches.iter().zip([false, true]) {
///     let rows = marks.mark(converter.convert(batch)?)?;
///     assert_eq!(rows.column(0).as_boolean().value(0), expected);
/// }
/// marks.finish()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RequestMarks {
    marks: BooleanBuffer,
    /// The row that is next.
    next: usize,
    /// The place of the column.
    column: Option<usize>,
    /// Of the record batches.
    schema: SchemaRef,
}

impl RequestMarks {
    /// What `requests` say, for record batches with the columns of `converter`: of all spans but those that are
    /// [settled](Requests::settle), which had rows before. Takes the time of [`Requests::counted`].
    pub fn new(requests: &Requests, converter: &Converter) -> Self {
        let marks = marks(requests, requests.settled());
        let (column, schema) = (converter.place(Column::IsRequest), converter.schema().clone());
        Self { marks, next: 0, column, schema }
    }

    /// Adds the marks of rows behind these: of spans that are too many to be told together, or came later. Of settled spans it has
    /// none, as [`new`](Self::new).
    ///
    /// ```
    /// use spanwise::llm::Requests;
    /// use spanwise_arrow::{ArrowOptions, Converter, RequestMarks};
    /// let batch = spanwise::decode(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}]}"#)?;
    /// let mut requests = Requests::default();
    /// requests.add_batch(&batch);
    /// let mut converter = Converter::new(&ArrowOptions { llm: true, ..ArrowOptions::default() })?.marked_later();
    /// let mut marks = RequestMarks::new(&requests, &converter);
    /// marks.extend(&requests);
    /// marks.mark(converter.convert(&batch)?)?;
    /// marks.pass_over(2);
    /// marks.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extend(&mut self, requests: &Requests) {
        self.append(&marks(requests, requests.settled()));
    }

    /// Adds the marks as [`extend`](Self::extend) does, and [settles](Requests::settle) them: what comes later says nothing else of these
    /// rows.
    ///
    /// ```
    /// use spanwise::llm::Requests;
    /// use spanwise_arrow::{ArrowOptions, Converter, RequestMarks};
    /// let batch = spanwise::decode(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}]}"#)?;
    /// let mut converter = Converter::new(&ArrowOptions { llm: true, ..ArrowOptions::default() })?.marked_later();
    /// let mut requests = Requests::default();
    /// let mut marks = RequestMarks::new(&requests, &converter);
    /// for _ in 0..2 {
    ///     requests.add_batch(&batch);
    ///     marks.settle(&mut requests);
    ///     marks.mark(converter.convert(&batch)?)?;
    /// }
    /// marks.finish()?;
    /// assert_eq!(requests.settled(), 4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn settle(&mut self, requests: &mut Requests) {
        let first = requests.settled();
        requests.settle();
        self.append(&marks(requests, first));
    }

    fn append(&mut self, more: &BooleanBuffer) {
        let mut all = BooleanBufferBuilder::new(self.marks.len() + more.len());
        all.append_buffer(&self.marks);
        all.append_buffer(more);
        self.marks = all.finish();
    }

    /// Passes over the marks of so many rows, which are left out.
    pub fn pass_over(&mut self, rows: usize) {
        self.next = self.next.saturating_add(rows);
    }

    /// Puts the marks of the next rows into their column, if they have it.
    ///
    /// # Errors
    /// There are more rows than spans were told of, or they have other columns than those of the converter. No marks are used up
    /// then.
    pub fn mark(&mut self, batch: RecordBatch) -> Result<RecordBatch, ConvertError> {
        same_columns::check(&batch, &self.schema).map_err(ConvertError::Foreign)?;
        let (first, rows) = (self.next, batch.num_rows());
        let end = first.saturating_add(rows);
        if end > self.marks.len() {
            return Err(ConvertError::Changed { told: self.marks.len(), found: end });
        }
        let marked = self.marked(batch, first)?;
        self.next = end;
        Ok(marked)
    }

    /// A record batch with the marks from the row `first` on.
    fn marked(&self, batch: RecordBatch, first: usize) -> Result<RecordBatch, ConvertError> {
        let rows = batch.num_rows();
        let Some(column) = self.column else { return Ok(batch) };
        let (schema, mut columns, _) = batch.into_parts();
        if let Some(column) = columns.get_mut(column) {
            // Copied, so that a record batch does not keep the marks of all.
            let marks = BooleanBuffer::collect_bool(rows, |row| self.marks.value(first + row));
            *column = Arc::new(BooleanArray::new(marks, None));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(ConvertError::Foreign)
    }

    /// Puts the marks into all rows that are left.
    ///
    /// # Errors
    /// As of [`mark`](Self::mark) and [`finish`](Self::finish).
    pub fn mark_all(mut self, batches: &mut [RecordBatch]) -> Result<(), ConvertError> {
        for batch in batches {
            *batch = self.mark(batch.clone())?;
        }
        self.finish()
    }

    /// To be called behind the last rows.
    ///
    /// # Errors
    /// There are fewer rows than spans were told of.
    pub fn finish(&self) -> Result<(), ConvertError> {
        let (told, found) = (self.marks.len(), self.next);
        if found == told { Ok(()) } else { Err(ConvertError::Changed { told, found }) }
    }
}

/// A bit for each span from the first of these on.
fn marks(requests: &Requests, first: usize) -> BooleanBuffer {
    bits(requests.spans() - first, requests.counted().filter_map(|place| place.checked_sub(first)))
}

/// So many bits, of which these are set.
pub(crate) fn bits(len: usize, set: impl IntoIterator<Item = usize>) -> BooleanBuffer {
    let mut bits = BooleanBufferBuilder::new(len);
    bits.append_n(len, false);
    for bit in set {
        bits.set_bit(bit, true);
    }
    bits.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ArrowOptions;

    #[test]
    fn another_number_of_rows_is_an_error() {
        let of = |spans: usize| {
            let spans = vec!["{}"; spans].join(",");
            let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
            spanwise::decode(body.into_bytes()).unwrap()
        };
        let mut requests = Requests::default();
        requests.add_batch(&of(5));
        for names in [vec!["name".into(), "is_request".into()], vec!["name".into()], vec![]] {
            let options = ArrowOptions { columns: Some(names), ..ArrowOptions::default() };
            let mut converter = Converter::new(&options).unwrap().marked_later();
            let mut rows = |spans| converter.convert(&of(spans)).unwrap();
            let (two, three) = (rows(2), rows(3));
            let mut marks = RequestMarks::new(&requests, &converter);
            assert_eq!(marks.mark(two.clone()).unwrap(), two);
            let few = marks.clone().finish().unwrap_err();
            assert!(matches!(few, ConvertError::Changed { told: 5, found: 2 }), "{few}");
            assert_eq!(marks.mark(three).unwrap().num_rows(), 3);
            marks.finish().unwrap();
            let more = marks.mark(two).unwrap_err();
            assert!(matches!(more, ConvertError::Changed { told: 5, found: 7 }), "{more}");
        }
    }
}
