//! Payloads that a WAF's critical rules saw: SQL, script, paths that leave their directory.

use std::collections::BTreeMap;

use watchfloor_core::Attack;

use super::window::{busiest, episodes};
use super::{Finding, most_hit, span};
use crate::Thresholds;
use crate::seen::{Payload, Seen};

pub(super) fn find<'s>(requests: &[&'s Seen], limits: &Thresholds) -> Vec<Finding<'s>> {
    let mut by_kind: BTreeMap<Payload, Vec<&'s Seen>> = BTreeMap::new();
    for request in requests {
        if let Some((kind, _)) = &request.payload {
            by_kind.entry(*kind).or_default().push(request);
        }
    }
    let found = by_kind.iter().flat_map(|(kind, requests)| {
        episodes(requests, limits.payload_window).filter_map(|episode| one(*kind, episode, limits))
    });
    found.collect()
}

fn one<'s>(kind: Payload, episode: &[&'s Seen], limits: &Thresholds) -> Option<Finding<'s>> {
    if busiest(episode, limits.payload_window) < limits.payloads {
        return None;
    }
    let attack = match kind {
        Payload::Sql => Attack::SqlInjection,
        Payload::Script => Attack::Xss,
        Payload::Traversal => Attack::PathTraversal,
        Payload::Other => Attack::Injection,
    };
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for request in episode {
        for rule in request.payload.iter().flat_map(|(_, rules)| rules) {
            *rules.entry(rule).or_default() += 1;
        }
    }
    let accepted = episode.iter().filter(|r| r.status.is_some_and(|s| s < 400)).count();
    let counted: Vec<_> = rules.iter().map(|(rule, n)| format!("{rule} ×{n}")).collect();
    let explanation = format!(
        "{} requests in {} matched critical rules of the WAF ({}); {} within {} min are the limit. \
         {accepted} of them were answered with success.",
        episode.len(),
        span(episode),
        counted.join(", "),
        limits.payloads,
        limits.payload_window.as_secs() / 60,
    );
    Some(Finding {
        attack,
        requests: episode.to_vec(),
        group: most_hit(episode),
        account: None,
        indicators: rules.keys().map(|rule| ("rule", (*rule).to_owned())).collect(),
        explanation,
        score: if accepted > 0 { 85 } else { 65 },
    })
}
