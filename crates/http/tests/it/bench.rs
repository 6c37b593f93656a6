//! What the tests stand on: a product of a few lines, and a server that does what no twin does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;
use watchfloor_core::config::{Node, Problems, SecretRef, SecretSource, Section, Value};
use watchfloor_core::{Call, ConnectorName, Root, Secret, TenantId};
use watchfloor_http::{Auth, ByStatus, Client, Layer, Settings};
use watchfloor_testkit::{Answer, Fault, Request, Server, TestClock, Twin};

/// A product that answers `{"n": …}`, its operations named by the first segment of the path. With
/// `/token` it grants bearer tokens `t1`, `t2` … and takes only the newest.
#[derive(Debug)]
pub(crate) struct Product {
    granted: AtomicUsize,
    served: AtomicUsize,
    life: usize,
    locked: bool,
}

impl Product {
    /// One that wants a bearer token of its own, which it calls good for so many seconds.
    pub(crate) fn locked(life: usize) -> Self {
        Self { locked: true, life, ..Self::open() }
    }

    /// One that takes every credential, and none.
    pub(crate) fn open() -> Self {
        Self { granted: 0.into(), served: 0.into(), life: 3600, locked: false }
    }

    /// Takes no token that was granted so far.
    pub(crate) fn revoke(&self) {
        self.granted.fetch_add(1, Ordering::SeqCst);
    }
}

impl Twin for Product {
    fn operation(&self, request: &Request) -> &'static str {
        match request.segments().first().map(String::as_str) {
            Some("token") => "token",
            Some("item") => "item",
            _ => "other",
        }
    }

    fn handle(&self, request: &Request, _: Option<&Fault>) -> Answer {
        if request.path == "/token" {
            if request.field("client_secret").as_deref() != Some("s3cret") {
                return Answer::json(401, &serde_json::json!({"error": "invalid_client"}));
            }
            let n = self.granted.fetch_add(1, Ordering::SeqCst) + 1;
            let life = self.life;
            let token = serde_json::json!({
                "access_token": format!("t{n}"), "token_type": "Bearer", "expires_in": life,
            });
            return Answer::json(200, &token);
        }
        let newest = format!("Bearer t{}", self.granted.load(Ordering::SeqCst));
        if self.locked && request.header("authorization") != Some(&newest) {
            return Answer::new(401);
        }
        let n = self.served.fetch_add(1, Ordering::SeqCst) + 1;
        Answer::json(200, &serde_json::json!({ "n": n }))
    }
}

/// A product, a layer, and time that jumps.
pub(crate) struct Bench {
    pub(crate) clock: TestClock,
    pub(crate) layer: Layer,
    pub(crate) server: Server<Product>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::of(Product::open()).await
    }

    pub(crate) async fn of(product: Product) -> Self {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let server = Server::start(product, Arc::new(clock.clone())).await.unwrap();
        Self { layer: Layer::new(Arc::new(clock.clone())), clock, server }
    }

    pub(crate) fn url(&self) -> Url {
        self.server.url().parse().unwrap()
    }

    pub(crate) fn client(&self, settings: Settings) -> Client {
        self.with_auth(Auth::none(), settings)
    }

    pub(crate) fn with_auth(&self, auth: Auth, settings: Settings) -> Client {
        self.at(vec![self.url()], auth, settings)
    }

    pub(crate) fn at(&self, urls: Vec<Url>, auth: Auth, settings: Settings) -> Client {
        self.layer.client(&"x".into(), urls, auth, settings, ByStatus).unwrap()
    }

    /// A client with the token that the product grants.
    pub(crate) fn with_token(&self, settings: Settings) -> Client {
        let auth = Auth::client_credentials(
            self.url().join("token").unwrap(),
            "bot",
            Secret::new("s3cret"),
            None,
        );
        self.with_auth(auth, settings)
    }

    pub(crate) fn call(&self) -> Call {
        self.call_of("acme")
    }

    pub(crate) fn call_of(&self, tenant: &str) -> Call {
        Root::new(Arc::new(self.clock.clone())).scope(TenantId::new(tenant)).call()
    }

    /// How many requests of an operation arrived.
    pub(crate) fn count(&self, operation: &str) -> u64 {
        self.server.script().count(operation)
    }
}

#[derive(Debug)]
struct Secrets;

impl SecretSource for Secrets {
    fn find(&self, _: &SecretRef) -> Result<Secret, String> {
        Ok(Secret::new("s3cret"))
    }
}

/// A connector's section with these entries.
pub(crate) fn section(entries: Vec<(&str, Value)>) -> (Section, Problems) {
    let problems = Problems::default();
    let section =
        Section::new("connectors.x", 1, nodes(entries), problems.clone(), Arc::new(Secrets));
    (section, problems)
}

/// A table of the configuration.
pub(crate) fn table(entries: Vec<(&str, Value)>) -> Value {
    Value::Table(nodes(entries))
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn nodes(entries: Vec<(&str, Value)>) -> BTreeMap<String, Node> {
    let node = |(key, value): (&str, Value)| (key.to_owned(), Node { value, line: 1 });
    entries.into_iter().map(node).collect()
}

/// The settings that a configuration with these keys gives; all must be taken.
pub(crate) fn settings(keys: Vec<(&str, Value)>) -> Settings {
    let (mut section, problems) = section(vec![("http", table(keys))]);
    let settings = Settings::read(&mut section);
    section.finish();
    assert_eq!(problems.count(), 0, "{:?}", problems.take());
    settings.unwrap()
}

pub(crate) fn name() -> ConnectorName {
    ConnectorName::new("x")
}

/// A server that reads a request's head and then does what it is told, a connection at a time.
pub(crate) struct Raw {
    pub(crate) url: Url,
    pub(crate) connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Raw {
    /// Answers every request of every connection with these bytes, after `permit`.
    pub(crate) async fn answering(
        answer: impl Into<Vec<u8>>,
        permit: Arc<tokio::sync::Semaphore>,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let (answer, connections) = (Arc::new(answer.into()), Arc::new(AtomicUsize::new(0)));
        let count = connections.clone();
        let requests = Arc::new(AtomicUsize::new(0));
        let met = requests.clone();
        let task = tokio::spawn(async move {
            let mut all = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, permit, met) = (answer.clone(), permit.clone(), met.clone());
                all.spawn(async move {
                    let mut head = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        head.push(byte);
                        if head.ends_with(b"\r\n\r\n") {
                            head.clear();
                            met.fetch_add(1, Ordering::SeqCst);
                            permit.acquire().await.unwrap().forget();
                            if stream.write_all(&answer).await.is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        });
        Self { url, connections, requests, task }
    }

    /// Returns once so many requests were met.
    pub(crate) async fn met(&self, requests: usize) {
        let met = async {
            while self.requests.load(Ordering::SeqCst) < requests {
                tokio::task::yield_now().await;
            }
        };
        #[allow(clippy::disallowed_methods, reason = "a test that fails ends")]
        tokio::time::timeout(std::time::Duration::from_secs(10), met).await.unwrap();
    }

    /// Answers at once, as often as it is asked.
    pub(crate) async fn always(answer: impl Into<Vec<u8>>) -> Self {
        Self::answering(answer, Arc::new(tokio::sync::Semaphore::new(10_000))).await
    }

    /// A URL on which nobody listens.
    pub(crate) async fn closed() -> Url {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with this body, as it goes over the wire.
pub(crate) fn wire(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
