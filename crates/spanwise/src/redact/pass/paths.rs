//! What becomes of the members of nested lists, remembered by their path.
//!
//! Resolving a member asks the rules for its name and for ever more of the names above it, and lists of messages have the
//! same few members over and over. So paths are a tree that is walked along with the lists: a step is one look at a table,
//! whatever the depth. The memory is bounded, as that of [`Keys`](super::keys::Keys) is.

use std::borrow::Cow;
use std::hash::Hash;

use foldhash::fast::RandomState;
use hashbrown::{Equivalent, HashMap};

use super::keys::redacted_key;
use crate::batch::memory::bytes_of;
use crate::redact::place::Place;
use crate::redact::policy::{CompiledPolicy, EventClass, Said, Verdict};

/// Members that are remembered.
const MOST: usize = 1 << 14;
/// Places, and kinds of events, whose members are.
const MOST_ROOTS: usize = 64;
/// Names that are longer are not worth the room.
const LONGEST_NAME: usize = 256;
/// Stands for a member that is not remembered: nor are those below it.
const UNKNOWN: u32 = u32::MAX;

/// Names from an attribute's key down, with the members that they are as far as that was asked for.
#[derive(Default)]
pub(super) struct Path<'a> {
    names: Vec<Cow<'a, str>>,
    members: Vec<u32>,
    /// What the pairs say that the end of the path is in: no more is left.
    pub(super) floor: Option<Verdict>,
}

impl<'a> Path<'a> {
    pub(super) fn push(&mut self, name: Cow<'a, str>) {
        self.names.push(name);
    }

    pub(super) fn pop(&mut self) {
        self.names.pop();
        self.members.truncate(self.names.len());
    }
}

/// The last names that rules are asked for, and how many stand above them.
fn last_names<'n>(policy: &CompiledPolicy, names: &'n [Cow<'_, str>]) -> (usize, Vec<&'n str>) {
    let above = names.len().saturating_sub(policy.longest_path());
    (above, names.iter().skip(above).map(AsRef::as_ref).collect())
}

/// What is known of a member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    number: u32,
    /// `None` where no rule matches.
    pub(super) said: Option<Said>,
    /// Detectors find something in its name.
    pub(super) changes_key: bool,
}

/// A name below the member with this number.
#[derive(Hash)]
struct Step<'n>(u32, &'n str);

impl Equivalent<(u32, Box<str>)> for Step<'_> {
    fn equivalent(&self, key: &(u32, Box<str>)) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    members: HashMap<(u32, Box<str>), Member, RandomState>,
    /// What stands above all names.
    roots: Vec<(Place, EventClass)>,
}

impl Paths {
    /// Bytes that are held.
    pub(super) fn memory(&self) -> usize {
        let names = self.members.keys().map(|(_, name)| name.len()).sum::<usize>();
        self.members.allocation_size() + names + bytes_of(&self.roots)
    }

    /// Makes room, where there is none for others.
    pub(super) fn begin(&mut self) {
        if self.members.len() == MOST || self.roots.len() == MOST_ROOTS {
            self.members.clear();
            self.roots.clear();
        }
    }

