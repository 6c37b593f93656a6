//! What clients of the vendors send.

use std::sync::Arc;

use watchfloor_testkit::{TestClock, Twin, twins};

use super::{exchanges, request};

#[test]
fn pan_os_as_pan_os_python_uses_it() {
    let clock = Arc::new(TestClock::at("2026-11-24T06:00:00Z".parse().unwrap()));
    let twin = twins::PanOs::new(clock, "<masked>");
    let folder = "client-pan-os-python-1.13.1";
    for file in ["04-register.json", "08-get-registered.json"] {
        for (recorded, response) in &exchanges(&format!("{folder}/{file}")) {
            let answer = twin.handle(&request(recorded, None), None);
            assert_eq!(u64::from(answer.status()), response["status"].as_u64().unwrap(), "{file}");
            let text = String::from_utf8(answer.bytes().to_vec()).unwrap();
            assert_eq!(elements(&text), elements(response["body"].as_str().unwrap()), "{file}");
        }
    }
    assert_eq!(twin.held().len(), 1);
}

/// The elements of a document with the names of their attributes, in order.
fn elements(xml: &str) -> Vec<String> {
    let open = xml.split('<').skip(1).filter(|e| !e.starts_with('/'));
    let element = |e: &str| {
        let tag = e.split('>').next().unwrap_or_default().trim_end_matches('/');
        let mut words = tag.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let mut names: Vec<_> = words.filter_map(|a| a.split('=').next()).collect();
        names.sort_unstable();
        format!("{name} {}", names.join(" "))
    };
    open.map(element).collect()
}
