//! Real nodes: the calls that ship events, for each product and version.

use std::collections::BTreeSet;

use serde_json::Value;
use watchfloor_testkit::twins::{Block, Elasticsearch, Flavor};
use watchfloor_testkit::{Fault, Request, Twin};

use super::{body, differences, exchanges, files, request, shape};

/// What is not replayed: file, exchange, why.
const NOT_REPLAYED: &[(&str, usize, &str)] = &[
    ("01", 0, "Elasticsearch: the recorded node was built without GET /"),
    ("10", 2, "the connection was closed without an answer"),
    ("10", 3, "zstd is not unpacked; OpenSearch: closed without an answer"),
    ("14", 0, "it is refused for what else is in flight"),
    ("28", 6, "backing indices are not served by their own names"),
    ("33", 2, "the body is not recorded"),
    ("33", 8, "the body is not recorded"),
    ("41", 2, "the twin tells of an API key, not of a user"),
    ("40", 0, "OpenSearch: the node was still starting"),
];

fn folder(flavor: Flavor) -> &'static str {
    match flavor {
        Flavor::Elasticsearch8 => "elasticsearch-8.19.0",
        Flavor::Elasticsearch9 => "elasticsearch-9.1.0",
        Flavor::OpenSearch2 => "opensearch-2.19.0",
        _ => "opensearch-3.4.0",
    }
}

fn is_elasticsearch(flavor: Flavor) -> bool {
    matches!(flavor, Flavor::Elasticsearch8 | Flavor::Elasticsearch9)
}

fn send(twin: &Elasticsearch, lines: &str) {
    let headers = [("content-type", "application/x-ndjson")];
    let request = Request::of("POST", "/_bulk", &headers, lines.to_owned().into());
    assert_eq!(twin.handle(&request, None).status(), 200);
}

fn create(twin: &Elasticsearch, index: &str, id: &str) {
    send(twin, &format!("{{\"create\":{{\"_index\":\"{index}\",\"_id\":\"{id}\"}}}}\n{{}}\n"));
}

/// The twin as the node was before a file was recorded.
fn node(flavor: Flavor, number: &str) -> Elasticsearch {
    let twin = Elasticsearch::open().flavor(flavor);
    let twin = match number {
        "03" => twin.mapping("wf-mix", "source.ip", "ip"),
        "05" => {
            twin.strict("wf-strict").mapping("wf-strict", "o", "object").max_fields("wf-limit", 3)
        }
        "08" => twin.mapping("wf-so", "n", "long"),
        "11" => twin.max_body(1 << 20),
        "12" | "14" => twin.max_pressure(300 << 10),
        "18" => twin.without_auto_create(),
        "33" => twin.max_pressure(300 << 10).max_body(1 << 20),
        "40" | "41" => twin.accept("right"),
        _ => twin,
    };
    match number {
        "04" => create(&twin, "wf-af", "1"),
        "06" => create(&twin, "wf-fr", "there"),
        "09" => create(&twin, "wf-fp", "dup"),
        "17" => twin.block("wf-un", Block::NoShard),
        _ => {}
    }
    twin
}

/// What was done between the exchanges, and is not among them or not a call of ours.
fn before(twin: &Elasticsearch, flavor: Flavor, number: &str, exchange: usize) {
    match (number, exchange) {
        ("07", _) => send(
            twin,
            "{\"create\":{\"_index\":\"wf-pa\",\"_id\":\"x\"}}\n{}\n{\"delete\":{\"_index\":\"wf-pa\",\"_id\":\"1\"}}\n",
        ),
        ("15", 1) => twin.block("wf-fs", Block::DiskFull),
        ("15", 5) => twin.unblock("wf-fs"),
        ("16", 0) => twin.block("wf-b", Block::Write),
        ("16", 1) => twin.block("wf-b", Block::ReadOnly),
        ("16", 2) => twin.block("wf-b", Block::Closed),
        ("16", 4) => twin.set_read_only(true),
        // The breaker of what is in flight does not trip on bodies that are read as streams.
        ("26", 0) => twin.trip_breaker(flavor != Flavor::Elasticsearch9),
        ("26", 3) => twin.trip_breaker(true),
        ("28", 8) => twin.roll_over("logs-wf.t-default"),
        _ => {}
    }
}

