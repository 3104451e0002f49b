//! Settings that would do nothing, or the opposite of what they look like: mistakes, which would leave something private in
//! place.

use super::{Action, Bodies, Identity, Policy, PolicyError, Preset, TextAction};
use crate::redact::detector::Builtin;
use crate::redact::place::{Place, Places};

/// Refuses a policy with such a setting.
pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    if matches!(policy.content, Action::Keep | Action::Truncate(_)) {
        return Err(PolicyError::new(
            "content is masked, dropped or hashed; to keep some of it, write a rule",
        ));
    }
    if policy.longest_text == 0 {
        return Err(PolicyError::new("the longest text is 0 bytes: all text would be masked"));
    }
    let of_keys = [
        ("content", policy.content != Action::Mask),
        ("bodies", policy.bodies != Bodies::Mask),
        ("identity", policy.identity != Identity::Keep),
    ];
    for (setting, is_set) in of_keys {
        if is_set && !policy.presets.contains(&Preset::PrivacyMode) {
            return Err(PolicyError::new(format!(
                "`{setting}` is for keys that the preset privacy-mode knows, which is not among the presets"
            )));
        }
    }
    if policy.bodies == Bodies::Structure && policy.content != Action::Mask {
        return Err(PolicyError::new("`bodies` is for content that is masked, and `content` says otherwise"));
    }
    let texts = Place::ALL.iter().zip(&policy.texts);
    let mut of_keys = texts.filter(|(place, text)| place.has_keys() && **text != TextAction::Scan);
    if let Some((place, _)) = of_keys.next() {
        return Err(PolicyError::new(format!(
            "there is a setting for the texts of `{}`, where attributes have keys: rules say what becomes of them",
            place.id()
        )));
    }
    for (rule, position) in &policy.rules {
        let of_events = rule.places == Places::KEYED || rule.places == Places::from([Place::Event]);
        if rule.event.is_some() && !of_events {
            let error = PolicyError::new("a rule with an `event` is for events, and for no other places");
            return Err(error.at_position(*position));
        }
    }
    detectors(policy)
}

fn detectors(policy: &Policy) -> Result<(), PolicyError> {
    let settings = &policy.detectors;
    if let Some(id) = settings.on.iter().find(|id| settings.off.contains(id)) {
        return Err(PolicyError::new(format!("the detector `{id}` is both on and off")));
    }
    let by_preset = policy.presets.contains(&Preset::Secrets);
    let is_on = |id: &str| {
        let named = settings.on.iter().any(|on| on == id);
        let custom = Builtin::from_id(id).is_none();
        let preset = by_preset && Builtin::from_id(id).is_some_and(Builtin::is_on_by_default);
        (named || custom || preset) && !settings.off.iter().any(|off| off == id)
    };
    for (id, places) in &settings.only {
        if !is_on(id) {
            return Err(PolicyError::new(format!(
                "the detector `{id}` is to look at some places, and is not on"
            )));
        }
        if *places == Places::NONE {
            return Err(PolicyError::new(format!(
                "the detector `{id}` would look at no place: it can be `off`"
            )));
        }
    }
    let any_on = by_preset || !settings.on.is_empty() || !settings.set.selection().is_empty();
    if any_on && settings.places == Places::NONE && settings.only.is_empty() {
        return Err(PolicyError::new("the detectors would look at no place"));
    }
    if !any_on && (settings.hashes || settings.reads_numbers || settings.places != Places::ALL) {
        return Err(PolicyError::new("there are settings for detectors, and none is on"));
    }
    Ok(())
}
