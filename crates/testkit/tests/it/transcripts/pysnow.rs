//! ServiceNow as pysnow uses it. The requests are the client's; the answers were made up by the
//! recorder, so a record is compared by the fields that it shows, and each difference has its reason.

use std::sync::Arc;

use serde_json::Value;
use watchfloor_testkit::{Answer, Request, TestClock, Twin, twins};

use super::{body, exchanges, files, recording, request};

const FOLDER: &str = "client-pysnow-0.7.17";
/// The record of the recorder's server.
const RECORDED: &str = "9d385017c611228701d22104cc95c371";

/// Flows whose recorded answer the twin does not give, with the reason.
const DIFFERENT: [(&str, u16, &str); 1] = [(
    "10-attach-multipart.json",
    400,
    "the client sends multipart/form-data without a boundary, which no server can read",
)];

fn twin() -> twins::ServiceNow {
    let clock = Arc::new(TestClock::at("2026-11-24T06:00:00Z".parse().unwrap()));
    twins::ServiceNow::new(clock, "cid", "s")
        .accept("Basic twin")
        .user("wf", "p")
        // 07 resolves with notes alone: the recorder's server knew no data policy.
        .closing(twins::Closing::Free)
}

/// A twin with what the flow needs, and the record that takes the place of the recorded one.
fn stage(file: &str) -> (twins::ServiceNow, String) {
    let twin = if file.starts_with("14") { twin().requests_per_hour(0) } else { twin() };
    let id = match file.split_once('-').map(|(number, _)| number) {
        Some("01" | "06") => String::new(),
        Some("03") => (0..3).map(|_| twin.plant("incident", "many")).last().unwrap(),
        Some("04" | "05") => (0..3).map(|_| twin.plant("incident", "wf-1")).last().unwrap(),
        _ => twin.plant("incident", "wf-1"),
    };
    if file.starts_with("13") {
        twin.forbid();
    }
    if file.starts_with("11") {
        let path = format!(
            "/api/now/attachment/file?table_name=incident&table_sys_id={id}&file_name=e.json"
        );
        let headers = [("authorization", "Basic twin"), ("content-type", "application/json")];
        let kept = twin.handle(&Request::of("POST", &path, &headers, "{}".into()), None);
        assert_eq!(kept.status(), 201);
    }
    (twin, id)
}

/// The recorded request, with the twin's record and credentials in the places of the masked ones.
fn ours(recorded: &Value, twin: &twins::ServiceNow, id: &str, token: &str) -> Request {
    let text = recorded.to_string().replace(RECORDED, id);
    let mut recorded: Value = serde_json::from_str(&text).unwrap();
    let is_token = recorded["path"] == "/oauth_token.do";
    if is_token {
        let form = recorded["body"].as_str().unwrap();
        let form = form
            .replace("&password=<masked>", "&password=p")
            .replace("&client_secret=<masked>", "&client_secret=s")
            .replace("&refresh_token=<masked>", &format!("&refresh_token={}", twin.consent()));
        recorded["body"] = form.into();
    }
    let in_form = recorded["body"].as_str().is_some_and(|form| form.contains("client_secret"));
    let bearer = recorded["headers"].to_string().contains("Bearer");
    let credential = match (is_token, bearer) {
        (true, _) => "Basic Y2lkOnM=".to_owned(),
        (_, true) => format!("Bearer {token}"),
        _ => "Basic twin".to_owned(),
    };
    let credential = ("authorization", credential.as_str());
    request(&recorded, (!in_form).then_some(credential))
}

/// What the twin lacks of the recorded answer: a status, a header, a field.
fn lacks(file: &str, answer: &Answer, recorded: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if Some(u64::from(answer.status())) != recorded["status"].as_u64() {
        found.push(format!("{file}: {} for {}", answer.status(), recorded["status"]));
    }
    for name in recorded["headers"].as_object().unwrap().keys() {
        if !answer.headers().contains_key(name.to_lowercase().as_str()) {
            found.push(format!("{file}: no {name}"));
        }
    }
    let text = recorded["body"].as_str().unwrap_or_default();
    let theirs: Value = serde_json::from_str(text).unwrap_or_default();
    lacks_fields(file, &body(answer), &theirs, &mut found);
    found
}

/// A record has more fields on one instance than on another; those of the recording are there.
fn lacks_fields(at: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in b {
                lacks_fields(
                    &format!("{at}.{key}"),
                    &a.get(key).cloned().unwrap_or_default(),
                    value,
                    found,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                lacks_fields(&format!("{at}[{i}]"), a, b, found);
            }
        }
        (Value::String(_), Value::String(_) | Value::Null)
        | (Value::Number(_), Value::Number(_)) => {}
        _ if ours == theirs => {}
        _ => found.push(format!("{at}: {ours} for {theirs}")),
    }
}

/// The recorded records with these fields alone.
fn only(response: &mut Value, fields: &[&str]) {
    let mut recorded: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    for record in recorded["result"].as_array_mut().unwrap() {
        record.as_object_mut().unwrap().retain(|name, _| fields.contains(&name.as_str()));
    }
    response["body"] = recorded.to_string().into();
}

#[test]
fn each_flow_is_answered_as_pysnow_expects() {
    let names = files(FOLDER);
    assert_eq!(names.len(), 17, "{names:?}");
    let mut found = Vec::new();
    for file in &names {
        let (twin, id) = stage(file);
        let mut token = String::new();
        for (recorded, response) in &exchanges(&format!("{FOLDER}/{file}")) {
            let mut answer = twin.handle(&ours(recorded, &twin, &id, &token), None);
            if let Some(given) = body(&answer)["access_token"].as_str() {
                token = given.to_owned();
            }
            if let Some((_, status, why)) = DIFFERENT.iter().find(|(name, ..)| name == file) {
                assert_eq!(answer.status(), *status, "{file}: {why}");
                continue;
            }
            if file.starts_with("15") {
                // The recorder wrote whole JSON; what was captured of an instance breaks off.
                answer = twins::ServiceNow::cancelled(&answer);
                assert_eq!(answer.status(), 200);
                let text = String::from_utf8(answer.bytes().to_vec()).unwrap();
                assert!(text.contains("Transaction cancelled"), "{text}");
                assert!(serde_json::from_slice::<Value>(answer.bytes()).is_err(), "{text}");
                continue;
            }
            let mut response = response.clone();
            if file.starts_with("03") {
                // The client asks for two fields, and the recorder's server passed over that.
                only(&mut response, &["number", "state"]);
            }
            found.extend(lacks(file, &answer, &response));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_flow_says_what_it_shows() {
    for file in files(FOLDER) {
        let recorded = recording(&format!("{FOLDER}/{file}"));
        assert!(recorded["client"].as_str().is_some_and(|c| c.starts_with("pysnow")), "{file}");
    }
}
