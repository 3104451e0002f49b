//! What spans carry, and whether what one of them says includes what those below it say.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::LlmSpan;

/// Tokens in, tokens out, tokens in all, US dollars. What was not sent is zero, and zero is as good as not sent.
pub(super) type Amounts = [f64; 4];

/// The number of a model's name; [`NO_MODEL`] for a span that names none.
pub(super) type Model = u32;

pub(super) const NO_MODEL: Model = u32::MAX;

/// Names are told apart by so many bytes.
const LONGEST_NAME: usize = 128;

/// What a span carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub(super) model: Model,
    pub(super) amounts: Amounts,
}

/// The names of models, numbered in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Models {
    numbers: HashMap<Box<str>, Model, RandomState>,
    names: Vec<Box<str>>,
}

impl Models {
    pub(super) fn number(&mut self, name: Option<&str>) -> Model {
        // Gateways put the name of the maker before that of the model.
        let name = name.map(|name| name.rsplit('/').next().unwrap_or(name)).filter(|name| !name.is_empty());
        let Some(name) = name.and_then(|name| name.get(..name.floor_char_boundary(LONGEST_NAME))) else {
            return NO_MODEL;
        };
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = Model::try_from(self.names.len()).unwrap_or(NO_MODEL);
        self.numbers.insert(name.into(), number);
        self.names.push(name.into());
        number
    }

    /// Forgets all but the first so many names.
    pub(super) fn truncate(&mut self, names: usize) {
        self.names.truncate(names);
        self.numbers.retain(|_, number| (*number as usize) < names);
    }

    /// Whether two spans may speak of one model: what answers often has a longer name than what was asked for, with a date.
    fn may_be_one(&self, a: Model, b: Model) -> bool {
        let name = |model: Model| self.names.get(model as usize).map_or("", |name| name);
        a == b || name(a).starts_with(name(b)) || name(b).starts_with(name(a))
    }
}

/// Tokens and cost of a span.
#[allow(clippy::cast_precision_loss, reason = "sums that are compared")]
pub(super) fn amounts(llm: &LlmSpan<'_>) -> Amounts {
    let tokens = |count: Option<i64>| count.unwrap_or(0).max(0) as f64;
    let cost = |amount: Option<f64>| amount.unwrap_or(0.0).max(0.0);
    let (input, output) = (tokens(llm.input_tokens), tokens(llm.output_tokens));
    [
        input,
        output,
        tokens(llm.total_tokens).max(input + output),
        cost(llm.cost_usd).max(cost(llm.input_cost_usd) + cost(llm.output_cost_usd)),
    ]
}

/// Which spans with usage stand for it, so far as is known of those above them.
#[derive(Debug)]
pub(super) struct Standing {
    stands: Vec<bool>,
    /// Spans of one list, each with the place of the next.
    next: Vec<u32>,
}

impl Standing {
    pub(super) fn new(spans: usize) -> Self {
        Self { stands: vec![false; spans], next: vec![u32::MAX; spans] }
    }

    pub(super) fn stands(&self, place: u32) -> bool {
        self.stands.get(place as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, place: u32, stands: bool) {
        if let Some(known) = self.stands.get_mut(place as usize) {
            *known = stands;
        }
    }

    /// Puts the second list behind the first.
    fn join(&mut self, first: &mut List, second: List) {
        if let Some(next) = self.next.get_mut(first.last as usize) {
            *next = second.first;
        }
        first.last = second.last;
    }

    /// A span above these tells of them.
    fn include(&mut self, list: List) {
        let mut place = list.first;
        while place != u32::MAX {
            self.set(place, false);
            place = if place == list.last {
                u32::MAX
            } else {
                self.next.get(place as usize).map_or(u32::MAX, |next| *next)
            };
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

/// The requests below a span, by their model: what they carry, and which they are.
#[derive(Debug, Default)]
pub(super) struct Below(Vec<(Usage, List)>);

/// So many models are told apart below one span.
const MOST_MODELS: usize = 8;

impl Below {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add_all(&mut self, other: Self, standing: &mut Standing) {
        if self.0.is_empty() {
            self.0 = other.0;
        } else {
            other.0.into_iter().for_each(|(usage, list)| self.add(usage, list, standing));
        }
    }

    fn add(&mut self, usage: Usage, list: List, standing: &mut Standing) {
        let is_full = self.0.len() >= MOST_MODELS;
        let known = self.0.iter_mut().position(|(known, _)| known.model == usage.model);
        match known.or(is_full.then_some(MOST_MODELS - 1)).and_then(|at| self.0.get_mut(at)) {
            Some((known, of_known)) => {
                if known.model != usage.model {
                    known.model = NO_MODEL;
                }
                sum(&mut known.amounts, usage.amounts);
                standing.join(of_known, list);
            }
            None => self.0.push((usage, list)),
        }
    }

    /// Puts a span that carries `usage` above these, and settles which of them stand for what is told. The head of [`super`] has
    /// the rule.
    pub(super) fn put_under(&mut self, place: u32, usage: Usage, models: &Models, standing: &mut Standing) {
        let its = usage.amounts;
        let names = |part: &Usage| part.model != NO_MODEL;
        let may_be_its = |part: &Usage| models.may_be_one(part.model, usage.model);
        let is_its = |part: &Usage| usage.model != NO_MODEL && names(part) && may_be_its(part);
        let all = self.sum_of(|_| true);
        let names_other = self.0.iter().any(|(part, _)| names(part) && !is_its(part));
        let same = includes(its, all) && includes(all, its);
        let told_below = match () {
            () if includes(its, all) => same && names_other,
            () if self.0.iter().any(|(part, _)| is_its(part)) && includes(its, self.sum_of(is_its)) => {
                says_the_same(its, all)
            }
            () => says_the_same(its, all) || includes(self.sum_of(may_be_its), its),
        };
        if told_below {
            return;
        }
        let includes_all = includes(its, all);
        let includes_its = includes(its, self.sum_of(is_its));
        self.0.retain(|(part, list)| {
            let is_included = includes_all || includes_its && is_its(part);
            if is_included {
                standing.include(*list);
            }
            !is_included
        });
        standing.set(place, true);
        self.add(usage, List { first: place, last: place }, standing);
    }

    fn sum_of(&self, belongs: impl Fn(&Usage) -> bool) -> Amounts {
        let mut all = [0.0; 4];
        for (part, _) in self.0.iter().filter(|(part, _)| belongs(part)) {
            sum(&mut all, part.amounts);
        }
        all
    }
}

fn sum(amounts: &mut Amounts, more: Amounts) {
    amounts.iter_mut().zip(more).for_each(|(amount, more)| *amount += more);
}

/// Costs are sums of what was rounded.
const ROUNDING: f64 = 1e-6;

/// Whether nothing of `parts` is more than `whole` says.
fn includes(whole: Amounts, parts: Amounts) -> bool {
    whole.iter().zip(parts).all(|(whole, part)| whole * (1.0 + ROUNDING) >= part)
}

/// Whether each figure is that of `all`, though not each of these may be there.
fn says_the_same(its: Amounts, all: Amounts) -> bool {
    includes(all, its) && its.iter().zip(all).all(|(its, all)| *its == 0.0 || its * (1.0 + ROUNDING) >= all)
}
