//! What a client sees of each fault, over a plain socket.

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watchfloor_core::Clock as _;
use watchfloor_testkit::{Answer, Fault, Request, Server, TestClock, Twin};

/// Counts what it handles.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Twin for Counter {
    fn operation(&self, request: &Request) -> &'static str {
        if request.path == "/other" { "other" } else { "count" }
    }

    fn handle(&self, _: &Request, _: Option<&Fault>) -> Answer {
        let handled = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Answer::new(200).body("text/plain", format!("handled {handled:04}"))
    }
}

struct Bench {
    clock: TestClock,
    server: Server<Counter>,
}

impl Bench {
    async fn new() -> Self {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let server = Server::start(Counter::default(), Arc::new(clock.clone())).await.unwrap();
        Self { clock, server }
    }

    fn handled(&self) -> u64 {
        self.server.0.load(Ordering::Relaxed)
    }

    async fn send(&self, path: &str, headers: &str, body: &[u8]) -> TcpStream {
        let url = self.server.url();
        let addr: SocketAddr =
            url.strip_prefix("http://").unwrap().trim_end_matches('/').parse().unwrap();
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: twin\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        stream
    }

    /// The whole answer, or how the connection ended.
    async fn ask(&self, path: &str) -> Result<String, (String, ErrorKind)> {
        let mut stream = self.send(path, "", b"body").await;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer).await {
            Ok(_) => Ok(String::from_utf8(answer).unwrap()),
            Err(e) => Err((String::from_utf8(answer).unwrap(), e.kind())),
        }
    }
}

#[tokio::test]
async fn resets_are_real_and_differ_in_what_was_done() {
    let bench = Bench::new().await;
    let reset = Err((String::new(), ErrorKind::ConnectionReset));
    bench.server.script().on("count", 1, Fault::ResetBefore);
    assert_eq!(bench.ask("/").await, reset);
    assert_eq!(bench.handled(), 0);
    bench.server.script().on("count", 1, Fault::ResetAfter);
    assert_eq!(bench.ask("/").await, reset);
    assert_eq!(bench.handled(), 1);
    let statuses: Vec<_> = bench.server.log().all().iter().map(|l| l.status).collect();
    assert_eq!(statuses, [None, None]);
}

#[tokio::test]
async fn answers_break_off_in_three_ways() {
    let bench = Bench::new().await;
    let script = bench.server.script();
    script.on("count", 1, Fault::HalfBody);
    let half = bench.ask("/").await.unwrap_or_else(|(answer, _)| answer);
    assert!(half.contains("content-length: 12") && half.ends_with("\r\n\r\nhandle"), "{half}");
    script.on("count", 1, Fault::cut_short());
    let short = bench.ask("/").await.unwrap();
    assert!(short.contains("content-length: 6") && short.ends_with("\r\n\r\nhandle"), "{short}");
    script.on("count", 1, Fault::HangAmid);
    let mut stream = bench.send("/", "", b"").await;
    let mut seen = Vec::new();
    while !seen.ends_with(b"handle") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "ended at {seen:?}");
    }
    // Nothing holds the clock: whoever waits for the rest sees its time pass.
    bench.clock.pause(Duration::from_secs(3600)).await;
    assert_eq!(stream.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(bench.handled(), 3);
}

#[tokio::test]
async fn no_answer_comes_and_the_clock_goes_on() {
    let bench = Bench::new().await;
    bench.server.script().on("count", 1, Fault::Hang);
    let stream = bench.send("/", "", b"").await;
    while bench.server.log().all().is_empty() {
        tokio::task::yield_now().await;
    }
    bench.clock.pause(Duration::from_secs(3600)).await;
    assert_eq!(stream.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(bench.handled(), 1);
}

#[tokio::test]
async fn an_answer_of_nothing_has_no_middle() {
    let bench = Bench::new().await;
    bench.server.script().on("count", 1, Fault::Twist(Arc::new(|_, _| Answer::new(204))));
    assert!(bench.ask("/").await.unwrap().starts_with("HTTP/1.1 204"));
    bench.server.script().on("count", 1, Fault::Instead(Answer::new(500)));
    assert!(bench.ask("/").await.unwrap().starts_with("HTTP/1.1 500"));
    assert_eq!(bench.handled(), 1);
}

#[tokio::test]
async fn faults_are_counted_by_operation_or_over_all() {
    let bench = Bench::new().await;
    let script = bench.server.script();
    bench.ask("/").await.unwrap();
    script.on("other", 2, Fault::status(503));
    script.on("*", 2, Fault::retry_at(429, "2026-11-24T09:00:00Z".parse().unwrap()));
    script.on("count", 9, Fault::Hang);
    assert!(bench.ask("/other").await.unwrap().starts_with("HTTP/1.1 200"));
    let second = bench.ask("/").await.unwrap();
    assert!(second.starts_with("HTTP/1.1 429"), "{second}");
    assert!(second.contains("retry-after: Tue, 24 Nov 2026 09:00:00 GMT"), "{second}");
    assert!(bench.ask("/other").await.unwrap().starts_with("HTTP/1.1 503"));
    let met: Vec<_> = script.met().iter().map(|m| (m.operation, m.nth)).collect();
    assert_eq!(met, [("other", 2), ("*", 3)]);
    assert_eq!(script.unmet(), ["count #10: no answer"]);
    assert_eq!((script.count("count"), script.count("other"), script.count("*")), (2, 2, 4));
}

#[tokio::test]
async fn the_date_is_the_clocks() {
    let bench = Bench::new().await;
    bench.clock.advance(Duration::from_secs(60));
    let answer = bench.ask("/").await.unwrap();
    assert!(answer.contains("date: Tue, 24 Nov 2026 08:01:00 GMT"), "{answer}");
}

#[tokio::test]
async fn the_log_holds_requests_whole_and_shows_no_credential() {
    let bench = Bench::new().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"{\"note\":\"cnry-body\"}").unwrap();
    let headers =
        "authorization: Bearer cnry-token\r\ncontent-encoding: gzip\r\nx-own: cnry-head\r\n";
    for body in [gzip.finish().unwrap(), b"no gzip".to_vec()] {
        let mut stream = bench.send("/a?q=cnry%2Dquery", headers, &body).await;
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    }
    let log = bench.server.log();
    let all = log.all();
    assert_eq!(all[0].request.body, "{\"note\":\"cnry-body\"}");
    assert_eq!((all[1].operation, all[1].status), ("unreadable", Some(400)));
    let found = |text: &str| log.containing(text).len();
    assert_eq!([found("cnry-body"), found("cnry-query"), found("cnry-head")], [1, 2, 2]);
    assert_eq!(found("cnry-token"), 0);
    assert!(!format!("{all:?} {:?}", bench.server).contains("cnry"));
}

#[tokio::test]
async fn it_ends_when_dropped() {
    let bench = Bench::new().await;
    bench.server.script().on("count", 1, Fault::Hang);
    let mut stream = bench.send("/", "", b"").await;
    while bench.server.log().all().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(bench);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or_default(), 0);
}
