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
    let answer: fn(u64) -> Bytes = match product {
        "hec" => |_| Bytes::from_static(br#"{"text":"Success","code":0}"#),
        "elastic" => created,
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

async fn respond(
    request: Request<Incoming>,
    answer: fn(u64) -> Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let packed = request.headers().contains_key(hyper::header::CONTENT_ENCODING);
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
    let mut response = Response::new(Full::new(answer(lines)));
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
fn created(lines: u64) -> Bytes {
    let mut answer = b"{\"errors\":false,\"items\":[".to_vec();
    for n in 0..lines / 2 {
        let item = br#"{"create":{"result":"created","status":201}}"#;
        if n > 0 {
            answer.push(b',');
        }
        answer.extend_from_slice(item);
    }
    answer.extend_from_slice(b"]}");
    answer.into()
}
