//! What spans carry, and which of them stand for it where one above others carries usage as they do.

use super::LlmSpan;
use super::models::{Model, Models, NO_MODEL, OTHER_MODELS};

/// Tokens in, tokens out, tokens in all, US dollars. What was not sent is zero, and zero is as good as not sent.
pub(super) type Amounts = [f64; 4];

/// What a span carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) model: Model,
    /// It is of one call: nothing that tools spent is part of it.
    pub(super) is_call: bool,
    pub(super) amounts: Amounts,
}

/// Tokens and cost of a span.
#[allow(clippy::cast_precision_loss, reason = "sums that are compared")]
pub(super) fn amounts(llm: &LlmSpan<'_>) -> Amounts {
    let tokens = |count: Option<i64>| count.unwrap_or(0).max(0) as f64;
    let cost = |amount: Option<f64>| amount.unwrap_or(0.0).max(0.0);
    let (input, output) = (tokens(llm.input_tokens), tokens(llm.output_tokens));
    // One of both is no sum of them: the other may not have been sent.
    let sum = if input > 0.0 && output > 0.0 { input + output } else { 0.0 };
    [
        input,
        output,
        tokens(llm.total_tokens).max(sum),
        cost(llm.cost_usd).max(cost(llm.input_cost_usd) + cost(llm.output_cost_usd)),
    ]
}

/// Which spans with usage stand for it, so far as is known of those above them.
#[derive(Debug)]
pub(super) struct Standing {
    stands: Vec<bool>,
    /// Spans of a list of those that stand, each with the place of the next.
    next: Vec<u32>,
    /// The same of lists of calls.
    next_call: Vec<u32>,
}

const END: u32 = u32::MAX;

impl Standing {
    pub(super) fn new(spans: usize) -> Self {
        Self { stands: vec![false; spans], next: vec![END; spans], next_call: vec![END; spans] }
    }

