//! Servers that take everything and do nothing: what is measured is the client.

use std::convert::Infallible;
use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Result;

/// Serves until it is killed; the first line it prints is its address.
pub(crate) async fn serve(product: &str) -> Result<()> {
    let answer: fn(&Asked) -> Bytes = match product {
        "hec" => |_| Bytes::from_static(br#"{"text":"Success","code":0}"#),
        "elastic" => created,
        "servicenow" => servicenow,
        "jira" => jira,
        other => return Err(format!("no null server for {other}").into()),
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(request, answer));
            let http = hyper::server::conn::http1::Builder::new();
            drop(http.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// What an answer is made from.
struct Asked {
    post: bool,
    path: String,
    /// Lines of the body.
    lines: u64,
}

async fn respond(
    request: Request<Incoming>,
    answer: fn(&Asked) -> Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let packed = request.headers().contains_key(hyper::header::CONTENT_ENCODING);
    let (post, path) = (request.method() == "POST", request.uri().path().to_owned());
    let mut body = request.into_body();
    let mut lines = 0;
    let mut unpacking = MultiGzDecoder::new(Count(0));
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else { continue };
        if packed {
            // A body that is no gzip counts as far as it went; the client will say so.
            drop(unpacking.write_all(data));
        } else {
            lines += count(data);
        }
    }
    drop(unpacking.try_finish());
    lines += unpacking.get_ref().0;
    let asked = Asked { post, path, lines };
    let mut response = Response::new(Full::new(answer(&asked)));
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}

/// Counts the lines that are written to it.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0 += count(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn count(data: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', data).count() as u64
}

/// Every operation, two lines each, was a success.
fn created(asked: &Asked) -> Bytes {
    let mut answer = b"{\"errors\":false,\"items\":[".to_vec();
    for n in 0..asked.lines / 2 {
        let item = br#"{"create":{"result":"created","status":201}}"#;
        if n > 0 {
            answer.push(b',');
        }
        answer.extend_from_slice(item);
    }
    answer.extend_from_slice(b"]}");
    answer.into()
}

/// Nothing is ever found, and every create answers the same record.
fn servicenow(asked: &Asked) -> Bytes {
    if !asked.post {
        return Bytes::from_static(br#"{"result":[]}"#);
    }
    let cell = |name: &str, value: &str| {
        format!("\"{name}\":{{\"display_value\":\"{value}\",\"value\":\"{value}\"}}")
    };
    let cells = [
        cell("sys_id", "9c573169c611228700193229fff72400"),
        cell("number", "INC0010002"),
        cell("state", "1"),
        cell("short_description", "BOLA on /api/orders"),
        cell("correlation_id", "wf-1"),
        cell("correlation_display", "watchfloor"),
        cell("assignment_group", ""),
        cell("sys_created_on", "2026-11-24 08:00:00"),
    ];
    format!("{{\"result\":{{{}}}}}", cells.join(",")).into()
}

/// As above, and screens tell nothing.
fn jira(asked: &Asked) -> Bytes {
    if asked.post && asked.path.ends_with("/issue") {
        let made =
            br#"{"id":"10002","key":"SEC-7","self":"https://x.example/rest/api/3/issue/10002"}"#;
        return Bytes::from_static(made);
    }
    if asked.path.contains("createmeta") {
        return Bytes::from_static(br#"{"issueTypes":[],"total":0}"#);
    }
    Bytes::from_static(br#"{"issues":[],"isLast":true}"#)
}
