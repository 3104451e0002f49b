//! [`RequestMarks`]: which rows stand for a request, where that was told before there were rows.
//!
//! Which spans do is known when all have been seen. Who cannot hold all record batches until then reads twice: first for the
//! requests alone, then for the rows. Rows are known by their numbers, so that converters on several threads need not know of it:
//! whoever gets their record batches in order puts the marks in.

use std::collections::VecDeque;
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
/// use spanwise_arrow::{ArrowOptions, Converter, RequestMarks, Telling};
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
/// let mut converter = Converter::new(&options)?.telling(Telling::Later);
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
    /// As they were told, without those whose rows are all marked: what goes on for ever holds what is ahead.
    marks: VecDeque<BooleanBuffer>,
    /// The row that the first of them begins with.
    first: usize,
    /// Marks of all rows, those that are gone included.
    told: usize,
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
        let (column, schema) = (converter.place(Column::IsRequest), converter.schema().clone());
        let mut marks = Self { marks: VecDeque::new(), first: 0, told: 0, next: 0, column, schema };
        marks.extend(requests);
        marks
    }

    /// Adds the marks of rows behind these: of spans that are too many to be told together, or came later. Of settled spans it has
    /// none, as [`new`](Self::new).
    ///
    /// ```
    /// use spanwise::llm::Requests;
    /// use spanwise_arrow::{ArrowOptions, Converter, RequestMarks, Telling};
    /// let batch = spanwise::decode(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}]}"#)?;
    /// let mut requests = Requests::default();
    /// requests.add_batch(&batch);
    /// let mut converter = Converter::new(&ArrowOptions { llm: true, ..ArrowOptions::default() })?.telling(Telling::Later);
    /// let mut marks = RequestMarks::new(&requests, &converter);
    /// marks.extend(&requests);
    /// marks.mark(converter.convert(&batch)?)?;
    /// marks.pass_over(2);
    /// marks.finish()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extend(&mut self, requests: &Requests) {
        self.append(marks(requests, requests.settled()));
    }

    /// Adds the marks as [`extend`](Self::extend) does, and [settles](Requests::settle) them: what comes later says nothing else of these
    /// rows. Takes the time of [`Requests::counted`], so that who goes on for ever has the requests
    /// [keep the last](Requests::keep_last) of their spans; marks are kept until their rows have come.
    ///
    /// ```
    /// use spanwise::llm::Requests;
    /// use spanwise_arrow::{ArrowOptions, Converter, RequestMarks, Telling};
    /// let batch = spanwise::decode(r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{},{}]}]}]}"#)?;
    /// let mut converter = Converter::new(&ArrowOptions { llm: true, ..ArrowOptions::default() })?.telling(Telling::Later);
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
        self.append(marks(requests, first));
    }

    fn append(&mut self, more: BooleanBuffer) {
        self.told += more.len();
        if !more.is_empty() {
            self.marks.push_back(more);
        }
        // Rows may have been passed over before they were told of.
        self.forget();
    }

    /// Lets go of what the rows before the next one were told.
    fn forget(&mut self) {
        while let Some(end) = self.marks.front().map(|marks| self.first + marks.len())
            && end <= self.next
        {
            self.first = end;
            self.marks.pop_front();
        }
    }

    /// Passes over the marks of so many rows, which are left out.
    pub fn pass_over(&mut self, rows: usize) {
        self.next = self.next.saturating_add(rows);
        self.forget();
    }

    /// Puts the marks of the next rows into their column, if they have it.
    ///
    /// # Errors
    /// There are more rows than spans were told of, or they have other columns than those of the converter. No marks are used up
    /// then.
    pub fn mark(&mut self, batch: RecordBatch) -> Result<RecordBatch, ConvertError> {
        same_columns::check(&batch, &self.schema).map_err(ConvertError::Foreign)?;
        let end = self.next.saturating_add(batch.num_rows());
        if end > self.told {
            return Err(ConvertError::Changed { told: self.told, found: end });
        }
        let marked = self.marked(batch)?;
        self.next = end;
        self.forget();
        Ok(marked)
    }

    /// A record batch with the marks of the next rows.
    fn marked(&self, batch: RecordBatch) -> Result<RecordBatch, ConvertError> {
        let rows = batch.num_rows();
        let Some(column) = self.column else { return Ok(batch) };
        let (schema, mut columns, _) = batch.into_parts();
        if let Some(column) = columns.get_mut(column) {
            // Copied, so that a record batch does not keep the marks of all.
            let mut marks = BooleanBufferBuilder::new(rows);
            let mut before = self.next - self.first;
            for told in &self.marks {
                if marks.len() == rows {
                    break;
                }
                let here = told.len().saturating_sub(before).min(rows - marks.len());
                marks.append_buffer(&told.slice(before.min(told.len()), here));
                before = before.saturating_sub(told.len());
            }
            *column = Arc::new(BooleanArray::new(marks.finish(), None));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(ConvertError::Foreign)
    }

    /// Puts the marks into all rows that are left.
    ///
    /// # Errors
    /// As of [`mark`](Self::mark) and [`finish`](Self::finish). None is changed then.
    pub fn mark_all(mut self, batches: &mut [RecordBatch]) -> Result<(), ConvertError> {
        let marked = batches.iter().map(|batch| self.mark(batch.clone())).collect::<Result<Vec<_>, _>>()?;
        self.finish()?;
        for (batch, marked) in batches.iter_mut().zip(marked) {
            *batch = marked;
        }
        Ok(())
    }

    /// To be called behind the last rows.
    ///
    /// # Errors
    /// There are fewer rows than spans were told of.
    pub fn finish(&self) -> Result<(), ConvertError> {
        let (told, found) = (self.told, self.next);
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
    use crate::{ArrowOptions, Telling};

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
            let mut converter = Converter::new(&options).unwrap().telling(Telling::Later);
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

    /// Spans that stand for a request each, or for none, in an order that is told by the bits of `pattern`.
    fn spans(pattern: u64, count: usize) -> (spanwise::SpanBatch, Vec<bool>) {
        let request = r#"{"attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"m"}}]}"#;
        let marks: Vec<bool> = (0..count).map(|at| pattern >> (at % 64) & 1 == 1).collect();
        let spans: Vec<_> = marks.iter().map(|mark| if *mark { request } else { "{}" }).collect();
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
        (spanwise::decode(body.into_bytes()).unwrap(), marks)
    }

    #[test]
    fn marks_come_with_their_rows_however_they_are_told_and_are_held_no_longer() {
        let options = ArrowOptions { columns: Some(vec!["is_request".into()]), ..ArrowOptions::default() };
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            state >> 20
        };
        let below = |random: u64, bound: usize| usize::try_from(random % bound as u64).unwrap();
        for _ in 0..200 {
            let mut converter = Converter::new(&options).unwrap().telling(Telling::Later);
            let mut requests = Requests::default();
            let mut marks = RequestMarks::new(&requests, &converter);
            // All that was told, and the rows that came.
            let (mut expected, mut next) = (Vec::new(), 0);
            for _ in 0..30 {
                let count = below(random(), 12);
                match random() % 4 {
                    0 => {
                        let (batch, told) = spans(random(), count);
                        requests.add_batch(&batch);
                        marks.settle(&mut requests);
                        requests.keep_last(3);
                        expected.extend(told);
                    }
                    1 => {
                        let (batch, told) = spans(random(), count);
                        let mut requests = Requests::default();
                        requests.add_batch(&batch);
                        marks.extend(&requests);
                        expected.extend(told);
                    }
                    2 if random() % 4 == 0 => {
                        marks.pass_over(count);
                        next += count;
                    }
                    _ => {
                        let rows = converter.convert(&spans(0, count).0).unwrap();
                        let marked = marks.mark(rows);
                        if let Some(expected) = expected.get(next..next + count) {
                            let marked = marked.unwrap();
                            let column = marked.column(0).as_any().downcast_ref::<BooleanArray>().unwrap();
                            assert!(column.iter().eq(expected.iter().map(|mark| Some(*mark))));
                            next += count;
                        } else {
                            let found = next + count;
                            assert!(matches!(
                                marked,
                                Err(ConvertError::Changed { told, found: error }) if told == expected.len() && error == found
                            ));
                        }
                    }
                }
                assert_eq!(marks.finish().is_ok(), next == expected.len());
                // No more is held than what is ahead, and what was told together with its first.
                let ahead = expected.len().saturating_sub(next);
                let held: usize = marks.marks.iter().map(BooleanBuffer::len).sum();
                assert!(held <= ahead + 11 && marks.marks.len() <= ahead, "{held} of {ahead}");
            }
        }
    }

    #[test]
    fn rows_of_which_there_are_too_few_or_too_many_are_all_left_as_they_were() {
        let options = ArrowOptions { columns: Some(vec!["is_request".into()]), ..ArrowOptions::default() };
        let mut converter = Converter::new(&options).unwrap().telling(Telling::Later);
        let (batch, _) = spans(u64::MAX, 2);
        let mut requests = Requests::default();
        requests.add_batch(&batch);
        requests.add_batch(&batch);
        let rows = converter.convert(&batch).unwrap();
        for count in [0, 1, 3] {
            let mut batches = vec![rows.clone(); count];
            let told = RequestMarks::new(&requests, &converter).mark_all(&mut batches);
            assert!(matches!(told, Err(ConvertError::Changed { told: 4, .. })), "{told:?}");
            assert_eq!(batches, vec![rows.clone(); count]);
        }
    }
}
