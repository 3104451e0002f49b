//! The same from an index: only the blocks that hold a span to be shown are read, and those that the index cannot tell of.

use spanwise_io::{IndexFileError, SpanIndex};

use super::rows::Shape;
use super::{Finder, LeftOut, Part, Stop};
use crate::index::gather;
use crate::reading::Portion;

/// Asks the indexes, one after the other if each span can be judged by itself. Otherwise, and where there are other sources,
/// one is made of all.
pub(super) fn run(
    finder: &mut Finder,
    portions: Vec<Portion>,
    singly: bool,
    take: &mut dyn FnMut(Part) -> Result<(), Stop>,
    unreadable: &mut dyn FnMut(usize, String),
) -> Result<(), Stop> {
    let indexes_alone = portions.iter().all(|portion| matches!(portion, Portion::Index(..)));
    let apart = singly && indexes_alone || portions.len() == 1;
    let groups: Vec<Vec<Portion>> =
        if apart { portions.into_iter().map(|portion| vec![portion]).collect() } else { vec![portions] };
    for group in groups {
        let first = match group.first() {
            Some(Portion::Index(input, _)) => *input,
            Some(Portion::Sources(reading)) => reading.sources().next().map_or(0, |(input, _)| input),
            None => 0,
        };
        let index = gather(group, true, unreadable);
        let left_out = LeftOut::of_index(&index);
        take(Part { read: false, matched: 0, found: Ok(Vec::new()), left_out })?;
        match finder.in_index(&index, take) {
            Ok(answered) => answered?,
            Err(error) => unreadable(first, error.to_string()),
        }
    }
    Ok(())
}

impl Finder {
    fn in_index(
        &mut self,
        index: &SpanIndex,
        take: &mut dyn FnMut(Part) -> Result<(), Stop>,
    ) -> Result<Result<(), Stop>, IndexFileError> {
        let rows = index.run(&self.query)?;
        let part = |read, matched, found| Part { read, matched, found, left_out: LeftOut::default() };
        let answered = matches!(self.shape, Shape::Count) || rows.is_empty();
        let mut taken = take(part(answered && !index.index().is_empty(), rows.len(), Ok(Vec::new())));
        if answered {
            return Ok(taken);
        }
        let first = index.first(&rows, self.order, self.limit)?;
        // The printer puts them in order.
        for rows in index.by_batch(first)? {
            if taken.is_err() {
                break;
            }
            let batch = index.batch(rows.number)?;
            let here: Vec<u32> = rows.spans.iter().map(|(span, _)| *span).collect();
            taken = take(part(true, 0, self.shape.render(&batch, &here, self.order)));
        }
        Ok(taken)
    }
}
