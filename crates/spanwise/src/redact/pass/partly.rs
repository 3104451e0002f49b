//! Values of which a part stays: the beginning of a text, settings without their content, the structure of messages.

use std::borrow::Cow;

use super::edits::Slot;
use super::paths::Path;
use super::walk::{Item, Walk, scalar_text};
use crate::batch::{RawValue, Rows};
use crate::redact::body;
use crate::redact::detector::Look;
use crate::redact::json_members::{self, Members};
use crate::redact::json_text::{self, Fault};
use crate::redact::member::{self, Kept, Member};
use crate::redact::placeholder;
use crate::redact::policy::{ANY_NAME, CompiledPolicy, Treatment, Verdict};

impl<'a> Walk<'a> {
    /// Lets detectors look at a text, then keeps its beginning; in lists, that of every text. What has no beginning is kept if
    /// it is no longer than that.
    pub(super) fn truncate(&mut self, item: Item, verdict: Verdict, length: usize, path: &mut Path<'a>) {
        let text = match item.value {
            RawValue::String(text) => text,
            RawValue::Array(rows) | RawValue::KvList(rows) => {
                return self.children(item, rows, path, verdict);
            }
            value if scalar_text(value).is_some_and(|text| text.len() <= length) => {
                return self.number(item, value, verdict.selection);
            }
            _ => return self.mask(item, verdict),
        };
        let look = Look { on: verdict.selection, is_query: false };
        if self.is_too_long(item.slot, item.row, item.place, text, look) {
            return;
        }
        let content = self.batch.text(text);
        if placeholder::is_placeholder(&content) {
            return;
        }
        let Some(cut) = self.beginning(&content, length, look) else {
            return self.mask(item, verdict);
        };
        // Of JSON that is cut through nobody knows whose members are left.
        let within = verdict.within.map(|rule| Verdict { rule: Some(rule), ..verdict });
        if let Some(verdict) = within
            && [&content, &cut].iter().any(|text| !(Named { policy: self.policy, verdict }).leaves(text))
        {
            return self.mask(item, verdict);
        }
        if cut != content {
            self.put(item, verdict, &cut);
        }
    }