    /// Goes on to the member `name` below the end of `path`; what becomes of it.
    pub(super) fn enter<'n>(
        &mut self,
        policy: &CompiledPolicy,
        place: Place,
        event: EventClass,
        path: &mut Path<'n>,
        name: Cow<'n, str>,
    ) -> Member {
        // Those that nobody asked for.
        for depth in path.members.len()..path.names.len() {
            let above = path.members.last().copied().unwrap_or_else(|| self.root(place, event));
            let names = path.names.get(..=depth).unwrap_or_default();
            path.members.push(self.step(policy, place, event, above, names).number);
        }
        path.push(name);
        let above = path.members.last().copied().unwrap_or_else(|| self.root(place, event));
        let member = self.step(policy, place, event, above, &path.names);
        path.members.push(member.number);
        member
    }

    /// The number of what is above the names of all paths there.
    fn root(&mut self, place: Place, event: EventClass) -> u32 {
        let root = (place, event);
        let known = self.roots.iter().position(|known| *known == root).unwrap_or(self.roots.len());
        if known == MOST_ROOTS {
            return UNKNOWN;
        }
        if known == self.roots.len() {
            self.roots.push(root);
        }
        u32::try_from(known).unwrap_or(UNKNOWN)
    }

    fn step(
        &mut self,
        policy: &CompiledPolicy,
        place: Place,
        event: EventClass,
        above: u32,
        names: &[Cow<'_, str>],
    ) -> Member {
        let name = names.last().map_or("", AsRef::as_ref);
        if above != UNKNOWN
            && let Some(known) = self.members.get(&Step(above, name))
        {
            return *known;
        }
        let look = policy.look(place);
        let (above_last, last) = last_names(policy, names);
        let mut member = Member {
            number: UNKNOWN,
            said: policy.said_of(place, event, above_last, &last),
            changes_key: !look.on.is_empty() && redacted_key(policy, look, name).is_some(),
        };
        if above != UNKNOWN && name.len() <= LONGEST_NAME && self.members.len() < MOST {
            // Roots have the numbers below.
            member.number = u32::try_from(MOST_ROOTS + self.members.len()).unwrap_or(UNKNOWN);
            self.members.insert((above, name.into()), member);
        }
        member
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::policy::{Policy, Preset};

    /// The member that `names` lead to, the way the walk goes there.
    fn member(
        paths: &mut Paths,
        policy: &CompiledPolicy,
        root: (Place, EventClass),
        names: &[&str],
    ) -> Member {
        let mut path = Path::default();
        let (last, above) = names.split_last().unwrap();
        path.names.extend(above.iter().map(|name| Cow::Borrowed(*name)));
        paths.enter(policy, root.0, root.1, &mut path, Cow::Borrowed(last))
    }

    #[test]
    fn what_is_remembered_is_what_the_rules_say() {
        let policy = Policy::from_preset(Preset::PrivacyMode).compile(None).unwrap();
        let long = "x".repeat(LONGEST_NAME + 1);
        let names = ["gen_ai", "prompt", "input", "messages", "content", "0", "gen_ai.input.messages", &long];
        let mut paths = Paths::default();
        let (mut found, mut none) = (0, 0);
        for _ in 0..2 {
            for place in [Place::Span, Place::Event, Place::Resource] {
                for event in [EventClass::default(), policy.event_class("gen_ai.content.prompt")] {
                    for number in 0..names.len().pow(3) {
                        let digits = [number % 8, number / 8 % 8, number / 64];
                        let all: Vec<&str> = digits.iter().map(|digit| names[*digit]).collect();
                        let expected = policy.said_of(place, event, 0, &all);
                        let read = member(&mut paths, &policy, (place, event), &all);
                        assert_eq!(read.said, expected, "{place:?} {all:?}");
                        *(if expected.is_some() { &mut found } else { &mut none }) += 1;
                    }
                }
            }
        }
        assert!(found > 500 && none > 500, "{found} {none}");
        assert!(paths.members.keys().all(|(_, name)| name.len() <= LONGEST_NAME));
    }

    #[test]
    fn more_members_than_are_remembered_are_resolved_all_the_same() {
        let policy = Policy::from_preset(Preset::PrivacyMode).compile(None).unwrap();
        let root = (Place::Span, EventClass::default());
        let mut paths = Paths::default();
        for name in (0..MOST + 100).map(|number| format!("m{number}")) {
            let all = ["gen_ai", &name, "prompt"];
            let expected = policy.said_of(root.0, root.1, 0, &all);
            assert_eq!(member(&mut paths, &policy, root, &all).said, expected, "{name}");
        }
        assert_eq!(paths.members.len(), MOST);
        paths.begin();
        assert!(paths.members.is_empty());
    }

    #[test]
    fn a_member_is_known_by_where_it_is() {
        let policy = Policy::from_preset(Preset::PrivacyMode).compile(None).unwrap();
        let root = (Place::Span, EventClass::default());
        let mut paths = Paths::default();
        let mut path = Path::default();
        path.push(Cow::Borrowed("gen_ai"));
        for name in ["prompt", "usage", "prompt", "other"] {
            let read = paths.enter(&policy, root.0, root.1, &mut path, Cow::Borrowed(name));
            let (above, last) = last_names(&policy, &path.names);
            let expected = policy.said_of(root.0, root.1, above, &last);
            assert_eq!(read.said, expected, "{name}");
            path.pop();
        }
    }
}
