//! Pages of a product, and forms with files.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use watchfloor_core::{Kind, Outcome, Result};
use watchfloor_http::page::{Link, next_offset, pages};
use watchfloor_http::{Auth, ByStatus, Client, Form, Layer, Repeat, Settings};
use watchfloor_testkit::{Answer, Fault, Request, Server, Twin};

use crate::bench::{Bench, name};

const ALL: u64 = 23;

/// A product of 23 items, five a page, by offset, by token and by link.
#[derive(Debug)]
struct Items;

#[derive(Deserialize)]
struct Page {
    items: Vec<u64>,
    total: u64,
    #[serde(default)]
    next: Option<String>,
}

impl Twin for Items {
    fn operation(&self, request: &Request) -> &'static str {
        match request.path.as_str() {
            "/circle" => "circle",
            "/base/link" => "link",
            _ => "items",
        }
    }

    fn handle(&self, request: &Request, _: Option<&Fault>) -> Answer {
        let at = request.param("at").map_or(0, |at| at.parse::<u64>().unwrap());
        let end = ALL.min(at + 5);
        let items: Vec<_> = (at..end).collect();
        let next = (end < ALL).then(|| end.to_string());
        match request.path.as_str() {
            "/circle" => {
                let next = if at == 15 { 5 } else { end };
                let page =
                    serde_json::json!({"items": items, "total": ALL, "next": next.to_string()});
                Answer::json(200, &page)
            }
            "/base/link" => {
                let answer = Answer::json(200, &serde_json::json!({"items": items, "total": ALL}));
                let host = request.header("host").unwrap();
                match next {
                    Some(next) if next == "20" => {
                        answer.header("link", format!("</base/link?at={next}>; rel=next"))
                    }
                    Some(next) => answer.header(
                        "link",
                        format!("<http://{host}/base/link?at={next}&q=a%20b>; rel=\"next\""),
                    ),
                    None => answer,
                }
            }
            _ => {
                Answer::json(200, &serde_json::json!({"items": items, "total": ALL, "next": next}))
            }
        }
    }
}

struct World {
    bench: Bench,
    server: Server<Items>,
    client: Client,
}

impl World {
    async fn new(base: &str) -> Self {
        let bench = Bench::new().await;
        let server = Server::start(Items, Arc::new(bench.clock.clone())).await.unwrap();
        let urls = vec![format!("{}{base}", server.url()).parse().unwrap()];
        let layer: &Layer = &bench.layer;
        let settings = Settings::default();
        let client = layer.client(&name(), urls, Auth::none(), settings, ByStatus).unwrap();
        Self { bench, server, client }
    }

    fn by_offset(&self) -> watchfloor_core::BoxStream<'static, Result<Vec<u64>>> {
        let client = self.client.clone();
        pages(
            &self.bench.call(),
            0,
            move |at: &u64| client.get("items", "x.items").query("at", &at.to_string()),
            |at, answer| {
                let page: Page = answer.json()?;
                let next = next_offset(*at, page.items.len(), Some(page.total))?;
                Ok((page.items, next))
            },
        )
    }

    fn by_token(
        &self,
        path: &'static str,
    ) -> watchfloor_core::BoxStream<'static, Result<Vec<u64>>> {
        let client = self.client.clone();
        pages(
            &self.bench.call(),
            None,
            move |at: &Option<String>| {
                let get = client.get(path, "x.items");
                at.iter().fold(get, |get, at| get.query("at", at))
            },
            |_, answer| {
                let page: Page = answer.json()?;
                Ok((page.items, page.next.map(Some)))
            },
        )
    }

    fn by_link(&self) -> watchfloor_core::BoxStream<'static, Result<Vec<u64>>> {
        let (client, read) = (self.client.clone(), self.client.clone());
        pages(
            &self.bench.call(),
            Link::first("link"),
            move |at: &Link| client.follow(at, "x.items"),
            move |_, answer| {
                let next = Link::next(&answer, &read)?;
                Ok((answer.json::<Page>()?.items, next))
            },
        )
    }
}

#[tokio::test]
async fn t01_pages_are_finite_and_complete() {
    let world = World::new("").await;
    for pages in [world.by_offset(), world.by_token("items")] {
        let all: Vec<_> = pages.try_collect().await.unwrap();
        assert_eq!(all.len(), 5, "more than three pages");
        assert_eq!(all.concat(), (0..ALL).collect::<Vec<_>>());
    }
    let asked: Vec<_> =
        world.server.log().of("items").iter().map(|l| l.request.param("at")).collect();
    let at = |n: u64| Some(n.to_string());
    assert_eq!(asked[..5], [at(0), at(5), at(10), at(15), at(20)], "the offset goes on");
    let world = World::new("base").await;
    let all: Vec<_> = world.by_link().try_collect().await.unwrap();
    assert_eq!(all.concat(), (0..ALL).collect::<Vec<_>>());
    assert_eq!(world.server.log().of("link")[1].request.query, "at=5&q=a%20b");
}

