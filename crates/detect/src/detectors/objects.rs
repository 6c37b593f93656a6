//! Other people's objects: one logged-in client walks through ids (BOLA).

use std::collections::{BTreeMap, HashSet};

use watchfloor_core::Attack;

use super::window::{densest, episodes};
use super::{Finding, span};
use crate::Thresholds;
use crate::seen::Seen;

/// The groups whose objects anybody may read, such as a catalogue's: at least half of what was
/// read was read without an account.
pub(super) fn public(seen: &[Seen]) -> HashSet<&str> {
    let mut reads: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for request in seen {
        if request.place.object.is_some() && request.status.is_some_and(|s| s < 400) {
            let (all, nobody) = reads.entry(&request.place.group).or_default();
            *all += 1;
            *nobody += usize::from(request.user.is_none());
        }
    }
    reads.retain(|_, (all, nobody)| *nobody * 2 >= *all);
    reads.into_keys().collect()
}

pub(super) fn find<'s>(
    requests: &[&'s Seen],
    limits: &Thresholds,
    public: &HashSet<&str>,
) -> Vec<Finding<'s>> {
    let mut by_group: BTreeMap<&str, Vec<&'s Seen>> = BTreeMap::new();
    for request in requests {
        // Without an account there is nobody whose objects they could be.
        let account = request.user.is_some() && !public.contains(&*request.place.group);
        if request.place.object.is_some() && account && request.payload.is_none() {
            by_group.entry(&request.place.group).or_default().push(request);
        }
    }
    let found = by_group.iter().flat_map(|(group, requests)| {
        episodes(requests, limits.window).filter_map(|episode| one(group, episode, limits))
    });
    found.collect()
}

/// By account: a house of many people behind one address reads many objects, each its own.
fn one<'s>(group: &str, episode: &[&'s Seen], limits: &Thresholds) -> Option<Finding<'s>> {
    let mut by_account: BTreeMap<&str, Vec<&'s Seen>> = BTreeMap::new();
    for request in episode {
        by_account.entry(request.user.as_deref().unwrap_or_default()).or_default().push(request);
    }
    let object = |r: &Seen| r.place.object.clone();
    let counted = by_account
        .into_iter()
        .map(|(account, requests)| (densest(&requests, limits.window, object), account, requests));
    let (most, account, requests) = counted.max_by_key(|(most, ..)| *most)?;
    if most < limits.objects {
        return None;
    }
    let objects: HashSet<_> = requests.iter().filter_map(|r| r.place.object.as_deref()).collect();
    let refused = requests.iter().filter(|r| r.is_refused()).count();
    let explanation = format!(
        "{most} distinct objects of {group} by {account} within {} s, {} are the limit; {} objects \
         in {} altogether, {refused} of {} requests refused.",
        limits.window.as_secs(),
        limits.objects,
        objects.len(),
        span(&requests),
        requests.len(),
    );
    Some(Finding {
        attack: Attack::Bola,
        score: if refused < requests.len() { 90 } else { 70 },
        requests,
        group: group.to_owned(),
        account: Some(account.to_owned()),
        indicators: Vec::new(),
        explanation,
    })
}
