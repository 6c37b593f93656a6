//! Floods: far more requests than anybody makes by hand.

use watchfloor_core::Attack;

use super::window::{busiest, episodes};
use super::{Finding, most_hit, span};
use crate::Thresholds;
use crate::seen::Seen;

pub(super) fn find<'s>(requests: &[&'s Seen], limits: &Thresholds) -> Vec<Finding<'s>> {
    let found = episodes(requests, limits.flood_window).filter_map(|episode| {
        let most = busiest(episode, limits.flood_window);
        if most < limits.flood {
            return None;
        }
        let explanation = format!(
            "{most} requests within {} s, {} in {} altogether; {} are the limit.",
            limits.flood_window.as_secs(),
            episode.len(),
            span(episode),
            limits.flood,
        );
        Some(Finding {
            attack: Attack::RateAbuse,
            requests: episode.to_vec(),
            group: most_hit(episode),
            account: None,
            indicators: Vec::new(),
            explanation,
            score: 60,
        })
    });
    found.collect()
}
