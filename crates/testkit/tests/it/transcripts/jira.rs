//! What the client `jira` of Python sends, Cloud and Data Center: every flow comes to its end. The
//! recorded answers are made up, so that of their shape what they hold must be there, and the twin
//! may say more.

use std::sync::Arc;

use serde_json::Value;
use watchfloor_testkit::{Answer, TestClock, Twin, twins};

use super::{body, exchanges, files, request};

const FOLDER: &str = "client-jira-3.10.5";

/// What is answered otherwise: file and exchange, status, why.
const OTHERWISE: &[(&str, usize, u16, &str)] = &[
    ("16", 0, 200, "a limit is the script's to meet, not the site's"),
    ("17", 0, 201, "a failure is the script's to cause"),
];

/// What a made-up answer tells that a site would not: file and where, why.
const SAID_TOO_MUCH: &[(&str, &str, &str)] = &[
    ("03", ".fields.labels", "none were given"),
    ("04", ".fields.", "only what is asked for is told"),
    ("05", ".fields.", "only what is asked for is told"),
];

/// The site as the flow of this file finds it.
fn site(number: &str) -> (twins::Jira, &'static str) {
    let clock = Arc::new(TestClock::at("2026-11-24T06:00:00Z".parse().unwrap()));
    let center = matches!(number, "19" | "20" | "21");
    let credential = if center { "Bearer pat" } else { "Basic twin" };
    let site = if center {
        twins::Jira::data_center(clock, credential).user("me", "Me", "me@example.org")
    } else {
        twins::Jira::new(clock, credential).user("abc", "Me", "me@example.org")
    };
    let site = site.project("SEC", &[]);
    // Ids are counted from 10000; the flows speak of 10001 and of SEC-1.
    let issues = match number {
        "01" | "02" | "03" | "17" | "18" | "19" => 0,
        // One more than the page that is asked for.
        "05" => 3,
        _ => 2,
    };
    for _ in 0..issues {
        site.plant("watchfloor");
    }
    // A page of one, where the flow reads two.
    let site = if matches!(number, "06" | "20") { site.page(1) } else { site };
    if matches!(number, "07" | "08") {
        let done = twins::JiraWorkflow::empty()
            .status("1", "To Do", "new")
            .status("10002", "Done", "done")
            .step("31", "Done", None, "10002")
            .resolution("1", "Done");
        site.works_by(done);
    }
    (site, credential)
}

#[test]
fn every_flow_of_the_client_comes_to_its_end() {
    let (mut replayed, mut found) = (0, Vec::new());
    for file in files(FOLDER) {
        let number = &file[..2];
        let (site, credential) = site(number);
        if number == "10" {
            let say = &exchanges(&format!("{FOLDER}/09-comment.json"))[0].0;
            site.handle(&request(say, Some(("authorization", credential))), None);
        }
        let mut token: Option<String> = None;
        for (at, (recorded, response)) in exchanges(&format!("{FOLDER}/{file}")).iter().enumerate()
        {
            let mut sent = request(recorded, Some(("authorization", credential)));
            // The token is the site's to name.
            if let Some(token) = &token {
                sent.query = sent.query.replace("tok2", token.as_str());
            }
            let answer = site.handle(&sent, None);
            let other = OTHERWISE.iter().find(|(n, exchange, ..)| *n == number && *exchange == at);
            let expected = other.map_or(response["status"].as_u64(), |o| Some(u64::from(o.2)));
            let name = format!("{file} {at}");
            if Some(u64::from(answer.status())) != expected {
                found.push(format!("{name}: {} {}", answer.status(), body(&answer)));
                continue;
            }
            if other.is_none() {
                lacks(&name, &body(&answer), &told(response), &mut found);
            }
            token = body(&answer)["nextPageToken"].as_str().map(str::to_owned);
            replayed += 1;
        }
    }
    found.retain(|f| !SAID_TOO_MUCH.iter().any(|(n, at, _)| f.starts_with(n) && f.contains(at)));
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(replayed, 34);
}

#[test]
fn a_limit_is_told_as_the_client_reads_it() {
    let file = format!("{FOLDER}/16-rate-limited.json");
    let theirs = &exchanges(&file)[0].1;
    let reset = "2026-11-24T06:00:00Z".parse().unwrap();
    let ours: Answer = twins::Jira::limited("jira-burst-based", 1, reset);
    assert_eq!(u64::from(ours.status()), theirs["status"].as_u64().unwrap());
    let mut found = Vec::new();
    lacks("16", &body(&ours), &told(theirs), &mut found);
    for name in ["retry-after", "x-ratelimit-reset"] {
        assert!(ours.headers().contains_key(name), "{name}");
    }
    assert!(found.is_empty(), "{found:?}");
}

fn told(response: &Value) -> Value {
    match &response["body"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    }
}

/// What of theirs is not in ours, or of another type.
fn lacks(at: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in theirs {
                match ours.get(key) {
                    Some(own) => lacks(&format!("{at}.{key}"), own, value, found),
                    // Cloud's users have neither since 2019, and Data Center's no account.
                    None if matches!(key.as_str(), "name" | "key" | "accountId") => {}
                    None => found.push(format!("{at}.{key} is not there")),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => match (ours.first(), theirs.first()) {
            (Some(own), Some(value)) => lacks(&format!("{at}[0]"), own, value, found),
            (None, Some(_)) => found.push(format!("{at} is empty")),
            _ => {}
        },
        _ if std::mem::discriminant(ours) == std::mem::discriminant(theirs) => {}
        _ => found.push(format!("{at}: {ours} for {theirs}")),
    }
}
