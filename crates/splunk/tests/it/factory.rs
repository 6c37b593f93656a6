use std::sync::Arc;

use serde_json::{Value, json};
use watchfloor_http::SystemClock;
use watchfloor_testkit::{Server, twins};

use super::{TOKEN, build, call, clock, connector, events, held};

fn problems(key: &str, value: Value) -> Vec<String> {
    let url = "https://splunk.example:8088";
    let mut entries = json!({ "hec_url": url, "hec_token": { "env": "TOKEN" } });
    entries[key] = value;
    build(Arc::new(SystemClock::new()), &entries).err().unwrap_or_default()
}

#[test]
fn metadata_is_a_text_or_the_name_of_a_field() {
    for good in [
        json!("sec"),
        json!({ "field": "class_uid" }),
        json!({ "field": "metadata.log_name", "default": "sec" }),
    ] {
        assert_eq!(problems("index", good.clone()), [""; 0], "{good}");
        assert_eq!(problems("host", good.clone()), [""; 0], "{good}");
    }
    for (bad, key) in [
        (json!(""), "connectors.siem.source"),
        (json!(7), "connectors.siem.source"),
        (json!({}), "connectors.siem.source.field"),
        (json!({ "field": "" }), "connectors.siem.source.field"),
        (json!({ "field": "a..b" }), "connectors.siem.source.field"),
        (json!({ "field": "a", "default": "" }), "connectors.siem.source.default"),
        (json!({ "field": "a", "else": "b" }), "connectors.siem.source.else"),
    ] {
        assert_eq!(problems("source", bad.clone()), [key], "{bad}");
    }
}

#[test]
fn a_token_stands_in_no_url() {
    let bad = json!("https://splunk.example:8088/services/collector?token=x");
    assert_eq!(problems("hec_url", bad), ["connectors.siem.hec_url"]);
}

#[tokio::test]
async fn the_whole_url_of_the_collector_is_understood() {
    for path in ["", "services/collector", "services/collector/event", "services/collector/event/"]
    {
        let clock = clock();
        let hec = Server::start(twins::Hec::new(TOKEN), clock.clone()).await.unwrap();
        let sink = connector(format!("{}{path}", hec.url()), clock.clone(), &[]).sink.unwrap();
        assert_eq!(sink.send(&call(clock), &events(1)).await.counts().applied, 1, "{path}");
        assert_eq!(held(&hec), ["u-0"]);
    }
}