    /// The first so many characters of a text without what detectors find: in all of it, or in what is left, which may look like
    /// something that it was no part of. None where they find something again and again.
    fn beginning<'t>(&mut self, text: &'t str, length: usize, look: Look) -> Option<Cow<'t, str>> {
        const MOST_TIMES: usize = 4;
        let mut text = Cow::Borrowed(text);
        for _ in 0..MOST_TIMES {
            text = self.redacted(&text, look).map_or(text, Cow::Owned);
            let Some((end, _)) = text.char_indices().nth(length) else { return Some(text) };
            text = Cow::Owned(text.get(..end).unwrap_or_default().to_owned());
        }
        None
    }

    /// Masks the members of a value that the rule names, or what the rule makes of them, however deep they are, and keeps the others.
    /// What is no object has none: it is masked, unless it is metadata, or a member itself.
    pub(super) fn members(&mut self, item: Item, verdict: Verdict, path: &mut Path<'a>) {
        let is_metadata = self.policy.is_of_metadata(verdict.rule);
        let may_be_none = is_metadata || item.slot == Slot::Child || self.is_member(item, verdict);
        match item.value {
            RawValue::String(text) => {
                let look = Look { on: verdict.selection, is_query: false };
                if self.is_too_long(item.slot, item.row, item.place, text, look) {
                    return;
                }
                let content = self.batch.text(text);
                let named = Named { policy: self.policy, verdict };
                match named.changed(&content, may_be_none) {
                    Ok(changed) if changed != content => {
                        let result = self.redacted(&changed, look).unwrap_or(changed);
                        self.put(item, verdict, &result);
                    }
                    // A text that was to be settings has no members, and is content itself.
                    Err(fault) if !may_be_none || !named.may_stay_unread(&content, fault) => {
                        if !placeholder::is_placeholder(&content) {
                            self.mask(item, verdict);
                        }
                    }
                    _ => self.look_at(item.slot, item.row, item.place, text, look),
                }
            }
            RawValue::Array(rows) if may_be_none => self.children(item, rows, path, verdict),
            RawValue::KvList(rows) => self.children(item, rows, path, verdict),
            RawValue::Bytes(_) if is_metadata => self.keep(item, verdict, path),
            RawValue::Array(_) | RawValue::Bytes(_) => self.mask(item, verdict),
            value => self.number(item, value, verdict.selection),
        }
    }

    /// Whether an attribute is a member of what its rule names, which was written as a key of its own.
    fn is_member(&self, item: Item, verdict: Verdict) -> bool {
        let attribute = self.batch.attributes.get(item.row).filter(|_| item.slot == Slot::Attribute);
        attribute
            .is_some_and(|attribute| self.policy.is_key_of_member(verdict.rule, &self.key_of(*attribute)))
    }

    /// Keeps the structure of messages, or less of it, as text or as lists.
    pub(super) fn structure(&mut self, item: Item, verdict: Verdict, kept: Kept, path: &mut Path<'a>) {
        let RawValue::String(text) = item.value else {
            return self.structured(item, verdict, kept, (Member::Container, false), path);
        };
        let look = Look { on: verdict.selection, is_query: false };
        if self.is_too_long(item.slot, item.row, item.place, text, look) {
            return;
        }
        let content = self.batch.text(text);
        let Some(structured) = body::structure(&content, self.policy.label(verdict.rule), kept) else {
            if !placeholder::is_placeholder(&content) {
                self.mask(item, verdict);
            }
            return;
        };
        let result = self.redacted(&structured, look).unwrap_or(structured);
        if result != content {
            self.put(item, verdict, &result);
        }
    }

    /// The same of a value within messages that are lists. `member` is what its name says it is, and whether it is a tool's.
    fn structured(
        &mut self,
        item: Item,
        verdict: Verdict,
        kept: Kept,
        (member, is_tool): (Member, bool),
        path: &mut Path<'a>,
    ) {
        let is_container = member.is_container();
        match item.value {
            RawValue::Empty => {}
            RawValue::String(text) => {
                let content = self.batch.text(text);
                if body::stays(member, is_tool, &content) {
                    let look = Look { on: verdict.selection, is_query: false };
                    return self.look_at(item.slot, item.row, item.place, text, look);
                }
                let mut mask = String::new();
                let length = content.chars().count();
                placeholder::push_mask_of_length(&mut mask, self.policy.label(verdict.rule), length);
                self.put(item, verdict, &mask);
            }
            RawValue::Int(number) if member.has_room_for(number) => {
                self.number(item, item.value, verdict.selection);
            }
            RawValue::Double(number) if member.has_room_for_decimal(number) => {
                self.number(item, item.value, verdict.selection);
            }
            RawValue::Array(rows) if is_container || member.is_of_words() => {
                for row in rows.range() {
                    if let Some(child) = self.batch.values.get(row).copied() {
                        let child = Item { slot: Slot::Child, row, value: child.value(), ..item };
                        self.structured(child, verdict, kept, (member, is_tool), path);
                    }
                }
            }
            RawValue::KvList(rows) if is_container => {
                self.structured_members(item, verdict, kept, (member, rows), path);
            }
            _ => self.mask(item, verdict),
        }
    }

    fn structured_members(
        &mut self,
        item: Item,
        verdict: Verdict,
        kept: Kept,
        (own, rows): (Member, Rows),
        path: &mut Path<'a>,
    ) {
        let batch = self.batch;
        let is_tool = own == Member::ToolContainer || self.is_of_tool(rows);
        let keys = || {
            let children = rows.range().filter_map(|row| batch.values.get(row));
            children.map(|child| child.key().map_or(Cow::Borrowed(""), |key| batch.key(key)))
        };
        let mut names = body::MaskedNames::default();
        let of_pair = self.pair_taken_by_user(item, rows, path);
        for row in rows.range() {
            let Some(child) = self.batch.values.get(row).copied() else {
                continue;
            };
            let name = self.key_of(child);
            let member = member::member(&name, own, kept);
            let is_masked = member.is_none() && !placeholder::is_placeholder(&name);
            let child = Item { slot: Slot::Child, row, value: child.value(), ..item };
            let kind = (member.unwrap_or(Member::Content), is_tool);
            // What the user drops, masks or hashes goes from every list.
            let taken = if self.policy.has_own_rules() {
                let of_pair = of_pair.filter(|_| name != "key");
                let own = self.keys.paths.enter(self.policy, item.place, item.event, path, name);
                self.policy.taken_by_user(own.said).or(of_pair)
            } else {
                path.push(name);
                None
            };
            if is_masked && taken.is_none_or(|taken| taken.treatment != Treatment::Drop) {
                let mut mask = String::new();
                let label = self.policy.label(verdict.rule);
                placeholder::push_mask_of_length(&mut mask, label, names.next(label, keys));
                let change = self.edits.keep(&mask);
                self.edits.push(Slot::ChildKey, row, change);
                self.report.count_rule(verdict.rule, item.place);
            }
            match taken {
                Some(taken) => self.treat(child, taken, path),
                None => self.structured(child, verdict, kept, kind, path),
            }
            path.pop();
        }
    }

    /// What the key of a pair says of its members, if by a rule of the user's all of them goes.
    fn pair_taken_by_user(&mut self, item: Item, rows: Rows, path: &mut Path<'a>) -> Option<Verdict> {
        if !self.policy.has_own_rules() {
            return None;
        }
        let keys: Vec<_> = self.keys_of_pair(rows).collect();
        let mut taken_of = |name: Cow<'a, str>| {
            let said = self.said_below(item, path, name);
            self.policy.taken_by_user(said)
        };
        let taken = keys.into_iter().find_map(&mut taken_of)?;
        // If more is said of it than of one of any name.
        (taken_of(Cow::Borrowed(ANY_NAME)) != Some(taken)).then_some(taken)
    }

    fn is_of_tool(&self, rows: Rows) -> bool {
        rows.range().filter_map(|row| self.batch.values.get(row)).any(|child| {
            let RawValue::String(text) = child.value() else {
                return false;
            };
            body::is_type_name(&self.key_of(*child)) && body::is_of_tool(&self.batch.text(text))
        })
    }
}

