use std::sync::atomic::Ordering;

use watchfloor_core::{Kind, Outcome, Secret};
use watchfloor_http::{Auth, ByStatus, Repeat, Settings, segment};
use watchfloor_testkit::{Answer, Fault};

use crate::bench::{Bench, Product, Raw, name, wire};

#[tokio::test]
async fn a_credential_never_goes_over_plain_http_or_in_a_url() {
    let bench = Bench::new().await;
    let client = |url: &str, auth| {
        let urls = vec![url.parse().unwrap()];
        bench.layer.client(&name(), urls, auth, Settings::default(), ByStatus)
    };
    let bearer = || Auth::bearer(Secret::new("cnry"));
    let e = client("http://siem.example:8088", bearer()).unwrap_err();
    assert_eq!(e.kind(), Kind::Config);
    assert!(e.to_string().contains("plain http") && !e.to_string().contains("cnry"), "{e}");
    assert!(client("http://siem.example:8088", Auth::none()).is_ok());
    assert!(client("https://siem.example:8088", bearer()).is_ok());
    let e = client("https://u:cnry@siem.example", Auth::none()).unwrap_err();
    assert!(!format!("{e} {e:?}").contains("cnry"));
    let token = "http://id.example/token".parse().unwrap();
    let elsewhere = Auth::client_credentials(token, "c", Secret::new("cnry"), None);
    assert!(client("https://siem.example", elsewhere).is_err());
    let none = bench.layer.client(&name(), vec![], Auth::none(), Settings::default(), ByStatus);
    assert_eq!(none.unwrap_err().kind(), Kind::Config);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (bench, elsewhere) = (Bench::new().await, Bench::of(Product::open()).await);
    let to = elsewhere.server.url();
    for (nth, status) in [301, 302, 307, 308].into_iter().enumerate() {
        let redirect = Answer::new(status).header("location", format!("{to}item"));
        bench.server.script().on("item", nth as u64 + 1, Fault::Instead(redirect));
    }
    let client = bench.with_auth(Auth::bearer(Secret::new("cnry")), Settings::default());
    for _ in 0..4 {
        let e = client.get("item", "x.get").send(&bench.call()).await.unwrap_err();
        assert_eq!(e.kind(), Kind::Protocol);
        assert!(e.to_string().contains("redirect"), "{e}");
    }
    assert_eq!(elsewhere.count("item"), 0);
}

#[tokio::test]
async fn a_path_made_of_foreign_text_stays_where_it_belongs() {
    let bench = Bench::new().await;
    let client =
        bench.at(vec![bench.url().join("item/").unwrap()], Auth::none(), Settings::default());
    for id in ["a/b", "a?b=c", "a#b", "ä %2e"] {
        let path = format!("{}/notes", segment(id));
        client.get(&path, "x.get").send(&bench.call()).await.unwrap();
        let request = bench.server.log().of("item").pop().unwrap().request;
        assert_eq!(request.segments(), ["item", id, "notes"]);
        assert_eq!(request.query, "");
    }
    let up = client.get("../token", "x.get").send(&bench.call()).await.unwrap_err();
    assert_eq!((up.kind(), up.outcome()), (Kind::Invalid, Outcome::NotSent));
}

#[tokio::test]
async fn no_cookie_is_ever_sent_back() {
    let bench = Bench::new().await;
    let cookie = Answer::new(200).header("set-cookie", "session=1; Path=/");
    bench.server.script().on("item", 1, Fault::After(cookie));
    let client = bench.client(Settings::default());
    for _ in 0..2 {
        client.get("item", "x.get").send(&bench.call()).await.unwrap();
    }
    assert!(bench.server.log().all().iter().all(|l| l.request.header("cookie").is_none()));
}

#[tokio::test]
async fn t40_no_error_holds_a_query_a_body_a_credential_or_foreign_text() {
    let garbled = wire("200 OK", "content-encoding: gzip\r\n", b"cnry-body");
    let page = wire("500 cnry-reason", "x-note: cnry-header\r\n", b"cnry-body");
    let broken = b"cnry-no-http\r\n\r\n".to_vec();
    let html = wire("200 OK", "", b"<html>cnry-body</html>");
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\ncnry-body".to_vec();
    let mut urls = vec![Raw::closed().await, "http://cnry.invalid/".parse().unwrap()];
    let mut servers = Vec::new();
    for answer in [garbled, page, broken, html, cut, Vec::new()] {
        let raw = Raw::always(answer).await;
        urls.push(raw.url.clone());
        servers.push(raw);
    }
    let mut tls = servers[0].url.clone();
    tls.set_scheme("https").unwrap();
    urls.push(tls);
    let mut settings = Settings::default();
    settings.attempt_timeout = std::time::Duration::from_millis(80);
    settings.max_attempts = 2;
    let mut kinds = Vec::new();
    for url in urls {
        let bench = Bench::new().await;
        let auth = match url.host_str() {
            Some("cnry.invalid") => Auth::none(),
            _ => Auth::bearer(Secret::new("cnry-token")),
        };
        let client = bench.at(vec![url], auth, settings.clone());
        let request = client
            .post("cnry-path", "x.op", Repeat::Harmless)
            .query("token", "cnry-query")
            .json("cnry-body");
        let said = format!("{request:?} {client:?}");
        let e = request.read::<serde_json::Value>(&bench.call()).await.unwrap_err();
        let record = serde_json::to_string(&e.record()).unwrap();
        let shown = format!("{e} {e:?} {e:#?} {record}");
        assert!(!shown.contains("cnry"), "{shown}");
        assert!(!said.replace("cnry.invalid", "").contains("cnry"), "{said}");
        assert!(std::error::Error::source(&e).is_none());
        kinds.push(e.kind());
    }
    kinds.dedup();
    assert!(kinds.len() > 3, "the failures differ: {kinds:?}");
    let answered = servers.iter().filter(|s| s.connections.load(Ordering::SeqCst) > 0);
    assert_eq!(answered.count(), servers.len());
}
