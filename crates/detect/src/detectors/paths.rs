//! Guessed paths: many distinct ones that are refused.

use std::collections::{BTreeMap, HashSet};

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
        let most = densest(episode, limits.window, group);
        if most < limits.refused_paths {
            return None;
        }
        let paths: HashSet<_> = episode.iter().map(|r| &*r.place.group).collect();
        let explanation = format!(
            "{most} distinct paths answered 401, 403 or 404 within {} s, {} are the limit; {} in {} \
             altogether.",
            limits.window.as_secs(),
            limits.refused_paths,
            paths.len(),
            span(episode),
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

/// The longest path, at a segment boundary, that nine tenths of the requests lie under.
fn common(requests: &[&Seen]) -> String {
    let mut common = String::new();
    let mut under: Vec<_> =
        requests.iter().map(|r| r.path.split('/').skip(1).filter(|s| !s.is_empty())).collect();
    loop {
        let mut by_segment: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for mut rest in under {
            if let Some(segment) = rest.next() {
                by_segment.entry(segment).or_default().push(rest);
            }
        }
        let most = by_segment.into_iter().max_by_key(|(_, rests)| rests.len());
        match most {
            Some((segment, rests)) if rests.len() * 10 >= requests.len() * 9 => {
                common = format!("{common}/{segment}");
                under = rests;
            }
            _ if common.is_empty() => return "/".to_owned(),
            _ => return common,
        }
    }
}
