//! Guessed passwords: many for one account, or one each for many accounts.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use watchfloor_core::Attack;

use super::window::{busiest, densest, episodes};
use super::{Finding, most_hit, span};
use crate::Thresholds;
use crate::seen::Seen;

pub(super) fn find<'s>(requests: &[&'s Seen], limits: &Thresholds) -> Vec<Finding<'s>> {
    let logins: Vec<_> = requests.iter().copied().filter(|r| r.is_login()).collect();
    let failed: Vec<_> =
        logins.iter().copied().filter(|r| matches!(r.status, Some(400 | 401 | 403))).collect();
    // A payload in a login form is somebody else's finding.
    let failed: Vec<_> = failed.into_iter().filter(|r| r.payload.is_none()).collect();
    episodes(&failed, limits.window)
        .filter_map(|episode| {
            stuffing(episode, &logins, limits).or_else(|| guessing(episode, limits))
        })
        .collect()
}

fn stuffing<'s>(failed: &[&'s Seen], logins: &[&Seen], limits: &Thresholds) -> Option<Finding<'s>> {
    let user = |r: &Seen| r.user.clone();
    let densest = densest(failed, limits.window, user);
    let accounts: HashSet<_> = failed.iter().filter_map(|r| r.user.as_deref()).collect();
    let few_tries = failed.len() <= accounts.len() * limits.tries_per_account;
    if densest < limits.failed_accounts || !few_tries {
        return None;
    }
    let (from, to) = (failed[0].time, failed[failed.len() - 1].time);
    let opened: HashSet<_> = logins
        .iter()
        .filter(|r| r.status.is_some_and(|s| s < 400) && (from..=to).contains(&r.time))
        .filter_map(|r| r.user.as_deref())
        .collect();
    let mut explanation = format!(
        "{densest} accounts with failed logins within {} s, {} are the limit; {} accounts and {} \
         failed logins in {} altogether.",
        limits.window.as_secs(),
        limits.failed_accounts,
        accounts.len(),
        failed.len(),
        span(failed),
    );
    let mut indicators = Vec::new();
    if !opened.is_empty() {
        let _ = write!(explanation, " {} logins meanwhile succeeded.", opened.len());
        let mut opened: Vec<_> = opened.into_iter().collect();
        opened.sort_unstable();
        indicators.extend(opened.into_iter().map(|u| ("user", u.to_owned())));
    }
    Some(Finding {
        attack: Attack::CredentialStuffing,
        requests: failed.to_vec(),
        group: most_hit(failed),
        account: None,
        score: if indicators.is_empty() { 70 } else { 90 },
        indicators,
        explanation,
    })
}

fn guessing<'s>(failed: &[&'s Seen], limits: &Thresholds) -> Option<Finding<'s>> {
    let mut by_account: BTreeMap<Option<&str>, Vec<&'s Seen>> = BTreeMap::new();
    for request in failed {
        by_account.entry(request.user.as_deref()).or_default().push(request);
    }
    let (account, most) = by_account.into_iter().max_by_key(|(_, requests)| requests.len())?;
    let densest = busiest(&most, limits.window);
    if densest < limits.failed_logins {
        return None;
    }
    let whose = account.map_or_else(String::new, |a| format!(" of {a}"));
    let explanation = format!(
        "{densest} failed logins{whose} within {} s, {} are the limit; {} in {} altogether.",
        limits.window.as_secs(),
        limits.failed_logins,
        most.len(),
        span(&most),
    );
    Some(Finding {
        attack: Attack::CredentialBruteForce,
        group: most_hit(&most),
        requests: most,
        account: account.map(str::to_owned),
        indicators: Vec::new(),
        explanation,
        score: 70,
    })
}
