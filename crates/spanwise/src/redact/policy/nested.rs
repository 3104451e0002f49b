//! What becomes of the members of nested lists: the laws.
//!
//! Rules are asked for the names that lead to a member, joined by dots: for all of them, then for ever fewer of the last, and last for
//! the member's own. Rows of presets are not asked for a name without a separator: `prompt` in any list is not content.
//!
//! 1. Two verdicts are *joined* ([`CompiledPolicy::join`]): what keeps yields; what takes all wins over what leaves a part; of two parts
//!    the one within the other stays; where neither is, nothing does. Of two truncations the shorter stays; one and members of JSON are
//!    both carried out. Detectors look as the first says, which is nearer to the member.
//! 2. Of the user's rules the one with the most names decides. If it takes all, that is all.
//! 3. Of the rows of presets the one with the most names decides that is *of the member itself*. A row may leave a list as it is, or but
//!    for some members, and match what is below because it matches the list: that is *said of the list*, and hides no row with fewer
//!    names. What rows leave is joined with what holds for the list.
//! 4. A user's rule that leaves something is joined with what the rows say that know the member by more names than it does: by those
//!    that they are asked for, or by more that lead to the list, of which they said what holds there.
//! 5. The members of a pair, `{"key": …, "value": …}`, become what they are by themselves joined with what becomes of a member that is
//!    called what the key says, if more is said of that one than of one of any name. So does all below them, under their own names: what
//!    the pair says is a floor.
//! 6. Where nothing is said of a member, what holds for the list holds for it.

use std::borrow::Cow;

use super::compiled::{CompiledPolicy, CompiledRule, EventClass, Treatment, Verdict};
use super::rule::{KeyPattern, is_separator};
use super::{Action, Policy};
use crate::redact::place::Place;

/// So many names of nested lists are joined to a key, those of a path as a whole aside.
const LONGEST_PATH: usize = 8;
/// Bytes of joined names. Many members below one long name would cost its length each.
const LONGEST_NAMES: usize = 2048;
/// The name of no member in particular.
pub(crate) const ANY_NAME: &str = "\u{fffd}";

/// Whether a rule of the user's may match the path of a member as a whole, however long it is: a glob or an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WholePaths {
    NotAsked,
    /// What is matched stays.
    Kept,
    /// Not all of it.
    Taken,
}

impl WholePaths {
    pub(super) fn of(policy: &Policy) -> Self {
        let asked = policy
            .rules
            .iter()
            .map(|(rule, _)| rule)
            .filter(|rule| matches!(rule.pattern, KeyPattern::Glob(_) | KeyPattern::Regex(_)));
        asked.fold(Self::NotAsked, |so_far, rule| {
            if rule.action == Action::Keep && so_far != Self::Taken { Self::Kept } else { Self::Taken }
        })
    }
}

/// The keys and prefixes of the user's that are longer than paths are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LongKeys {
    /// So many names they may have.
    names: usize,
    /// So many bytes; what is longer none of them matches that matched nothing above.
    bytes: usize,
}

impl LongKeys {
    pub(super) fn of(policy: &Policy) -> Self {
        let keys = policy.rules.iter().filter_map(|(rule, _)| match &rule.pattern {
            KeyPattern::Exact(key) | KeyPattern::Prefix(key) => Some(key),
            KeyPattern::Glob(_) | KeyPattern::Regex(_) => None,
        });
        keys.map(|key| (key.matches('.').count() + 1, key.len()))
            .filter(|(names, _)| *names > LONGEST_PATH)
            .fold(Self::default(), |most, (names, bytes)| Self {
                names: most.names.max(names),
                bytes: most.bytes.max(bytes),
            })
    }
}

/// What rules say of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    /// Where a rule of the user's says it, and not rows of presets alone: how many names stand above those that it goes by.
    pub(crate) above_users: Option<usize>,
}

/// The last names of a path, joined once.
struct Joined {
    names: String,
    /// How many of the last names are asked for, with their bytes: ever more.
    asked: Vec<(usize, usize)>,
}

