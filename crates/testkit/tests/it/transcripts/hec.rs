//! OpenTelemetry's HEC receiver: an independent one, not Splunk. Where the two differ the twin is
//! Splunk's.

use serde_json::Value;
use watchfloor_testkit::{Twin, twins};

use super::{body, files, recording, request};

const FOLDER: &str = "otel-splunkhec-0.161.0";

/// What Splunk answers otherwise: file, status, code, why.
const OTHERWISE: &[(&str, u16, Option<u64>, &str)] = &[
    ("05", 400, Some(7), "the index is not one of the token's"),
    ("07", 400, Some(6), "commas between envelopes are none of the format"),
    ("10", 404, Some(404), "unknown paths are not events"),
    ("21", 200, Some(0), "identity is no encoding"),
    ("22", 415, None, "a page says that the encoding is not taken"),
    ("23", 415, None, "a page says that the encoding is not taken"),
    ("24", 401, Some(2), "the token is looked at"),
    ("25", 403, Some(4), "the token is looked at"),
    ("26", 403, Some(4), "the password is the token"),
    ("27", 401, Some(3), "no other scheme will do"),
    ("28", 403, Some(4), "a token in the query is looked at, and alone"),
    ("35", 400, Some(13), "spaces are blank"),
    ("36", 400, Some(13), "an empty object is blank"),
    ("39", 400, Some(5), "spaces alone are no data"),
    ("44", 200, Some(0), "metrics are events too"),
    ("47", 400, Some(11), "a channel is a GUID with its hyphens"),
    ("58", 200, None, "no acks are asked for, none are told"),
    ("62", 405, Some(404), "another method is another page"),
    ("63", 200, None, "the path with its version asks for acks too"),
    ("64", 405, Some(404), "another method is another page"),
    ("65", 405, Some(404), "another method is another page"),
    ("74", 400, Some(15), "a time that is none is a field that is none"),
    ("80", 400, Some(6), "a key that stands twice is not told by Splunk; the twin refuses it"),
    ("86", 401, Some(2), "the answer is HEC's own"),
    ("87", 403, Some(4), "the answer is HEC's own"),
    ("91", 400, Some(14), "acks are off, and it says so"),
];

#[test]
fn a_receiver_of_hec() {
    let (mut replayed, mut found) = (0, Vec::new());
    for file in files(FOLDER) {
        let number = &file[..2];
        let doc = recording(&format!("{FOLDER}/{file}"));
        let acks = ("45".."64").contains(&number);
        let twin = twins::Hec::new("T");
        let twin = if acks { twin.acks_after(0) } else { twin };
        let given = doc["request"]["headers"]["Authorization"].as_str().unwrap_or_default();
        let token = match number {
            "25" | "87" => "Splunk U",
            _ if given.starts_with("Splunk") => "Splunk T",
            _ => given,
        };
        let credential = (!token.is_empty()).then_some(("authorization", token));
        let answer = twin.handle(&request(&doc["request"], credential), None);
        let theirs: Value =
            serde_json::from_str(doc["response"]["body"].as_str().unwrap_or_default())
                .unwrap_or_default();
        let ours = body(&answer);
        let other = OTHERWISE.iter().find(|(n, ..)| *n == number);
        let expected = match other {
            Some((_, status, code, _)) => (u64::from(*status), *code),
            None => (doc["response"]["status"].as_u64().unwrap(), theirs["code"].as_u64()),
        };
        let got = (u64::from(answer.status()), ours["code"].as_u64());
        if got != expected {
            found.push(format!("{file}: {got:?} for {expected:?}: {ours}"));
            continue;
        }
        if other.is_none() {
            for key in ["invalid-event-number", "acks", "ackId"] {
                let told = (theirs.get(key).is_some(), ours.get(key).is_some());
                // It stops at the first bad event and says so wherever it can.
                assert!(
                    told.0 == told.1 || key == "invalid-event-number" && told.1,
                    "{file}: {key}"
                );
            }
            if let Some(number) = theirs.get("invalid-event-number") {
                assert_eq!(Some(number), ours.get("invalid-event-number"), "{file}");
            }
            if acks && answer.status() != 200 {
                assert!(twin.held().is_empty(), "{file}");
            }
        }
        replayed += 1;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(replayed >= 60, "only {replayed}");
}
