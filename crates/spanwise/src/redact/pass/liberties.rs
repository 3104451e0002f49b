//! Where decoding took liberties: the bytes there are not what the tables say.

use std::ops::Range;

use crate::batch::SpanBatch;
use crate::diagnostic::Code;

/// See the module's head.
pub(super) enum Liberties {
    /// At these offsets, in order.
    At(Vec<usize>),
    /// There were more findings than are kept, or some where places are not.
    Everywhere,
}

impl Liberties {
    pub(super) fn of(batch: &SpanBatch) -> Self {
        // What was put round a part of a document is no more to be trusted, and where in it the liberty was is not kept.
        if batch.log.dropped() > 0 || batch.log.codes_of_others().iter().any(|code| is_liberty(*code)) {
            return Self::Everywhere;
        }
        let mut offsets: Vec<usize> =
            batch.log.findings().filter(|(code, _)| is_liberty(*code)).map(|(_, offset)| offset).collect();
        offsets.sort_unstable();
        Self::At(offsets)
    }

    /// Whether there is one in these bytes.
    pub(super) fn any_in(&self, range: &Range<usize>) -> bool {
        match self {
            Self::Everywhere => true,
            Self::At(offsets) => {
                let next = offsets.partition_point(|offset| *offset < range.start);
                offsets.get(next).is_some_and(|offset| *offset <= range.end)
            }
        }
    }
}

/// Whether a finding means that a reader that goes by the letter would read something else than the tables hold, or
/// nothing at all. The others are of what any reader ignores or takes as it is.
fn is_liberty(code: Code) -> bool {
    !matches!(
        code,
        Code::UnknownMember
            | Code::DuplicateKey
            | Code::OtherSignal
            | Code::NoKnownField
            | Code::SpanNameEmpty
            | Code::EndBeforeStart
            | Code::EntityRefType
            | Code::TraceIdEmpty
            | Code::SpanIdEmpty
            | Code::TraceIdZero
            | Code::SpanIdZero
            | Code::AttributeKeyEmpty
            | Code::StringIndex
            | Code::ConcatenatedDocuments
            | Code::BlankLine
            | Code::MixedSignals
    )
}
