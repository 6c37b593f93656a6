//! Blocks ⇄ PAN-OS's registered addresses.

use std::collections::BTreeMap;
use std::time::Duration;

use watchfloor_core::block::{BadTarget, BlockVerdict, Lease};
use watchfloor_core::{Count, Error, Kind, Outcome, Result, Target, cut};

use super::wire::{Entry, Reply, ReplyEntry, Section};

/// The longest timeout of a registered tag: 30 days.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(2_592_000);

/// An address to register, with the seconds after which the device ends it: never earlier than
/// the lease, and never 0, which would be for ever.
pub(crate) fn register(target: Target, lease: Lease) -> Entry {
    let timeout = match lease {
        Lease::For(ttl) => {
            let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
            Some(seconds.clamp(1, MAX_TIMEOUT.as_secs()))
        }
        Lease::Permanent => None,
    };
    Entry { ip: target.to_string(), timeout }
}

/// An address to unregister.
pub(crate) fn unregister(target: Target) -> Entry {
    Entry { ip: target.to_string(), timeout: None }
}

/// The verdict of each target of an update that was answered.
///
/// An entry that the answer does not list was done. One that names none of the targets leaves
/// open whose failure it is: then nothing is known of those that are not listed.
pub(crate) fn verdicts(
    section: Section,
    targets: &[Target],
    reply: &Reply,
) -> Vec<(Target, BlockVerdict)> {
    let mut said: BTreeMap<Target, BlockVerdict> = BTreeMap::new();
    let mut stray = None;
    for entry in &reply.entries {
        match entry.ip.parse::<Target>() {
            Ok(target) if targets.contains(&target) => {
                let verdict = entry_verdict(&entry.message);
                // A benign line must not hide a failure of the same address.
                if !matches!(said.get(&target), Some(BlockVerdict::Failed(_))) {
                    said.insert(target, verdict);
                }
            }
            _ => stray = Some(entry),
        }
    }
    let rest = match (stray, section) {
        (Some(entry), _) => {
            let what = "the answer speaks of an address that was not asked for";
            let e = Error::new(Kind::Protocol, what).with_outcome(Outcome::Unknown);
            BlockVerdict::Failed(e.with("message", short(&entry.message)))
        }
        (None, Section::Register) => BlockVerdict::Accepted,
        (None, Section::Unregister) => BlockVerdict::Released,
    };
    let verdict = |t: &Target| (*t, said.get(t).cloned().unwrap_or_else(|| rest.clone()));
    targets.iter().map(verdict).collect()
}

fn entry_verdict(message: &str) -> BlockVerdict {
    let message = message.trim();
    if message.ends_with("already exists, ignore") {
        return BlockVerdict::AlreadyPresent;
    }
    if message.ends_with("does not exist, ignore unreg") {
        return BlockVerdict::NotPresent;
    }
    let what = if message.contains("Failed to register") {
        "the device cannot register it, as a rule for want of room"
    } else {
        "the device refuses it"
    };
    let e = Error::new(Kind::Unavailable, what).with_outcome(Outcome::Rejected);
    BlockVerdict::Failed(e.with("message", short(message)))
}

/// What a page lists under the tag. Entries under other tags only are not Watchfloor's.
pub(crate) fn held(tag: &str, entries: &[ReplyEntry]) -> Result<Vec<Target>> {
    entries
        .iter()
        .filter(|entry| entry.tags.iter().any(|t| t == tag))
        .map(|entry| {
            entry.ip.parse().map_err(|e: BadTarget| {
                let what = format!("the tag {tag} holds what is no address or network");
                Error::new(Kind::Protocol, what).with("entry", e)
            })
        })
        .collect()
}