/// The members that a rule names, in JSON that is a text.
struct Named<'p> {
    policy: &'p CompiledPolicy,
    verdict: Verdict,
}

impl Members for Named<'_> {
    fn has(&self, name: &str) -> bool {
        self.policy.is_named_member(self.verdict.rule, name)
    }

    /// In a text there is no dropping: a placeholder says that something was there.
    fn replacement(&self, value: Option<&str>) -> Option<String> {
        let value = value.filter(|_| self.policy.of_named_members(self.verdict.rule) == Treatment::Hash);
        match value.zip(self.policy.key()) {
            Some((value, _)) if placeholder::is_placeholder(value) => None,
            Some((value, key)) => Some(key.pseudonym(value)),
            None => Some(self.mask()),
        }
    }

    fn replacement_of_unread(&self, text: &str, fault: Fault) -> Option<String> {
        (!self.may_stay_unread(text, fault)).then(|| self.mask())
    }
}

/// Whether it is to be an object: as another language writes it, where it is none of JSON.
fn is_object(text: &str) -> bool {
    text.trim_ascii_start().starts_with('{')
}

impl Named<'_> {
    /// The text without the members. What may have none is read if it can be JSON at all.
    fn changed(&self, text: &str, may_have_none: bool) -> Result<String, Fault> {
        let is_read = is_object(text) || may_have_none && json_text::looks_like_json(text);
        if is_read { json_members::change(text, self) } else { Err(Fault::NotJson) }
    }

    /// Whether nothing goes from a text for its members' sake.
    fn leaves(&self, text: &str) -> bool {
        match self.changed(text, true) {
            Ok(changed) => changed == text,
            Err(fault) => self.may_stay_unread(text, fault),
        }
    }

    /// Whether a text may stay in which members cannot be found for this reason.
    fn may_stay_unread(&self, text: &str, fault: Fault) -> bool {
        // What was put in is no JSON.
        let is_prose = !json_text::looks_like_json(text)
            || placeholder::length_at(text.trim_ascii_start().as_bytes()).is_some();
        // What begins with a bracket may be anything, too, among metadata.
        let is_metadata = self.policy.is_of_metadata(self.verdict.rule);
        fault == Fault::NotJson
            && (is_prose || is_metadata && !is_object(text))
            && !json_members::are_named_in(text, self)
    }

    fn mask(&self) -> String {
        let mut mask = String::new();
        placeholder::push_mask(&mut mask, self.policy.label(self.verdict.rule));
        mask
    }
}
