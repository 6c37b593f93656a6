//! Twins behind real sockets.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use watchfloor_core::{Clock, Timestamp};

use crate::{Answer, Fault, Request, Script};

/// The largest body that a twin reads, before and after gzip.
const MAX_BODY: usize = 64 << 20;

/// The double of a product: it keeps state as the product does and answers as it does.
pub trait Twin: fmt::Debug + Send + Sync + 'static {
    /// The operation of a request, by which scripts and counts name it.
    fn operation(&self, request: &Request) -> &'static str;

    /// Answers a request. `fault` is one that only the twin can carry out itself:
    /// [`Fault::ResetAmid`], [`Fault::ExpireCredential`], [`Fault::Items`].
    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer;
}

/// A twin on a loopback port, with its script and the log of its requests. It ends when dropped.
#[derive(Debug)]
pub struct Server<T> {
    addr: SocketAddr,
    shared: Arc<Shared<T>>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared<T> {
    twin: T,
    clock: Arc<dyn Clock>,
    script: Script,
    log: Log,
}

impl<T: Twin> Server<T> {
    /// Starts a twin; within a tokio runtime.
    pub async fn start(twin: T, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let (script, log) = (Script::default(), Log::default());
        let shared = Arc::new(Shared { twin, clock, script, log });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { addr, shared, accepting })
    }

    /// Its base URL, with a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// What goes wrong.
    pub fn script(&self) -> &Script {
        &self.shared.script
    }

    /// What was asked.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }
}

impl<T> Deref for Server<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.shared.twin
    }
}

impl<T> Drop for Server<T> {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The requests that a twin got.
#[derive(Debug, Default)]
pub struct Log(Mutex<Vec<Logged>>);

/// A request and the status that it was answered with; `None` where there was no answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Logged {
    /// The operation.
    pub operation: &'static str,
    /// The request.
    pub request: Request,
    /// The status.
    pub status: Option<u16>,
    /// When it was answered.
    pub at: Timestamp,
}

impl Log {
    /// All of them, in the order in which they were answered.
    pub fn all(&self) -> Vec<Logged> {
        self.lock().clone()
    }

    /// Those of one operation.
    pub fn of(&self, operation: &str) -> Vec<Logged> {
        self.lock().iter().filter(|l| l.operation == operation).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Logged>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept<T: Twin>(listener: TcpListener, shared: Arc<Shared<T>>) {
    // Connections end with the server, so that a test that ends leaves nothing behind.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, shared.clone()));
    }
}

async fn serve<T: Twin>(stream: TcpStream, shared: Arc<Shared<T>>) {
    let Ok((stream, socket)) = doubled(stream) else { return };
    let socket = Arc::new(Mutex::new(Some(socket)));
    let service = service_fn(|request: http::Request<Incoming>| {
        let (shared, socket) = (shared.clone(), socket.clone());
        async move {
            let answered = shared.answer(request).await;
            if matches!(answered, Err(Cut::Reset)) {
                // With nothing to linger for, closing the socket sends a reset.
                if let Some(socket) = socket.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
                }
            }
            answered
        }
    });
    let _ = http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The stream and a second handle to its socket.
fn doubled(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let second = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, second))
}

/// Why there is no answer.
#[derive(Debug)]
enum Cut {
    Reset,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut by the script")
    }
}

impl std::error::Error for Cut {}

impl<T: Twin> Shared<T> {
    async fn answer(&self, request: http::Request<Incoming>) -> Result<Response<Cuttable>, Cut> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Cut::Reset)?;
        let busy = self.clock.busy();
        let request = match unpack(&parts, body.to_bytes()) {
            Some(body) => Request::new(parts, body),
            None => return Ok(self.response(&Answer::new(400), false)),
        };
        let operation = self.twin.operation(&request);
        let fault = self.script.next(operation, self.clock.now());
        let answer = match &fault {
            Some(Fault::ResetBefore) => None,
            Some(Fault::Instead(answer)) => Some(answer.clone()),
            Some(own @ (Fault::ResetAmid(_) | Fault::ExpireCredential | Fault::Items(_))) => {
                let answer = self.twin.handle(&request, Some(own));
                (!matches!(own, Fault::ResetAmid(_))).then_some(answer)
            }
            other => {
                let answer = self.twin.handle(&request, None);
                match other {
                    Some(Fault::ResetAfter | Fault::Hang) => None,
                    Some(Fault::After(other)) => Some(other.clone()),
                    Some(Fault::Twist(twist)) => Some(twist(&request, answer)),
                    _ => Some(answer),
                }
            }
        };
        let status = answer.as_ref().map(Answer::status);
        let logged = Logged { operation, request, status, at: self.clock.now() };
        self.log.lock().push(logged);
        match (answer, fault) {
            (Some(answer), fault) => {
                Ok(self.response(&answer, matches!(fault, Some(Fault::HalfBody))))
            }
            (None, Some(Fault::Hang)) => {
                drop(busy);
                std::future::pending::<Infallible>().await;
                Err(Cut::Reset)
            }
            (None, _) => Err(Cut::Reset),
        }
    }

    fn response(&self, answer: &Answer, half: bool) -> Response<Cuttable> {
        let now = UNIX_EPOCH + Duration::from_millis(self.clock.now().as_millis().unsigned_abs());
        let date = HeaderValue::from_str(&httpdate::fmt_http_date(now)).expect("a date");
        let full = answer.bytes().len();
        let body = if half { answer.bytes().slice(..full / 2) } else { answer.bytes().clone() };
        let mut response = Response::new(Cuttable { body: Some(body), full, half });
        *response.status_mut() = http::StatusCode::from_u16(answer.status()).expect("a status");
        *response.headers_mut() = answer.headers().clone();
        response.headers_mut().entry("date").or_insert(date);
        response
    }
}

fn unpack(parts: &http::request::Parts, body: Bytes) -> Option<Bytes> {
    if parts.headers.get("content-encoding").is_none_or(|e| e != "gzip") {
        return Some(body);
    }
    let mut plain = Vec::new();
    GzDecoder::new(&*body).take(MAX_BODY as u64).read_to_end(&mut plain).ok()?;
    Some(plain.into())
}

/// A body of which only the first half may come.
#[derive(Debug)]
struct Cuttable {
    body: Option<Bytes>,
    full: usize,
    half: bool,
}

impl Body for Cuttable {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.body.take() {
            Some(body) if !body.is_empty() => Poll::Ready(Some(Ok(Frame::data(body)))),
            _ if self.half => Poll::Ready(Some(Err(Cut::Reset))),
            _ => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.full as u64)
    }
}