impl Joined {
    /// The names that are asked for, and how many they are, the most first.
    fn keys(&self) -> impl Iterator<Item = (usize, &str)> {
        let key = |(names, bytes): &(usize, usize)| {
            let from = self.names.len().checked_sub(*bytes)?;
            Some((*names, self.names.get(from..)?))
        };
        self.asked.iter().rev().filter_map(key)
    }
}

impl CompiledPolicy {
    /// What becomes of a member of nested lists, whose names are `path` from the attribute's key down to the member's.
    ///
    /// Rules are asked for the names joined by dots, all of them first, then ever fewer of the last eight (or as many as the longest key
    /// of the user's has), at last the member's name alone: those of the user for all of these, and then the rows of presets, which are
    /// not asked for a name without a separator: `prompt` in any list is not content. None where nothing is said: then what holds for
    /// the list holds for the member. So it does beside what a row says of all in a list. Names that are too long to be joined are not
    /// looked at, and the member is masked.
    pub fn resolve_nested(&self, place: Place, event: EventClass, path: &[&str]) -> Option<Verdict> {
        self.said_of(place, event, 0, path).map(|said| said.verdict)
    }

    /// The same, where `above` names stand above those of `path`, which rules are not asked for.
    pub(crate) fn said_of(
        &self,
        place: Place,
        event: EventClass,
        above: usize,
        path: &[&str],
    ) -> Option<Said> {
        if self.rules.is_empty() {
            return None;
        }
        let Some(keys) = self.joined(path) else {
            let verdict = Verdict { treatment: Treatment::Mask, ..self.default_verdict(place) };
            return Some(Said { verdict, above_users: None });
        };
        let name = path.last().map_or(0, |name| name.len());
        let above = |names: usize| above + path.len().saturating_sub(names);
        let by_user = |(names, key)| {
            let rule = self.first_match(place, event, key, 0..self.own, |_| true)?;
            Some((names, self.verdict(place, rule, key)))
        };
        let by_user = if self.own > 0 { keys.keys().find_map(by_user) } else { None };
        let above_users = by_user.map(|(names, _)| above(names));
        if let Some((_, verdict)) = by_user
            && self.takes_all(verdict)
        {
            return Some(Said { verdict, above_users });
        }
        let knows_more = |(names, _): &(usize, &str)| by_user.is_none_or(|(known, _)| *names > known);
        let mut of_rows = None::<Verdict>;
        for (names, key) in keys.keys().take_while(knows_more).filter(|(_, key)| key.contains(is_separator)) {
            // What is left of an event's keys: of the attributes themselves, whose members are as they are.
            let counts = |rule: &CompiledRule| !rule.is_of_all_keys();
            let Some(rule) = self.first_match(place, event, key, self.own..u32::MAX, counts) else {
                continue;
            };
            let verdict = Verdict { above: above(names), ..self.verdict(place, rule, key) };
            of_rows = Some(of_rows.map_or(verdict, |so_far| self.join(verdict, so_far)));
            let list = key.len().checked_sub(name + 1);
            if !list.is_some_and(|list| self.is_of_list(verdict, list)) {
                break;
            }
        }
        let by_user = by_user.map(|(_, verdict)| verdict);
        let verdict = by_user.zip(of_rows).map(|(verdict, rows)| self.join(verdict, rows));
        Some(Said { verdict: verdict.or(by_user).or(of_rows)?, above_users })
    }

    /// The names that rules are asked for; none where they are too long.
    fn joined(&self, path: &[&str]) -> Option<Joined> {
        let most = path.len().min(self.longest_path());
        let mut bytes = 0;
        let mut asked = Vec::with_capacity(LONGEST_PATH);
        for (above, name) in path.iter().rev().take(most).enumerate() {
            bytes += name.len() + 1;
            if above < LONGEST_PATH && bytes > LONGEST_NAMES {
                return None;
            }
            let is_asked = above < LONGEST_PATH
                || above < self.long_keys.names && bytes <= self.long_keys.bytes.max(LONGEST_NAMES);
            if is_asked {
                asked.push((above + 1, bytes - 1));
            }
        }
        let is_whole_asked = most > LONGEST_PATH && self.whole_paths != WholePaths::NotAsked;
        if is_whole_asked && bytes > LONGEST_NAMES && self.whole_paths == WholePaths::Taken {
            return None;
        }
        if is_whole_asked && bytes <= LONGEST_NAMES && asked.len() < most {
            asked.push((most, bytes - 1));
        }
        let names = asked.last().map_or(0, |(names, _)| *names);
        let names = path.get(path.len() - names..).unwrap_or_default().join(".");
        Some(Joined { names, asked })
    }

