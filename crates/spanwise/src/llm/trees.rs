//! Which spans of trees stand for a request, from what each of them says and where it stands.

use super::models::Models;
use super::usage::{Below, Standing, Usage};

/// The parent of a span that has none.
pub(super) const NO_PLACE: u32 = u32::MAX;

/// What a span says of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Says {
    Nothing,
    /// Runs a tool.
    Tool,
    /// Names a model and carries no usage.
    Model,
    /// The same, and is a call of it.
    Call,
    /// The same, and is the run of an agent.
    Run,
    Usage(Usage),
}

/// What tells of requests below a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Lower {
    #[default]
    Nothing,
    /// A call that names a model and carries no usage.
    Call,
    Usage,
}

/// What becomes of a span.
#[derive(Debug, Default)]
struct State {
    /// What the requests below it carry, if there are any.
    below: Option<Box<Below>>,
    lower: Lower,
    /// It stands for a request, or a span above it does.
    is_told: bool,
    is_request: bool,
}

/// The places of the spans that stand for a request each, in their order. `parents` has the place of each span's parent,
/// without circles.
pub(super) fn requests(
    parents: &[u32],
    says: impl Fn(usize) -> Says,
    models: &Models,
) -> impl Iterator<Item = usize> {
    let order = children_first(parents);
    let parent = |place: u32| parents.get(place as usize).map_or(NO_PLACE, |parent| *parent) as usize;
    let mut states: Vec<State> = parents.iter().map(|_| State::default()).collect();
    let mut standing = Standing::new(parents.len());
    for place in &order {
        let Some(state) = states.get_mut(*place as usize) else { continue };
        let mut below = state.below.take();
        if below.is_some() {
            state.lower = Lower::Usage;
        }
        let is_call = matches!(says(*place as usize), Says::Call);
        let here = if is_call { state.lower.max(Lower::Call) } else { state.lower };
        match (says(*place as usize), &mut below) {
            (Says::Usage(usage), _) => {
                below.get_or_insert_default().put_under(*place, usage, models, &mut standing);
            }
            (Says::Tool, Some(below)) => below.put_in_tool(&mut standing),
            _ => {}
        }
        let Some(above) = states.get_mut(parent(*place)) else { continue };
        above.lower = above.lower.max(here);
        if let Some(below) = below {
            match &mut above.below {
                Some(others) => others.add_all(*below, &mut standing),
                none => *none = Some(below),
            }
        }
    }
    for place in order.iter().rev() {
        let is_told_above = states.get(parent(*place)).is_some_and(|above| above.is_told);
        let Some(state) = states.get_mut(*place as usize) else { continue };
        state.is_request = match says(*place as usize) {
            Says::Usage(_) => standing.stands(*place),
            Says::Model | Says::Call => state.lower < Lower::Usage && !is_told_above,
            // How many calls there were does not depend on whether they say what they took.
            Says::Run => state.lower == Lower::Nothing && !is_told_above,
            Says::Nothing | Says::Tool => false,
        };
        state.is_told = state.is_request || is_told_above;
    }
    states.into_iter().enumerate().filter_map(|(place, state)| state.is_request.then_some(place))
}

/// Takes one span of each circle of parents for a root.
pub(super) fn cut_circles(parents: &mut [u32]) {
    let mut walks = vec![0u32; parents.len()];
    for (start, walk) in (0..parents.len()).zip(1..) {
        let (mut at, mut last) = (start, None);
        // Upwards to a root, or to a span that was walked over before.
        while let Some(walked) = walks.get_mut(at).filter(|walked| **walked == 0) {
            *walked = walk;
            last = Some(at);
            at = parents.get(at).map_or(NO_PLACE, |parent| *parent) as usize;
        }
        if walks.get(at) == Some(&walk)
            && let Some(parent) = last.and_then(|last| parents.get_mut(last))
        {
            *parent = NO_PLACE;
        }
    }
}

/// All places, each behind those below it, and soon behind the last of them. There are no circles.
fn children_first(parents: &[u32]) -> Vec<u32> {
    let mut children = vec![0u32; parents.len()];
    for parent in parents {
        if let Some(children) = children.get_mut(*parent as usize) {
            *children += 1;
        }
    }
    let leaves: Vec<u32> =
        (0..).zip(&children).filter_map(|(place, children)| (*children == 0).then_some(place)).collect();
    let mut order = Vec::with_capacity(parents.len());
    for leaf in leaves {
        let mut next = Some(leaf);
        while let Some(place) = next {
            order.push(place);
            let parent = parents.get(place as usize).copied().unwrap_or(NO_PLACE);
            next = children.get_mut(parent as usize).and_then(|children| {
                *children -= 1;
                (*children == 0).then_some(parent)
            });
        }
    }
    order
}