/// A body of so many bytes, where the recording shows only its length.
fn filled(bytes: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < bytes {
        let id = body.len();
        let line =
            format!("{{\"index\":{{\"_index\":\"wf-filled\",\"_id\":\"{id}\"}}}}\n{{\"n\":1}}\n");
        body.extend_from_slice(line.as_bytes());
    }
    body
}

/// The distinct shapes of an answer's items: of long lists a few are recorded.
fn kinds(answer: &Value) -> BTreeSet<String> {
    let items = answer["items"].as_array().into_iter().flatten();
    items.map(|item| shape(item, "").to_string()).collect()
}

fn replay(flavor: Flavor, file: &str, found: &mut Vec<String>) -> usize {
    let number = &file[..2];
    let name = format!("{}/{file}", folder(flavor));
    let twin = node(flavor, number);
    let mut replayed = 0;
    for (i, (recorded, response)) in exchanges(&name).iter().enumerate() {
        let name = format!("{name} #{i}");
        let Some(status) = response["status"].as_u64() else { continue };
        let listed = NOT_REPLAYED.iter().any(|(n, at, why)| {
            let other = if is_elasticsearch(flavor) { "OpenSearch:" } else { "Elasticsearch:" };
            *n == number && *at == i && !why.starts_with(other)
        });
        let given = recorded["headers"]["Authorization"].as_str();
        let credential = given.map(|given| {
            if number == "40" && status == 401 {
                format!("{} wrong", given.split(' ').next().unwrap_or_default())
            } else {
                "right".to_owned()
            }
        });
        let credential = credential.as_deref().map(|c| ("authorization", c));
        let mut request = request(recorded, credential);
        let routed = twin.operation(&request) != "unknown" || matches!(status, 400 | 401 | 405);
        let ours =
            routed && !matches!(twin.operation(&request), "document") && request.method != "HEAD";
        // Of other calls only what every call is answered: no such call, or who are you.
        let foreign = twin.operation(&request) == "unknown"
            && status != 401
            && !response["body"]["error"].as_str().is_some_and(|e| e.starts_with("no handler"));
        if listed
            || !ours
            || foreign
            || (number == "41" && recorded["path"] == "/_bulk")
            || (number == "41" && status != 200)
        {
            continue;
        }
        before(&twin, flavor, number, i);
        let unrecorded = recorded["body_bytes"].as_u64();
        if let Some(bytes) = unrecorded {
            // Packed, it is shorter than what counts.
            let packed = request.headers.contains_key("content-encoding");
            request.body = filled(bytes as usize * if packed { 1000 } else { 1 }).into();
        }
        let fault =
            (number == "13").then(|| Fault::Items((0..200).step_by(2).map(|i| (i, 429)).collect()));
        let answer = twin.handle(&request, fault.as_ref());
        if unrecorded.is_some() && status == 200 {
            let (ours, theirs) = (kinds(&body(&answer)), kinds(&response["body"]));
            found.extend((ours != theirs).then(|| format!("{name}: {ours:?} for {theirs:?}")));
        } else {
            found.extend(differences(&name, &answer, response));
        }
        let header = |name: &str| {
            let values = answer.headers().get_all(name).iter();
            values.map(|v| v.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for name_of in
            ["X-elastic-product", "X-OpenSearch-Version", "content-type", "WWW-Authenticate"]
        {
            let theirs: Vec<String> = match &response["headers"][name_of] {
                Value::Null => Vec::new(),
                Value::String(one) => vec![one.clone()],
                several => serde_json::from_value(several.clone()).unwrap(),
            };
            let ours = header(name_of);
            found.extend(
                (ours != theirs).then(|| format!("{name}: {name_of}: {ours:?} for {theirs:?}")),
            );
        }
        replayed += 1;
    }
    replayed
}

fn replay_all(flavor: Flavor, at_least: usize) {
    let (files, mut found) = (files(folder(flavor)), Vec::new());
    let replayed: usize = files.iter().map(|file| replay(flavor, file, &mut found)).sum();
    assert!(found.is_empty(), "{flavor:?}:\n{}", found.join("\n"));
    assert!(replayed >= at_least, "only {replayed} exchanges");
}

#[test]
fn elasticsearch_8() {
    replay_all(Flavor::Elasticsearch8, 70);
}

#[test]
fn elasticsearch_9() {
    replay_all(Flavor::Elasticsearch9, 70);
}

#[test]
fn opensearch_2() {
    replay_all(Flavor::OpenSearch2, 55);
}

#[test]
fn opensearch_3() {
    replay_all(Flavor::OpenSearch3, 60);
}
