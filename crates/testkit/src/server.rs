//! Twins behind real sockets.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use watchfloor_core::Clock;

use crate::log::{Log, Logged};
use crate::message::http_date;
use crate::{Answer, Fault, Request, Script};

/// The largest body that a twin reads, before and after gzip.
const MAX_BODY: usize = 64 << 20;

/// What is answered to a body whose gzip is broken.
const UNREADABLE: &str = "<html><head><title>400 Bad Request</title></head></html>";

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
    scheme: &'static str,
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
        Self::listen(twin, clock, Security::None).await
    }

    /// Starts a twin behind TLS, which shows the certificate that `tls` says.
    #[cfg(feature = "tls")]
    pub async fn start_tls(twin: T, clock: Arc<dyn Clock>, tls: &crate::Tls) -> io::Result<Self> {
        Self::listen(twin, clock, Security::Tls(tls.acceptor())).await
    }

    async fn listen(twin: T, clock: Arc<dyn Clock>, security: Security) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let (script, log) = (Script::default(), Log::default());
        let shared = Arc::new(Shared { twin, clock, script, log });
        let scheme = security.scheme();
        let accepting = tokio::spawn(accept(listener, shared.clone(), security));
        Ok(Self { scheme, addr, shared, accepting })
    }

    /// Its base URL, with a slash at its end.
    pub fn url(&self) -> String {
        format!("{}://{}/", self.scheme, self.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
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

/// What lies between TCP and HTTP.
#[derive(Clone)]
enum Security {
    None,
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
}

impl Security {
    fn scheme(&self) -> &'static str {
        match self {
            Self::None => "http",
            #[cfg(feature = "tls")]
            Self::Tls(_) => "https",
        }
    }
}

async fn accept<T: Twin>(listener: TcpListener, shared: Arc<Shared<T>>, security: Security) {
    // Connections end with the server, so that a test that ends leaves nothing behind.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        connections.spawn(connected(stream, shared.clone(), security.clone()));
    }
}

async fn connected<T: Twin>(stream: TcpStream, shared: Arc<Shared<T>>, security: Security) {
    let Ok((stream, socket)) = doubled(stream) else { return };
    match security {
        Security::None => serve(stream, socket, shared).await,
        #[cfg(feature = "tls")]
        Security::Tls(acceptor) => {
            if let Some(stream) = crate::tls::accepted(&acceptor, stream).await {
                serve(stream, socket, shared).await;
            }
        }
    }
}

async fn serve<T: Twin>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    socket: std::net::TcpStream,
    shared: Arc<Shared<T>>,
) {
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
        let body = body.to_bytes();
        let Some(plain) = unpack(&parts, &body) else {
            let answer = Answer::new(400).body("text/html", UNREADABLE);
            self.note("unreadable", Request::new(parts, body), Some(&answer));
            return Ok(self.response(&answer, None));
        };
        let request = Request::new(parts, plain);
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
        self.note(operation, request, answer.as_ref());
        let broken = match fault {
            Some(Fault::HalfBody) => Some(Break::Cut),
            Some(Fault::HangAmid) => Some(Break::Hang),
            _ => None,
        };
        match (answer, fault) {
            // There is no middle of nothing.
            (Some(answer), Some(Fault::HalfBody)) if answer.bytes().is_empty() => Err(Cut::Reset),
            (Some(answer), _) => Ok(self.response(&answer, broken)),
            (None, Some(Fault::Hang)) => {
                drop(busy);
                std::future::pending::<Infallible>().await;
                Err(Cut::Reset)
            }
            (None, _) => Err(Cut::Reset),
        }
    }

    fn note(&self, operation: &'static str, request: Request, answer: Option<&Answer>) {
        let status = answer.map(Answer::status);
        self.log.push(Logged { operation, request, status, at: self.clock.now() });
    }

    fn response(&self, answer: &Answer, broken: Option<Break>) -> Response<Cuttable> {
        let date = HeaderValue::from_str(&http_date(self.clock.now())).expect("a date");
        let full = answer.bytes().len();
        let first = if broken.is_some() { full / 2 } else { full };
        let body = Some(answer.bytes().slice(..first));
        let mut response = Response::new(Cuttable { body, full, broken });
        *response.status_mut() = http::StatusCode::from_u16(answer.status()).expect("a status");
        *response.headers_mut() = answer.headers().clone();
        response.headers_mut().entry("date").or_insert(date);
        response
    }
}

/// The body without its gzip; `None` if that is broken, or too long without it.
fn unpack(parts: &http::request::Parts, body: &Bytes) -> Option<Bytes> {
    if parts.headers.get("content-encoding").is_none_or(|e| e != "gzip") {
        return Some(body.clone());
    }
    let mut plain = Vec::new();
    GzDecoder::new(&**body).take(MAX_BODY as u64 + 1).read_to_end(&mut plain).ok()?;
    (plain.len() <= MAX_BODY).then(|| plain.into())
}

/// How a body stops after its first half.
#[derive(Clone, Copy, Debug)]
enum Break {
    Cut,
    CutWritten,
    Hang,
}

/// A body of which only the first half may come.
#[derive(Debug)]
struct Cuttable {
    body: Option<Bytes>,
    full: usize,
    broken: Option<Break>,
}

impl Body for Cuttable {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match (self.body.take(), self.broken) {
            (Some(body), _) if !body.is_empty() => Poll::Ready(Some(Ok(Frame::data(body)))),
            (_, Some(Break::Cut)) => {
                // An error discards what is not written yet; a turn of waiting lets it be written.
                self.broken = Some(Break::CutWritten);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            (_, Some(Break::CutWritten)) => Poll::Ready(Some(Err(Cut::Reset))),
            // Nobody wakes it again: it ends with the connection.
            (_, Some(Break::Hang)) => Poll::Pending,
            (_, None) => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.full as u64)
    }
}
