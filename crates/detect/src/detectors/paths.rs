//! Guessed paths: many distinct ones that are refused.

use std::collections::HashSet;

use watchfloor_core::Attack;

use super::window::{densest, episodes};
use super::{Finding, span};
use crate::Thresholds;
use crate::seen::Seen;

pub(super) fn find<'s>(requests: &[&'s Seen], limits: &Thresholds) -> Vec<Finding<'s>> {
    let refused: Vec<_> = requests
        .iter()
        .copied()
        .filter(|r| r.is_refused() && !r.is_login() && r.payload.is_none())
        .collect();
    let found = episodes(&refused, limits.window).filter_map(|episode| {
        // By group: the objects of one group are one path.
        let group = |r: &Seen| r.place.group.clone();
        if densest(episode, limits.window, group) < limits.refused_paths {
            return None;
        }
        let paths: HashSet<_> = episode.iter().map(|r| &*r.place.group).collect();
        let explanation = format!(
            "{} distinct paths answered 401, 403 or 404 in {}; {} within {} s are the limit.",
            paths.len(),
            span(episode),
            limits.refused_paths,
            limits.window.as_secs(),
        );
        Some(Finding {
            attack: Attack::ForcedBrowsing,
            requests: episode.to_vec(),
            group: common(episode),
            account: None,
            indicators: Vec::new(),
            explanation,
            score: 60,
        })
    });
    found.collect()
}

/// The longest path, at a segment boundary, that most of the requests lie under.
fn common(requests: &[&Seen]) -> String {
    let mut prefix: Vec<&str> = Vec::new();
    let within = |prefix: &[&str]| {
        requests
            .iter()
            .filter(|r| r.path.split('/').skip(1).take(prefix.len()).eq(prefix.iter().copied()))
            .count()
    };
    'longer: loop {
        let mut next: Vec<&str> =
            requests.iter().filter_map(|r| r.path.split('/').nth(prefix.len() + 1)).collect();
        next.sort_unstable();
        next.dedup();
        for segment in next.into_iter().filter(|s| !s.is_empty()) {
            prefix.push(segment);
            if within(&prefix) * 10 >= requests.len() * 9 {
                continue 'longer;
            }
            prefix.pop();
        }
        return format!("/{}", prefix.join("/"));
    }
}
