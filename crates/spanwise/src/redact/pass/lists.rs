//! Lists of which not all goes, member by member, and what a pair says of itself.

use std::borrow::Cow;

use super::edits::Slot;
use super::paths::Path;
use super::walk::{Item, Walk};
use crate::batch::{RawValue, Rows};
use crate::redact::policy::{ANY_NAME, Said, Treatment, Verdict};

impl<'a> Walk<'a> {
    /// Goes through the children of an array or a kvlist of which not all goes. `inherited` is for those that no rule matches.
    pub(super) fn children(&mut self, item: Item, rows: Rows, path: &mut Path<'a>, inherited: Verdict) {
        if self.idle {
            return;
        }
        let mut changes_keys = false;
        let pair = self.pair(item, rows, path, inherited);
        let floor = path.floor;
        for row in rows.range() {
            let Some(child) = self.batch.values.get(row).copied() else {
                continue;
            };
            let child_item = Item { slot: Slot::Child, row, value: child.value(), ..item };
            if child.key().is_none() {
                self.treat(child_item, inherited, path);
                continue;
            }
            let name = self.key_of(child);
            let own = self.keys.paths.enter(self.policy, item.place, item.event, path, name.clone());
            changes_keys |= own.changes_key;
            let verdict = self.policy.of_said(own.said, inherited, &name);
            if pair.is_none() && floor.is_none() {
                self.treat(child_item, verdict, path);
            } else {
                let pair = pair.filter(|_| name != "key");
                path.floor = self.joined(pair, floor.map(|floor| self.policy.of_member(floor, &name)));
                let verdict = path.floor.map_or(verdict, |floor| self.policy.join(verdict, floor));
                self.treat(child_item, verdict, path);
                path.floor = floor;
            }
            path.pop();
            if name == "key" {
                self.mask_new_key(child_item, verdict, path, inherited, pair);
            }
        }
        if changes_keys {
            self.change_keys(Slot::ChildKey, item.place, item.event, rows.range());
        }
    }

    fn joined(&self, one: Option<Verdict>, other: Option<Verdict>) -> Option<Verdict> {
        match (one, other) {
            (Some(one), Some(other)) => Some(self.policy.join(one, other)),
            (one, other) => one.or(other),
        }
    }

    /// What a list says of its members that is a pair itself, `{"key": …, "value": …}`, where the rules do not let what has that key
    /// stay. So are attributes that somebody wrote where no attributes belong.
    fn pair(&mut self, item: Item, rows: Rows, path: &mut Path<'a>, of_list: Verdict) -> Option<Verdict> {
        let keys: Vec<_> = self.keys_of_pair(rows).collect();
        keys.into_iter().fold(None, |said, key| {
            let of_key = self.of_key(item, key, path, of_list);
            self.joined(said, of_key)
        })
    }

    /// What the members called `key` of a list say.
    pub(super) fn keys_of_pair(&self, rows: Rows) -> impl Iterator<Item = Cow<'a, str>> {
        let children = self.batch.values.get(rows.range()).unwrap_or_default().iter();
        children.filter_map(|child| match child.value() {
            RawValue::String(text) if child.key().is_some() && self.key_of(*child) == "key" => {
                Some(self.batch.text(text))
            }
            _ => None,
        })
    }

    /// Masks what was made of the text of a `key` that was cut or in which something was found, if that names a rule which it did not
    /// before: who redacts again would take more.
    fn mask_new_key(
        &mut self,
        item: Item,
        verdict: Verdict,
        path: &mut Path<'a>,
        of_list: Verdict,
        pair: Option<Verdict>,
    ) {
        let made = self.edits.list.last().copied();
        let Some(made) = made.filter(|made| made.slot == Slot::Child && made.row as usize == item.row) else {
            return;
        };
        let Some(key) = self.edits.text(made.change).map(str::to_owned) else { return };
        if self.of_key(item, Cow::Owned(key), path, of_list).is_none_or(|said| Some(said) == pair) {
            return;
        }
        let mask = self.kept_mask(verdict);
        if let Some(made) = self.edits.list.last_mut() {
            made.change = mask;
        }
    }

    /// What rules say of a member that is called that, below the end of the path.
    pub(super) fn said_below(&mut self, item: Item, path: &mut Path<'a>, name: Cow<'a, str>) -> Option<Said> {
        let member = self.keys.paths.enter(self.policy, item.place, item.event, path, name);
        path.pop();
        member.said
    }

    /// What would become of a member that is called that, if it is not what becomes of one of any name.
    fn of_key(
        &mut self,
        item: Item,
        key: Cow<'a, str>,
        path: &mut Path<'a>,
        of_list: Verdict,
    ) -> Option<Verdict> {
        let key = self.policy.asked_of_key(key);
        let mut of_name = |name: Cow<'a, str>| {
            let said = self.said_below(item, path, name.clone());
            self.policy.of_said(said, of_list, &name)
        };
        let of_key = of_name(key);
        (of_key.treatment != Treatment::Keep && of_key != of_name(Cow::Borrowed(ANY_NAME))).then_some(of_key)
    }
}
