use super::*;

const NDJSON: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

fn ask(
    twin: &Elasticsearch,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
    fault: Option<&Fault>,
) -> (u16, Value) {
    let request = Request::of("POST", target, headers, body.to_owned().into());
    let answer = twin.handle(&request, fault);
    (answer.status(), serde_json::from_slice(answer.bytes()).unwrap_or_default())
}

fn items(body: &Value) -> Vec<(u64, String)> {
    let items = body["items"].as_array().unwrap().iter();
    let item = |i: &Value| i.as_object().unwrap().values().next().unwrap().clone();
    items
        .map(item)
        .map(|i| (i["status"].as_u64().unwrap(), i["_index"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn one_answer_holds_what_was_created_what_was_there_and_what_was_put_off() {
    let twin = Elasticsearch::open();
    let stream = "logs-api-default";
    let doc = |id: &str| {
        format!("{{\"create\":{{\"_id\":\"{id}\"}}}}\n{{\"@timestamp\":1, \"n\":1.10}}\n")
    };
    let send = |body: &str, fault| ask(&twin, "/logs-api-default/_bulk", NDJSON, body, fault).1;
    assert_eq!(send(&doc("a"), None)["errors"], false);
    let body =
        [doc("a"), doc("b"), doc("c"), "{\"index\":{}}\n{}\n{\"create\":{}}\n{}\n".to_owned()];
    let answer = send(&body.concat(), Some(&Fault::Items(vec![(2, 429)])));
    let backing = ".ds-logs-api-default-2026.11.24-000001".to_owned();
    let expected = [
        (409, backing.clone()),
        (201, backing.clone()),
        (429, stream.to_owned()),
        (400, stream.to_owned()),
        (400, backing),
    ];
    assert_eq!(items(&answer), expected);
    let held = twin.held(stream);
    assert_eq!(held.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(held["b"], "{\"@timestamp\":1, \"n\":1.10}");
}

#[test]
fn a_reset_half_way_leaves_the_first_half() {
    let twin = Elasticsearch::open();
    let body = "{\"create\":{\"_id\":\"a\"}}\n{}\n{\"create\":{\"_id\":\"b\"}}\n{}\n";
    ask(&twin, "/i/_bulk", NDJSON, body, Some(&Fault::ResetAmid(1)));
    assert_eq!(twin.held("i").len(), 1);
}

#[test]
fn what_fails_before_the_body_is_read() {
    let twin = Elasticsearch::open().max_body(30);
    let body = "{\"create\":{}}\n{}\n";
    assert_eq!(ask(&twin, "/i/_bulk", NDJSON, &body.repeat(2), None), (413, Value::Null));
    assert_eq!(ask(&twin, "/i/_bulk", &[], body, None).0, 406);
    let (status, answer) = ask(&twin, "/i/_bulk?nope=1", NDJSON, body, None);
    let why = "request [/i/_bulk] contains unrecognized parameter: [nope]";
    assert_eq!((status, &answer["error"]["reason"]), (400, &json!(why)));
    assert_eq!(ask(&twin, "/i/_bulk?refresh=true", NDJSON, body, None).0, 200);
    let get = Request::of("GET", "/_bulk", NDJSON, "".into());
    assert_eq!(twin.handle(&get, None).header_text("allow"), Some("POST,PUT"));
    let (status, answer) = ask(&twin, "/wf/nope", NDJSON, body, None);
    assert_eq!((status, answer["error"].is_string()), (400, true));
    assert_eq!(twin.held("i").len(), 1);
}

#[test]
fn credentials_of_every_scheme() {
    let twin = Elasticsearch::with_api_key("k").accept("Basic b").accept("Bearer t");
    for (given, status) in
        [("ApiKey k", 200), ("Basic b", 200), ("Bearer t", 200), ("ApiKey b", 401), ("k", 401)]
    {
        let headers = [("authorization", given)];
        assert_eq!(ask(&twin, "/_security/_authenticate", &headers, "", None).0, status);
    }
    let expired = Some(&Fault::ExpireCredential);
    let headers = [("authorization", "ApiKey k")];
    assert_eq!(ask(&twin, "/", &headers, "", expired).0, 401);
}

#[test]
fn privileges_are_told_one_by_one() {
    let twin = Elasticsearch::open().read_only();
    let asked = "{\"cluster\":[\"monitor\"],\"index\":[{\"names\":[\"i\"],\"privileges\":[\"create_doc\",\"read\"]}]}";
    let path = "/_security/user/_has_privileges";
    let (_, answer) = ask(&twin, path, NDJSON, asked, None);
    assert_eq!(answer["index"]["i"], json!({ "create_doc": false, "read": true }));
    assert_eq!(answer["has_all_requested"], false);
    let (_, answer) = ask(&Elasticsearch::open(), path, NDJSON, asked, None);
    assert_eq!(answer["has_all_requested"], true);
    let body = "{\"create\":{\"_id\":\"a\"}}\n{}\n";
    assert_eq!(items(&ask(&twin, "/i/_bulk", NDJSON, body, None).1)[0].0, 403);
}