#[tokio::test]
async fn t01_a_server_that_goes_in_circles_is_an_error_and_no_loop() {
    let world = World::new("").await;
    let e = world.by_token("circle").try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((e.kind(), e.operation()), (Kind::Protocol, "x.items"), "{e}");
    assert!(e.to_string().contains("gave before"), "{e}");
    assert!(world.server.script().count("circle") < 15);
    // The same page again and again.
    let client = world.client.clone();
    let stuck = pages(
        &world.bench.call(),
        0,
        move |_: &u64| client.get("items", "x.items"),
        |_, answer| Ok((answer.json::<Page>()?.items, Some(0))),
    );
    let e = stuck.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(e.kind(), Kind::Protocol, "{e}");
    assert_eq!(world.server.script().count("items"), 1);
}

#[tokio::test]
async fn t02_an_error_ends_the_pages_and_is_never_their_end() {
    for nth in [1, 3] {
        let world = World::new("").await;
        world.server.script().on("items", nth, Fault::status(403));
        let mut pages = world.by_offset();
        for _ in 1..nth {
            assert_eq!(pages.next().await.unwrap().unwrap().len(), 5);
        }
        let e = pages.next().await.unwrap().unwrap_err();
        assert_eq!((e.kind(), e.outcome()), (Kind::Forbidden, Outcome::Rejected));
        assert!(pages.next().await.is_none());
    }
    // A page that cannot be read, and one that is empty before the end.
    for body in ["<html>", r#"{"items":[],"total":23}"#] {
        let world = World::new("").await;
        let page = Answer::new(200).body("application/json", body);
        world.server.script().on("items", 2, Fault::Instead(page));
        let e = world.by_offset().try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!((e.kind(), e.operation()), (Kind::Protocol, "x.items"), "{body}: {e}");
    }
}

#[tokio::test]
async fn each_page_has_its_retries() {
    let world = World::new("").await;
    for nth in [1, 2, 4, 6] {
        world.server.script().on("items", nth, Fault::status(503));
    }
    let all: Vec<_> = world.by_offset().try_collect().await.unwrap();
    assert_eq!(all.concat(), (0..ALL).collect::<Vec<_>>());
    assert_eq!(world.server.script().count("items"), 9);
}

#[tokio::test]
async fn a_link_leads_nowhere_else() {
    for target in ["https://evil.example/base/link?at=5", "//evil.example/x", "/other", "?at=5"] {
        let world = World::new("base").await;
        let page = Answer::json(200, &serde_json::json!({"items": [1], "total": 2}))
            .header("link", format!("<{target}>; rel=\"next\""));
        world.server.script().on("link", 1, Fault::Instead(page));
        let e = world.by_link().try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!(e.kind(), Kind::Protocol, "{target}: {e}");
        assert_eq!(world.server.script().count("*"), 1, "{target}");
    }
}

#[tokio::test]
async fn a_form_is_sent_alike_on_every_attempt() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::status(503));
    let content = Bytes::from_static(b"\0binary\r\n--");
    let form = Form::new().text("note", "a & b").file("file", "ä.bin", "application/x", content);
    let post = bench.client(Settings::default()).post("item", "x.attach", Repeat::Forbidden);
    post.multipart(&form).send(&bench.call()).await.unwrap();
    let sent = bench.server.log().of("item");
    assert_eq!(sent.len(), 2);
    let head = |n: usize| sent[n].request.header("content-type").unwrap().to_owned();
    assert_eq!((head(0), &sent[0].request.body), (head(1), &sent[1].request.body));
    assert!(head(0).starts_with("multipart/form-data; boundary=wf-"));
    let broken = Form::new().file("file", "a\0", "text/plain", Bytes::new());
    let post = bench.client(Settings::default()).post("item", "x.attach", Repeat::Forbidden);
    let e = post.multipart(&broken).send(&bench.call()).await.unwrap_err();
    assert_eq!(
        (e.kind(), e.outcome(), e.operation()),
        (Kind::Invalid, Outcome::NotSent, "x.attach")
    );
}
