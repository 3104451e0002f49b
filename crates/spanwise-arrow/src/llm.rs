//! The columns of LLM traffic: one normalised set across conventions, read by [`spanwise::llm`].

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder};
use arrow_schema::ArrowError;
use spanwise::llm::{LlmKeys, LlmSpan, Requests};
use spanwise::{SpanBatch, SpanRow};

use crate::attributes::Maps;
use crate::request_marks::bits;
use crate::shapes::Shapes;
use crate::text::{EMPTY, Texts};
use crate::views::{Buffers, Pools, Views};
use crate::{Column, Layout};

/// What stands before the keys of `trace_metadata`.
const METADATA: &str = "trace.metadata.";

/// A column in the making.
enum Cells {
    Text(for<'a, 'b> fn(&'b LlmSpan<'a>) -> Option<&'b str>, Views, NullBufferBuilder),
    Count(fn(&LlmSpan<'_>) -> Option<i64>, Vec<i64>, NullBufferBuilder),
    Amount(fn(&LlmSpan<'_>) -> Option<f64>, Vec<f64>, NullBufferBuilder),
    Test(BooleanBufferBuilder),
    /// Known when all spans have been seen.
    Request,
    Metadata(Box<Maps>),
}

impl Cells {
    fn new(pools: &Pools, column: Column, len: usize) -> Option<Self> {
        let nulls = || NullBufferBuilder::new(len);
        let text = |pick| Self::Text(pick, Views::with_capacity(pools, len), nulls());
        let count = |pick| Self::Count(pick, Vec::with_capacity(len), nulls());
        let amount = |pick| Self::Amount(pick, Vec::with_capacity(len), nulls());
        Some(match column {
            Column::LlmModel => text(|span| span.model.as_deref()),
            Column::LlmProvider => text(|span| span.provider.as_deref()),
            Column::LlmOperation => text(|span| span.operation.as_deref()),
            Column::LlmInputTokens => count(|span| span.input_tokens),
            Column::LlmOutputTokens => count(|span| span.output_tokens),
            Column::LlmTotalTokens => count(|span| span.total_tokens),
            Column::LlmInputCostUsd => amount(|span| span.input_cost_usd),
            Column::LlmOutputCostUsd => amount(|span| span.output_cost_usd),
            Column::LlmCostUsd => amount(|span| span.cost_usd),
            Column::LlmFinishReason => text(|span| span.finish_reason.as_deref()),
            Column::UserId => text(|span| span.user_id.as_deref()),
            Column::SessionId => text(|span| span.session_id.as_deref()),
            Column::TraceName => text(|span| span.trace_name.as_deref()),
            Column::GenerationName => text(|span| span.generation_name.as_deref()),
            Column::TraceMetadata => Self::Metadata(Box::new(Maps::new(pools, Layout::Map, len, 0))),
            Column::IsTest => Self::Test(BooleanBufferBuilder::new(len)),
            Column::IsRequest => Self::Request,
            _ => return None,
        })
    }

    fn finish(
        self,
        shapes: &Shapes,
        buffers: &mut Buffers,
        requests: &ArrayRef,
    ) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Text(_, views, mut nulls) => Arc::new(buffers.strings(views, nulls.finish())),
            Self::Count(_, values, mut nulls) => Arc::new(Int64Array::new(values.into(), nulls.finish())),
            Self::Amount(_, values, mut nulls) => Arc::new(Float64Array::new(values.into(), nulls.finish())),
            Self::Test(mut values) => Arc::new(BooleanArray::new(values.finish(), None)),
            Self::Request => Arc::clone(requests),
            Self::Metadata(maps) => maps.finish(shapes, buffers)?,
        })
    }
}

/// The chosen columns of LLM traffic: each span is read once for all of them.
pub(crate) struct Llm {
    keys: LlmKeys,
    cells: Vec<Cells>,
    /// By key id: the view of the key without [`METADATA`], for keys that have it. Empty unless the column is wanted.
    metadata: Vec<Option<u128>>,
    metadata_used: u8,
}

impl Llm {
    /// `columns` may hold others, which are passed over.
    pub(crate) fn new(pools: &Pools, columns: &[Column], texts: &mut Texts<'_>) -> Self {
        let batch: &SpanBatch = texts.batch;
        let cells: Vec<_> =
            columns.iter().filter_map(|column| Cells::new(pools, *column, batch.len())).collect();
        let keys = if cells.is_empty() { LlmKeys::default() } else { LlmKeys::resolve(batch) };
        let mut metadata = Vec::new();
        texts.take_used();
        if cells.iter().any(|cells| matches!(cells, Cells::Metadata(_))) {
            let name = |text| {
                let bytes = batch.stored_bytes(text);
                bytes.strip_prefix(METADATA.as_bytes()).and_then(|rest| std::str::from_utf8(rest).ok())
            };
            metadata = batch.key_texts().map(|text| name(text).map(|name| texts.view_str(name))).collect();
        }
        Self { keys, cells, metadata, metadata_used: texts.take_used() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether [`Column::IsRequest`] is wanted.
    pub(crate) fn tells_requests(&self) -> bool {
        self.cells.iter().any(|cells| matches!(cells, Cells::Request))
    }

    /// Appends the cells of some spans, the first of which is the batch's span number `first`, and adds them to `requests`.
    pub(crate) fn append(
        &mut self,
        texts: &mut Texts<'_>,
        first: usize,
        rows: &[SpanRow],
        mut requests: Option<&mut Requests>,
    ) {
        let batch = texts.batch;
        for (row, span) in rows.iter().zip(batch.spans().skip(first)) {
            let read = self.keys.read(span);
            if let Some(requests) = &mut requests {
                requests.add(span, &read);
            }
            for cells in &mut self.cells {
                match cells {
                    Cells::Text(pick, views, nulls) => {
                        let text = pick(&read);
                        views.data.push(text.map_or(EMPTY, |text| texts.view_str(text)));
                        nulls.append(text.is_some());
                    }
                    Cells::Count(pick, values, nulls) => {
                        let value = pick(&read);
                        values.push(value.unwrap_or_default());
                        nulls.append(value.is_some());
                    }
                    Cells::Amount(pick, values, nulls) => {
                        let value = pick(&read);
                        values.push(value.unwrap_or_default());
                        nulls.append(value.is_some());
                    }
                    Cells::Test(values) => values.append(read.is_test),
                    Cells::Request => {}
                    Cells::Metadata(maps) => maps.push_some(texts, row.attributes, &self.metadata),
                }
            }
        }
        let used = texts.take_used();
        for cells in &mut self.cells {
            match cells {
                Cells::Text(_, views, _) => views.used |= used,
                Cells::Metadata(maps) => maps.note_used(used, self.metadata_used),
                _ => {}
            }
        }
    }

    pub(crate) fn views(&mut self, visit: &mut dyn FnMut(&mut Views)) {
        for cells in &mut self.cells {
            match cells {
                Cells::Text(_, views, _) => visit(views),
                Cells::Metadata(maps) => maps.views(visit),
                _ => {}
            }
        }
    }

    /// The arrays. Without `requests`, which spans stand for a request is not settled.
    pub(crate) fn finish(
        self,
        len: usize,
        shapes: &Shapes,
        buffers: &mut Buffers,
        requests: Option<&Requests>,
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let requests = match requests {
            Some(requests) => marks(len, requests.counted()),
            None if self.tells_requests() => marks(len, []),
            None => marks(0, []),
        };
        self.cells.into_iter().map(|cells| cells.finish(shapes, buffers, &requests)).collect()
    }
}

/// A column of `len` rows that is true in some.
pub(crate) fn marks(len: usize, rows: impl IntoIterator<Item = usize>) -> ArrayRef {
    Arc::new(BooleanArray::new(bits(len, rows), None))
}