    /// Whether a row that leaves what it matches, or but for some members, matches a member because it matches the first `above` bytes
    /// of the names, which are those of its list.
    fn is_of_list(&self, verdict: Verdict, above: usize) -> bool {
        let leaves = matches!(verdict.treatment, Treatment::Keep | Treatment::Members);
        leaves
            && self.compiled(verdict.rule).is_some_and(|rule| match &rule.pattern {
                KeyPattern::Prefix(pattern) => pattern.len() <= above,
                KeyPattern::Glob(pattern) => pattern.ends_with("**"),
                KeyPattern::Exact(_) | KeyPattern::Regex(_) => false,
            })
    }

    /// As much of the text that is a pair's key as rules are asked for: under that name prompts stand, too, which are longer than names.
    /// Only a glob or an expression may match no more than all of it.
    pub(crate) fn asked_of_key<'k>(&self, key: Cow<'k, str>) -> Cow<'k, str> {
        let end = key.floor_char_boundary(LONGEST_NAMES / 2);
        if end == key.len() || self.whole_paths == WholePaths::Taken {
            return key;
        }
        match key {
            Cow::Borrowed(key) => Cow::Borrowed(key.get(..end).unwrap_or_default()),
            Cow::Owned(mut key) => {
                key.truncate(end);
                Cow::Owned(key)
            }
        }
    }

    /// The verdict by which all of a member goes, if a rule of the user's says so.
    pub(crate) fn taken_by_user(&self, said: Option<Said>) -> Option<Verdict> {
        let verdict = said.map(|said| said.verdict)?;
        (verdict.rule.is_some_and(|rule| rule < self.own) && self.takes_all(verdict)).then_some(verdict)
    }

    /// Whether the user has rules.
    pub(crate) fn has_own_rules(&self) -> bool {
        self.own > 0
    }

    /// How many names of a path rules are asked for.
    pub(crate) fn longest_path(&self) -> usize {
        let longest = LONGEST_PATH.max(self.long_keys.names);
        if self.whole_paths == WholePaths::NotAsked { longest } else { usize::MAX }
    }

    /// What becomes of the member of this name, of a list of which `of_list` becomes, by what rules say of it.
    pub(crate) fn of_said(&self, said: Option<Said>, of_list: Verdict, name: &str) -> Verdict {
        let Some(Said { verdict, above_users }) = said else {
            return self.of_member(of_list, name);
        };
        // The names were asked for with it.
        if verdict == of_list {
            return verdict;
        }
        let of_list = self.of_member(of_list, name);
        match above_users {
            None => self.join(verdict, of_list),
            Some(names) => match self.of_rows(of_list).filter(|rows| rows.above < names) {
                Some(rows) => self.join(verdict, rows),
                None => verdict,
            },
        }
    }

    /// What rows of presets say in a verdict.
    fn of_rows(&self, verdict: Verdict) -> Option<Verdict> {
        if verdict.rule.is_some_and(|rule| rule >= self.own) {
            return Some(verdict);
        }
        let rule = Some(verdict.within?);
        Some(Verdict { treatment: Treatment::Members, rule, within: None, ..verdict })
    }

    /// What becomes of a member that no rule matches, of a list of which that becomes.
    pub(crate) fn of_member(&self, of_list: Verdict, name: &str) -> Verdict {
        let rule = if of_list.treatment == Treatment::Members { of_list.rule } else { of_list.within };
        if rule.is_some() && self.is_named_member(rule, name) {
            Verdict { treatment: self.of_named_members(rule), rule, within: None, ..of_list }
        } else {
            of_list
        }
    }

    /// Whether nothing is left, be it a text, a number or a list.
    fn takes_all(&self, verdict: Verdict) -> bool {
        verdict.treatment.takes_all() && !self.spares_numbers(verdict.rule)
    }

    /// Whether numbers, true and false stay, whatever they are.
    fn leaves_numbers(&self, verdict: Verdict) -> bool {
        self.spares_numbers(verdict.rule)
            || matches!(verdict.treatment, Treatment::KeepMark | Treatment::Members)
    }

    /// What takes out what both do, and leaves no more than either: the first law. The first has its say where both are alike, and says
    /// which detectors look at what stays.
    pub(crate) fn join(&self, one: Verdict, other: Verdict) -> Verdict {
        if other.treatment == Treatment::Keep || self.takes_all(one) {
            return one;
        }
        if one.treatment == Treatment::Keep || self.takes_all(other) {
            return Verdict { selection: one.selection, ..other };
        }
        let both = match (one.treatment, other.treatment) {
            (Treatment::Truncate(_), Treatment::Members) => self.cut_within(one, other.rule),
            (Treatment::Members, Treatment::Truncate(_)) => self.cut_within(other, one.rule),
            (Treatment::Truncate(length), Treatment::Truncate(longer)) if length <= longer => {
                self.cut_within(one, other.within)
            }
            (Treatment::Truncate(_), Treatment::Truncate(_)) => self.cut_within(other, one.within),
            _ if self.is_within(one, other) => Some(one),
            _ if self.is_within(other, one) => Some(other),
            _ => None,
        };
        // By a rule that spares numbers, where both leave them, and else by one that does not.
        let both_leave = self.leaves_numbers(one) && self.leaves_numbers(other);
        let spares = [one, other].map(|verdict| self.spares_numbers(verdict.rule));
        let rule = if spares == [!both_leave, both_leave] { other.rule } else { one.rule };
        let both = both.unwrap_or(Verdict { treatment: Treatment::Mask, rule, within: None, ..one });
        Verdict { above: one.above.min(other.above), selection: one.selection, ..both }
    }

    /// A truncation of a text in which the members that a rule names go as well.
    fn cut_within(&self, cut: Verdict, rule: Option<u32>) -> Option<Verdict> {
        let within = match (cut.within, rule) {
            (Some(one), Some(other)) if self.names_all_of(one, other) => cut.within,
            (Some(one), Some(other)) if !self.names_all_of(other, one) => return None,
            (within, rule) => rule.or(within),
        };
        Some(Verdict { within, ..cut })
    }

    /// Whether what one verdict leaves, of which neither takes all nor keeps it, is left by the other as well.
    fn is_within(&self, one: Verdict, other: Verdict) -> bool {
        if self.spares_numbers(one.rule) && !self.leaves_numbers(other) {
            return false;
        }
        match (one.treatment, other.treatment) {
            (Treatment::Drop | Treatment::Mask | Treatment::Hash, _)
            | (Treatment::Figures, Treatment::Figures | Treatment::Structure)
            | (Treatment::Structure, Treatment::Structure)
            | (Treatment::KeepMark, Treatment::KeepMark | Treatment::Members) => true,
            // What stays of messages says nothing of who it was.
            (Treatment::Figures | Treatment::Structure, Treatment::Members) => {
                self.is_of_metadata(other.rule)
            }
            (Treatment::Members, Treatment::Members) => {
                one.rule.zip(other.rule).is_some_and(|(one, other)| self.names_all_of(one, other))
            }
            _ => false,
        }
    }

    /// Whether a rule names all members that another does, and the same becomes of them and of what has none.
    fn names_all_of(&self, one: u32, other: u32) -> bool {
        let Some((one_rule, other_rule)) = self.compiled(Some(one)).zip(self.compiled(Some(other))) else {
            return false;
        };
        one == other
            || one_rule.is_metadata == other_rule.is_metadata
                && one_rule.of_members == other_rule.of_members
                && is_among(&other_rule.sorted_members, &one_rule.sorted_members)
    }
}

/// Whether all of `few` are among `many`, where both are sorted.
fn is_among(few: &[String], many: &[String]) -> bool {
    let mut many = many.iter();
    few.len() <= many.len() && few.iter().all(|name| many.any(|other| other == name))
}