    pub(super) fn stands(&self, place: u32) -> bool {
        self.stands.get(place as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, place: u32, stands: bool) {
        if let Some(known) = self.stands.get_mut(place as usize) {
            *known = stands;
        }
    }

    /// Those of a list no longer stand: a span above tells of them, or those below.
    fn unseat(&mut self, list: List) {
        let mut at = Some(list.first);
        while let Some(place) = at {
            self.set(place, false);
            at = list.after(place, &self.next);
        }
    }

    /// Those of a list of calls stand.
    fn seat_calls(&mut self, list: List) {
        let mut at = Some(list.first);
        while let Some(place) = at {
            self.set(place, true);
            at = list.after(place, &self.next_call);
            if let Some(next) = self.next.get_mut(place as usize) {
                *next = at.unwrap_or(END);
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

impl List {
    fn after(self, place: u32, next: &[u32]) -> Option<u32> {
        if place == self.last { None } else { next.get(place as usize).copied().filter(|next| *next != END) }
    }

    /// Puts another list behind this one.
    fn join(&mut self, other: Self, next: &mut [u32]) {
        if let Some(next) = next.get_mut(self.last as usize) {
            *next = other.first;
        }
        self.last = other.last;
    }
}

/// Spans with usage by their model: what they carry, and which they are.
#[derive(Debug, Clone, Default)]
struct Parts(Vec<(Usage, List)>);

/// So many models are told apart below one span; the rest are others, which are none of its.
const MOST_MODELS: usize = 16;

impl Parts {
    fn add(&mut self, usage: Usage, list: List, next: &mut [u32]) {
        let is_full = self.0.len() >= MOST_MODELS;
        let known = self.0.iter_mut().position(|(known, _)| known.model == usage.model);
        match known.or(is_full.then_some(MOST_MODELS - 1)).and_then(|at| self.0.get_mut(at)) {
            Some((known, of_known)) => {
                if known.model != usage.model {
                    known.model = OTHER_MODELS;
                }
                sum(&mut known.amounts, usage.amounts);
                of_known.join(list, next);
            }
            None => self.0.push((usage, list)),
        }
    }

    fn add_all(&mut self, other: Self, next: &mut [u32]) {
        if self.0.is_empty() {
            *self = other;
        } else {
            other.0.into_iter().for_each(|(usage, list)| self.add(usage, list, next));
        }
    }

    fn sum_of(&self, belongs: impl Fn(Model) -> bool) -> Amounts {
        let mut all = [0.0; 4];
        for (part, _) in self.0.iter().filter(|(part, _)| belongs(part.model)) {
            sum(&mut all, part.amounts);
        }
        all
    }

    fn any(&self, is: impl Fn(Model) -> bool) -> bool {
        self.0.iter().any(|(part, _)| is(part.model))
    }
}

/// What is known below a span.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// The spans that stand for requests.
    requests: Parts,
    /// The lowest spans with usage. Between them and what is above there may be sums, and sums of sums.
    calls: Parts,
    /// What some of the calls carry.
    some: Vec<Amounts>,
    /// Something else than the calls stands.
    differs: bool,
    /// How often the calls took the place of what stood.
    changes: u8,
    /// The same of what lies below the running of tools, up to the next span with usage.
    in_tools: Option<Box<Self>>,
}

/// So many calls are known by their figures.
const SOME: usize = 16;

/// So often calls may take the place of what stands: each time they are all gone through.
const MOST_CHANGES: u8 = 16;

/// What becomes of a span and of the requests below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It stands for all of them.
    Above,
    /// It stands for those of its own model, and the others for themselves.
    AboveItsOwn,
    /// They stand, and it does not.
    Below,
    /// The calls stand, and what stood between does not.
    Calls,
    /// All of them stand.
    Both,
}

impl Below {
    fn is_empty(&self) -> bool {
        self.requests.0.is_empty()
    }

    pub(super) fn add_all(&mut self, other: Self, standing: &mut Standing) {
        match (&mut self.in_tools, other.in_tools) {
            (Some(of_these), Some(of_other)) => of_these.add_all(*of_other, standing),
            (none, Some(of_other)) => *none = Some(of_other),
            (_, None) => {}
        }
        self.requests.add_all(other.requests, &mut standing.next);
        self.calls.add_all(other.calls, &mut standing.next_call);
        let room = SOME.saturating_sub(self.some.len());
        self.some.extend(other.some.into_iter().take(room));
        self.differs |= other.differs;
        self.changes = self.changes.max(other.changes);
    }

    /// All of these lie below the running of a tool.
    pub(super) fn put_in_tool(&mut self, standing: &mut Standing) {
        let mut all = std::mem::take(self);
        if let Some(in_tools) = all.in_tools.take() {
            all.add_all(*in_tools, standing);
        }
        self.in_tools = Some(Box::new(all));
    }

    /// Puts a span that carries `usage` above these, and settles which of them stand for what is told. The head of [`super`] has
    /// the rule.
    pub(super) fn put_under(&mut self, place: u32, usage: Usage, models: &Models, standing: &mut Standing) {
        let mut in_tools = self.in_tools.take();
        let beside = self.requests.sum_of(|_| true);
        let is_apart = |tools: &mut Box<Self>| {
            let spent = tools.requests.sum_of(|_| true);
            let mut all = beside;
            sum(&mut all, spent);
            let is_same = |theirs| Figures::of(usage.amounts, theirs).same;
            usage.is_call && !is_same(spent) && !is_same(all)
        };
        let apart = in_tools.take_if(is_apart);
        if let Some(included) = in_tools {
            self.add_all(*included, standing);
        }
        self.settle(place, usage, models, standing);
        if let Some(apart) = apart {
            self.add_all(*apart, standing);
        }
    }

    fn settle(&mut self, place: u32, usage: Usage, models: &Models, standing: &mut Standing) {
        let own = List { first: place, last: place };
        let is_call = self.is_empty();
        if is_call {
            self.calls.add(usage, own, &mut standing.next_call);
            self.some.push(usage.amounts);
        }
        let told = self.told(usage, models);
        let is_its = |model: Model| models.are_one(model, usage.model);
        match told {
            Told::Below => return,
            Told::Calls => {
                self.requests.0.drain(..).for_each(|(_, list)| standing.unseat(list));
                self.calls.0.iter().for_each(|(_, list)| standing.seat_calls(*list));
                self.requests = self.calls.clone();
                self.differs = false;
                self.changes = self.changes.saturating_add(1);
                return;
            }
            Told::Above => self.requests.0.drain(..).for_each(|(_, list)| standing.unseat(list)),
            Told::AboveItsOwn => self.requests.0.retain(|(part, list)| {
                if is_its(part.model) {
                    standing.unseat(*list);
                }
                !is_its(part.model)
            }),
            Told::Both => {}
        }
        standing.set(place, true);
        self.differs |= !is_call;
        self.requests.add(usage, own, &mut standing.next);
    }

    fn told(&self, usage: Usage, models: &Models) -> Told {
        let its = usage.amounts;
        let is_its = |model: Model| models.are_one(model, usage.model);
        let is_other = |model: Model| model != NO_MODEL && !is_its(model);
        let all = Figures::of(its, self.requests.sum_of(|_| true));
        if self.is_empty() || all.common && all.includes && !all.same && !all.lacks {
            return Told::Above;
        }
        if !all.common {
            return Told::Both;
        }
        if all.same {
            let is_above = all.is_above(self.requests.any(is_other));
            return if is_above { Told::Above } else { Told::Below };
        }
        if all.includes {
            return Told::Below;
        }
        let calls = Figures::of(its, self.calls.sum_of(|_| true));
        if self.differs && calls.common && calls.same && self.changes < MOST_CHANGES {
            return if calls.is_above(self.calls.any(is_other)) { Told::Above } else { Told::Calls };
        }
        if self.requests.any(is_its) && self.requests.any(|model| !is_its(model)) {
            let of_its = Figures::of(its, self.requests.sum_of(is_its));
            let is_above = of_its.common && of_its.includes && !of_its.lacks || of_its.has_cost_alone;
            return if is_above { Told::AboveItsOwn } else { Told::Below };
        }
        let names_others_only = usage.model != NO_MODEL && !self.requests.any(|model| !is_other(model));
        match () {
            () if names_others_only && !self.some.iter().any(|call| may_be_one_call(its, *call)) => {
                Told::Both
            }
            () if all.has_cost_alone => Told::Above,
            () => Told::Below,
        }
    }
}

/// How a span's figures stand to the sums below it, by those that both say: what was not sent is not less.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools, reason = "each is a question of its own")]
struct Figures {
    /// There are any that both say.
    common: bool,
    /// Its are at least theirs.
    includes: bool,
    /// They are the same.
    same: bool,
    /// It lacks one that they say.
    lacks: bool,
    /// They lack one that it says.
    has_more: bool,
    /// Only they say what it cost.
    lacks_cost: bool,
    /// Only it does.
    has_cost_alone: bool,
}

/// Whether two spans tell of the same call, whatever the names of its model: what went in is counted alike, unlike what came out,
/// with thoughts or without.
fn may_be_one_call(its: Amounts, call: Amounts) -> bool {
    let same = |place: usize| its[place].total_cmp(&call[place]).is_eq();
    match its {
        [input, ..] if input > 0.0 => same(0),
        [_, _, total, _] if total > 0.0 => same(2),
        [_, output, ..] => output > 0.0 && same(1),
    }
}

/// The place of tokens in all.
const TOTAL: usize = 2;

/// How much two figures may differ and be the same. Costs are rounded, and have fees put on them.
const MARGINS: Amounts = [1e-6, 1e-6, 1e-6, 0.05];

impl Figures {
    fn of(its: Amounts, theirs: Amounts) -> Self {
        let pairs = || its.into_iter().zip(theirs).zip(MARGINS);
        let both = || pairs().filter(|((its, theirs), _)| *its > 0.0 && *theirs > 0.0);
        let includes = both().all(|((its, theirs), margin)| its * (1.0 + margin) >= theirs);
        let is_included = both().all(|((its, theirs), margin)| theirs * (1.0 + margin) >= its);
        Self {
            common: both().next().is_some(),
            includes,
            same: includes && is_included,
            lacks: pairs().zip(0..).any(|(((figure, theirs), _), place)| {
                // Who says what went in or came out need not say the sum.
                let is_said = place == TOTAL && (its[0] > 0.0 || its[1] > 0.0);
                figure == 0.0 && theirs > 0.0 && !is_said
            }),
            has_more: pairs().any(|((its, theirs), _)| its > 0.0 && theirs == 0.0),
            lacks_cost: its[3] == 0.0 && theirs[3] > 0.0,
            has_cost_alone: its[3] > 0.0 && theirs[3] == 0.0,
        }
    }

    /// Who stands where they are the same: who says more, at least the cost; else those below, if they name other models.
    fn is_above(self, they_name_others: bool) -> bool {
        match (self.lacks, self.has_more) {
            (true, true) => !self.lacks_cost,
            (true, false) => false,
            (false, true) => true,
            (false, false) => !they_name_others,
        }
    }
}

fn sum(amounts: &mut Amounts, more: Amounts) {
    amounts.iter_mut().zip(more).for_each(|(amount, more)| *amount += more);
}
