//! Bodies on the wire: packed requests, and answers that end too early, too late or never.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use watchfloor_core::config::Value;
use watchfloor_core::{Clock, Error, Kind, Outcome};
use watchfloor_http::{Auth, Repeat, Settings, SystemClock};
use watchfloor_testkit::Fault;

use crate::bench::{Bench, Product, Raw, settings, text, wire};

fn packing(on: bool) -> Settings {
    settings(vec![("gzip", Value::Bool(on))])
}

#[tokio::test]
async fn t25_gzip_packs_bodies_that_are_worth_it() {
    let bench = Bench::new().await;
    let long: Bytes = "event ".repeat(40_000).into();
    let noise: Bytes =
        (0..2000_u32).flat_map(|n| n.wrapping_mul(0x9E37_79B9).to_be_bytes()).collect();
    for (on, body, packed) in [
        (true, long.clone(), true),
        (true, long.slice(..6000), true),
        (true, long.slice(..1023), false),
        (true, noise, false),
        (false, long, false),
    ] {
        let post = bench.client(packing(on)).post("item", "x.post", Repeat::Forbidden);
        post.body("text/plain", body.clone()).send(&bench.call()).await.unwrap();
        let request = bench.server.log().all().pop().unwrap().request;
        assert_eq!(request.header("content-encoding"), packed.then_some("gzip"));
        let sent: usize = request.header("content-length").unwrap().parse().unwrap();
        assert_eq!(sent < body.len() / 20, packed, "{sent}");
        assert_eq!(request.body, body, "what the product unpacks");
    }
}

#[tokio::test]
async fn a_body_that_came_packed_is_not_packed_again() {
    let bench = Bench::new().await;
    let post = bench.client(packing(true)).post("item", "x.post", Repeat::Forbidden);
    let body = Bytes::from(vec![b'x'; 4096]);
    let post = post.header("content-encoding", "aws-chunked").body("text/plain", body.clone());
    post.send(&bench.call()).await.unwrap();
    let request = bench.server.log().all().pop().unwrap().request;
    assert_eq!(request.header("content-encoding"), Some("aws-chunked"));
    assert_eq!(request.header("content-length"), Some("4096"));
}

#[tokio::test]
async fn t03_a_packed_body_is_the_same_on_every_attempt_and_on_the_replay() {
    let bench = Bench::of(Product::locked(3600)).await;
    let client = bench.with_token(packing(true));
    client.get("item", "x.get").send(&bench.call()).await.unwrap();
    bench.server.revoke();
    bench.server.script().on("item", 2, Fault::status(503));
    let post = client.post("item", "x.post", Repeat::Forbidden);
    let body: Bytes = "event ".repeat(40_000).into();
    post.body("text/plain", body.clone()).send(&bench.call()).await.unwrap();
    let sent: Vec<_> = bench.server.log().of("item").split_off(1);
    let statuses: Vec<_> = sent.iter().filter_map(|l| l.status).collect();
    assert_eq!(statuses, [401, 503, 200]);
    for logged in &sent {
        let mut headers = logged.request.headers.clone();
        let mut first = sent[0].request.headers.clone();
        headers.remove("authorization");
        first.remove("authorization");
        assert_eq!((headers, &logged.request.body), (first, &body));
        assert_eq!(logged.request.header("content-encoding"), Some("gzip"));
    }
}

/// What becomes of a create that is answered with these bytes.
async fn answered(bytes: Vec<u8>) -> Result<Bytes, Error> {
    let raw = Raw::always(bytes).await;
    let bench = Bench::new().await;
    let short = settings(vec![
        ("attempt_timeout", text("150ms")),
        ("max_answer", text("2KiB")),
        ("max_attempts", Value::Integer(1)),
    ]);
    let client = bench.at(vec![raw.url.clone()], Auth::none(), short);
    let sent = client.post("item", "x.op", Repeat::Forbidden).send(&bench.call()).await;
    assert_eq!(raw.connections.load(Ordering::SeqCst), 1);
    sent.map(|answer| answer.body)
}

#[tokio::test]
async fn an_answer_that_does_not_end_as_it_says_is_unknown() {
    let chunked = |chunks: &str| {
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}").into_bytes()
    };
    let endless = "5\r\nhello\r\n".repeat(1000);
    for (answer, kind) in [
        // It says more than comes, and the connection stays open.
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello".to_vec(), Kind::Timeout),
        (chunked("5\r\nhello\r\n"), Kind::Timeout),
        (chunked(&endless), Kind::Protocol),
        (chunked("zz\r\nhello\r\n"), Kind::Unavailable),
        (b"HTTP/1.1 200 OK\r\ncontent-length: ten\r\n\r\nhello".to_vec(), Kind::Unavailable),
        (wire("200 OK", "content-encoding: gzip, gzip\r\n", b"hello"), Kind::Protocol),
        (wire("200 OK", "content-encoding: zstd\r\n", b"hello"), Kind::Protocol),
        (wire("200 OK", "content-encoding: gzip\r\n", b"hello"), Kind::Protocol),
    ] {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(90)]).into_owned();
        let e = answered(answer).await.expect_err(&shown);
        assert_eq!((e.kind(), e.outcome()), (kind, Outcome::Unknown), "{shown}: {e}");
    }
    // It says less than comes: what is beyond its end is no part of it, nor of the next answer.
    let more = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello, and more".to_vec();
    assert_eq!(answered(more).await.unwrap(), "hello");
    assert_eq!(answered(chunked("5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n")).await.unwrap(), "hello!!");
}

#[tokio::test]
async fn no_connection_to_a_full_backlog_within_connect_timeout() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    // Nobody accepts: the kernel takes so many, and then no more.
    let mut waiting = Vec::new();
    let soon = Duration::from_millis(100);
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&addr, soon) {
        waiting.push(stream);
        assert!(waiting.len() < 64, "the backlog never fills");
    }
    let bench = Bench::new().await;
    let short =
        settings(vec![("connect_timeout", text("150ms")), ("max_attempts", Value::Integer(1))]);
    let urls = vec![format!("http://{addr}/").parse().unwrap()];
    let client = bench.at(urls, Auth::none(), short);
    let real = SystemClock::new();
    let create = client.post("item", "x.op", Repeat::Forbidden);
    let e = create.send(&bench.call()).await.unwrap_err();
    assert_eq!((e.kind(), e.outcome()), (Kind::Timeout, Outcome::NotSent), "{e}");
    assert_eq!(e.context("stage"), Some("connect"));
    assert!(e.message().contains("connect_timeout"), "{e}");
    let took = real.monotonic();
    assert!(took >= soon && took < Duration::from_secs(5), "{took:?}");
}