/// Enough of a device's text to be recognised.
pub(crate) fn short(text: &str) -> String {
    cut(text, 200, Count::Chars).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(texts: &[&str]) -> Vec<Target> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn words(section: Section, asked: &[&str], body: &str) -> Vec<&'static str> {
        let reply = Reply::from_xml(body.as_bytes()).unwrap();
        let verdicts = verdicts(section, &targets(asked), &reply);
        verdicts.iter().map(|(_, verdict)| verdict.as_str()).collect()
    }

    fn partial(section: &str, entries: &str) -> String {
        format!(
            "<response status=\"error\"><msg><line><uid-response><version>2.0</version><payload>\
             <{section}>{entries}</{section}></payload></uid-response></line></msg></response>"
        )
    }

    #[test]
    fn the_timeout_is_in_seconds_and_never_shorter_than_the_lease() {
        let target = "203.0.113.7".parse().unwrap();
        let timeout = |lease| register(target, lease).timeout;
        assert_eq!(timeout(Lease::For(Duration::from_hours(1))), Some(3600));
        assert_eq!(timeout(Lease::For(Duration::from_millis(1500))), Some(2));
        assert_eq!(timeout(Lease::For(Duration::from_millis(1))), Some(1), "0 would be for ever");
        assert_eq!(timeout(Lease::For(MAX_TIMEOUT)), Some(2_592_000));
        assert_eq!(timeout(Lease::Permanent), None);
    }

    #[test]
    fn t27_an_entry_that_exists_already_is_told_from_those_applied() {
        let body = partial(
            "register",
            r#"<entry ip="1.1.2.2" message="tag foo already exists, ignore"/>"#,
        );
        let said = words(Section::Register, &["1.1.2.2", "203.0.113.7"], &body);
        assert_eq!(said, ["already_present", "accepted"]);
    }

    #[test]
    fn t27_a_benign_last_line_hides_no_failure() {
        let body = partial(
            "register",
            r#"<entry ip="203.0.113.7" message="Failed to register"/>
               <entry ip="1.1.2.2" message="tag foo already exists, ignore"/>"#,
        );
        let said = words(Section::Register, &["203.0.113.7", "1.1.2.2"], &body);
        assert_eq!(said, ["failed", "already_present"]);
        let twice = partial(
            "register",
            r#"<entry ip="1.1.2.2" message="Failed to register"/>
               <entry ip="1.1.2.2" message="tag foo already exists, ignore"/>"#,
        );
        assert_eq!(words(Section::Register, &["1.1.2.2"], &twice), ["failed"]);
    }

    #[test]
    fn what_was_not_there_is_not_present() {
        let body = partial(
            "unregister",
            r#"<entry ip="203.0.113.9" message="ip 203.0.113.9 does not exist, ignore unreg"/>"#,
        );
        let said = words(Section::Unregister, &["203.0.113.9", "2001:db8::1"], &body);
        assert_eq!(said, ["not_present", "released"]);
    }

    #[test]
    fn an_entry_of_nobody_leaves_the_others_open() {
        let body = partial("register", r#"<entry message="Failed to register"/>"#);
        assert_eq!(words(Section::Register, &["203.0.113.7"], &body), ["unknown"]);
    }

    #[test]
    fn other_spellings_of_an_address_are_the_same() {
        let body = partial(
            "register",
            r#"<entry ip="2001:0DB8:0000::0001/128" message="tag foo already exists, ignore"/>"#,
        );
        assert_eq!(words(Section::Register, &["2001:db8::1"], &body), ["already_present"]);
    }

    #[test]
    fn entries_of_other_tags_are_not_ours_and_unreadable_ones_are_an_error() {
        let entry = |ip: &str, tag: &str| ReplyEntry {
            ip: ip.to_owned(),
            message: String::new(),
            tags: vec![tag.to_owned()],
        };
        let mixed = [entry("203.0.113.7", "ours"), entry("10.0.0.1-10.0.0.9", "theirs")];
        assert_eq!(held("ours", &mixed).unwrap().len(), 1);
        let e = held("ours", &[entry("10.0.0.1-10.0.0.9", "ours")]).unwrap_err();
        assert!(e.to_string().contains("10.0.0.1-10.0.0.9"), "{e}");
    }
}
