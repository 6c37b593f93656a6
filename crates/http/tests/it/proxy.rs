//! Proxies: a gate on loopback that counts, may want a password, and keeps all that it sees.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use watchfloor_core::{Error, Kind, Outcome, Secret};
use watchfloor_http::{Auth, Settings};
use watchfloor_testkit::{Authority, Server, Tls, leaks};

use crate::bench::{Bench, Product, Raw, wire};
use crate::child;
use crate::tls::{Dir, read};

/// A name that only the gate can resolve.
const HOST: &str = "siem.invalid";

/// A proxy whose tunnels all lead to one address.
struct Gate {
    url: String,
    seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    tunnels: AtomicUsize,
    heads: Mutex<String>,
    /// What went through the tunnels towards the product.
    up: Mutex<Vec<u8>>,
}

impl Gate {
    /// `wants` is the credential, Basic and decoded; `to` is where all tunnels lead.
    async fn open(wants: Option<&'static str>, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::<Seen>::default();
        let all = seen.clone();
        let task = tokio::spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(through(stream, wants, to, all.clone()));
            }
        });
        Self { url, seen, task }
    }

    fn tunnels(&self) -> usize {
        self.seen.tunnels.load(Ordering::SeqCst)
    }

    fn heads(&self) -> String {
        self.seen.heads.lock().unwrap().clone()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn through(mut from: TcpStream, wants: Option<&str>, to: SocketAddr, seen: Arc<Seen>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let Ok(byte) = from.read_u8().await else { return };
        head.push(byte.into());
    }
    seen.heads.lock().unwrap().push_str(&head);
    let good = wants.is_none_or(|wants| {
        let line = format!("Proxy-Authorization: Basic {}\r\n", base64(wants));
        head.to_lowercase().contains(&line.to_lowercase()) && head.contains(&base64(wants))
    });
    if !good {
        let refusal = "407 Proxy Authentication Required";
        let _ = from.write_all(&wire(refusal, "proxy-authenticate: Basic\r\n", b"cnry")).await;
        return;
    }
    if !head.starts_with("CONNECT ") {
        let _ = from.write_all(&wire("200 OK", "", b"by the gate")).await;
        return;
    }
    seen.tunnels.fetch_add(1, Ordering::SeqCst);
    let Ok(upstream) = TcpStream::connect(to).await else { return };
    let _ = from.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
    let ((mut from_read, mut from_write), (mut to_read, mut to_write)) =
        (from.into_split(), upstream.into_split());
    let up = async {
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = from_read.read(&mut bytes).await {
            seen.up.lock().unwrap().extend_from_slice(&bytes[..n]);
            if to_write.write_all(&bytes[..n]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut to_read, &mut from_write) => {}
    }
}

fn base64(text: &str) -> String {
    match text {
        "bot:cnry-proxy" => "Ym90OmNucnktcHJveHk=".to_owned(),
        other => panic!("no table of it: {other}"),
    }
}

/// A product whose certificate is for [`HOST`] and this host, and who vouches for it.
async fn product(bench: &Bench) -> (Server<Product>, Authority) {
    let authority = Authority::new();
    let tls = Tls::named(&authority, &[HOST, "127.0.0.1"]);
    let clock = Arc::new(bench.clock.clone());
    (Server::start_tls(Product::open(), clock, &tls).await.unwrap(), authority)
}

fn settings(authority: &Authority, more: &Value) -> Settings {
    let mut keys = json!({ "ca_file": "ca.pem", "max_attempts": 1 });
    for (key, value) in more.as_object().unwrap() {
        keys[key] = value.clone();
    }
    read(&keys, &[("ca.pem", &authority.pem()), ("PASS", "cnry-proxy")]).unwrap()
}

/// One request with a credential.
async fn ask(bench: &Bench, url: &str, settings: Settings) -> Result<(), Error> {
    let auth = Auth::bearer(Secret::new("cnry-token"));
    let client = bench.at(vec![url.parse().unwrap()], auth, settings);
    client.get("item", "x.get").query("q", "cnry-query").send(&bench.call()).await.map(drop)
}

fn in_front(url: &str) -> Value {
    json!({ "proxy": url })
}

#[tokio::test]
async fn t25_proxy_is_gone_through_and_sees_no_credential() {
    let bench = Bench::new().await;
    let (server, authority) = product(&bench).await;
    let gate = Gate::open(None, server.addr()).await;
    let url = format!("https://{HOST}");
    let direct = ask(&bench, &url, settings(&authority, &json!({}))).await.unwrap_err();
    assert_eq!((direct.outcome(), direct.context("stage")), (Outcome::NotSent, Some("dns")));
    ask(&bench, &url, settings(&authority, &in_front(&gate.url))).await.unwrap();
    assert_eq!((gate.tunnels(), server.script().count("item")), (1, 1));
    assert_eq!(
        server.log().all()[0].request.header("authorization"),
        Some("Bearer cnry-token"),
        "the product has it"
    );
    let heads = gate.heads();
    assert!(heads.starts_with(&format!("CONNECT {HOST}:443 HTTP/1.1\r\n")), "{heads}");
    let passed = gate.seen.up.lock().unwrap().clone();
    assert!(passed.len() > 200, "a handshake and a request");
    for seen in [heads.as_bytes(), &passed] {
        assert_eq!(leaks(seen, ["cnry-token", "cnry-query"]), [""; 0]);
    }
}

/// Whether a proxy that wants `bot:cnry-proxy` lets a request through with these.
async fn let_through(credential: Option<(&str, &str)>) -> bool {
    let bench = Bench::new().await;
    let (server, authority) = product(&bench).await;
    let gate = Gate::open(Some("bot:cnry-proxy"), server.addr()).await;
    let mut keys = json!({ "ca_file": "ca.pem", "max_attempts": 1, "proxy": gate.url });
    let (ca, mut files) = (authority.pem(), Vec::new());
    files.push(("ca.pem", ca.as_str()));
    if let Some((username, password)) = credential {
        keys["proxy_username"] = json!(username);
        keys["proxy_password"] = json!({ "env": "PASS" });
        files.push(("PASS", password));
    }
    let settings = read(&keys, &files).unwrap();
    assert!(!format!("{settings:?}").contains("cnry"), "{settings:?}");
    let asked = ask(&bench, &format!("https://{HOST}"), settings).await;
    let through = usize::from(asked.is_ok());
    assert_eq!((gate.tunnels(), server.script().count("*")), (through, through as u64));
    match asked {
        Ok(()) => {
            let passed = &server.log().all()[0].request;
            assert!(passed.header("proxy-authorization").is_none(), "for the proxy alone");
            true
        }
        Err(e) => {
            assert_eq!((e.kind(), e.outcome()), (Kind::Unavailable, Outcome::NotSent));
            assert_eq!(e.context("stage"), Some("proxy"));
            assert!(e.message().contains("proxy_password"), "{e}");
            assert!(!format!("{e} {e:?}").contains("cnry"), "{e}");
            false
        }
    }
}

#[tokio::test]
async fn t25_proxy_username_is_told_to_the_proxy() {
    assert!(!let_through(None).await);
    assert!(!let_through(Some(("other", "cnry-proxy"))).await);
    assert!(let_through(Some(("bot", "cnry-proxy"))).await);
}

#[tokio::test]
async fn t25_proxy_password_is_told_to_the_proxy() {
    assert!(!let_through(Some(("bot", "cnry-other"))).await);
    assert!(let_through(Some(("bot", "cnry-proxy"))).await);
}

#[tokio::test]
async fn t25_no_proxy_is_reached_without() {
    let bench = Bench::new().await;
    let (server, authority) = product(&bench).await;
    let gate = Gate::open(None, server.addr()).await;
    for (no_proxy, tunnels) in [
        (json!([]), 1),
        (json!(["127.0.0.0/8"]), 1),
        (json!("127.0.0.1"), 1),
        (json!(["*"]), 1),
        (json!(["siem.example", "10.0.0.0/8"]), 2),
    ] {
        let keys = json!({ "proxy": gate.url, "no_proxy": no_proxy });
        ask(&bench, &server.url(), settings(&authority, &keys)).await.unwrap();
        assert_eq!(gate.tunnels(), tunnels, "{no_proxy}");
    }
}

#[tokio::test]
async fn a_plain_request_goes_through_it_too() {
    let bench = Bench::new().await;
    let gate = Gate::open(Some("bot:cnry-proxy"), bench.server.addr()).await;
    let keys = json!({
        "proxy": gate.url, "proxy_username": "bot", "proxy_password": { "env": "PASS" },
    });
    let client = bench.at(
        vec![format!("http://{HOST}").parse().unwrap()],
        Auth::none(),
        settings(&Authority::new(), &keys),
    );
    let answer = client.get("item", "x.get").send(&bench.call()).await.unwrap();
    assert_eq!(answer.body, "by the gate");
    assert!(gate.heads().starts_with(&format!("GET http://{HOST}/item ")), "{}", gate.heads());
}

#[tokio::test]
async fn a_proxy_that_fails_is_told_apart() {
    let bench = Bench::new().await;
    let authority = Authority::new();
    let refusing = Raw::always(wire("403 Forbidden", "", b"cnry-page")).await;
    let closed = Raw::closed().await;
    let url = format!("https://{HOST}");
    for (proxy, says) in [(&refusing.url, "made no connection"), (&closed, "cannot be reached")] {
        let through = settings(&authority, &in_front(proxy.as_str()));
        let e = ask(&bench, &url, through).await.unwrap_err();
        assert_eq!((e.kind(), e.outcome()), (Kind::Unavailable, Outcome::NotSent), "{e}");
        assert_eq!(e.context("stage"), Some("proxy"), "{e}");
        assert!(e.message().contains(says) && !e.to_string().contains("cnry"), "{e}");
    }
}

#[tokio::test]
async fn the_environments_proxy_counts_but_for_loopback() {
    let bench = Bench::new().await;
    let (server, authority) = product(&bench).await;
    let gate = Gate::open(Some("bot:cnry-proxy"), server.addr()).await;
    let dir = Dir::new();
    let roots = dir.file("roots.pem", &authority.pem());
    let proxy = gate.url.replace("http://", "http://bot:cnry-proxy@");
    let url = format!("https://{HOST}");
    let env = |more: &[(&'static str, &'static str)]| -> Vec<(&'static str, String)> {
        let more = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
        [("SSL_CERT_FILE", roots.clone()), ("HTTPS_PROXY", proxy.clone())]
            .into_iter()
            .chain(more)
            .collect()
    };
    let asks = async |url: &str, env: Vec<(&str, String)>| {
        let env: Vec<_> = env.iter().map(|(key, value)| (*key, value.as_str())).collect();
        child::asks(url, &env).await
    };
    let said = asks(&url, env(&[])).await;
    assert_eq!(said, "ok, TLS 1.3, verified by the system's roots");
    assert_eq!(gate.tunnels(), 1);
    let said = asks(&server.url(), env(&[])).await;
    assert!(said.starts_with("ok"), "{said}");
    let said = asks(&url, env(&[("NO_PROXY", "other.example,siem.invalid")])).await;
    assert!(said.contains("not resolved"), "{said}");
    let said = asks(&url, env(&[("https_proxy", "socks5://cnry.example")])).await;
    assert!(said.contains("https_proxy in the environment") && !said.contains("cnry"), "{said}");
    let said = asks(&server.url(), env(&[("https_proxy", "socks5://cnry.example")])).await;
    assert!(said.starts_with("ok"), "{said}");
    assert_eq!(gate.tunnels(), 1, "for loopback, and where it is told, it does not count");
}

#[test]
fn what_no_proxy_can_be_is_reported() {
    let password = json!({ "env": "PASS" });
    for (keys, problem) in [
        (json!({ "proxy": "http://u:cnry@p:1" }), "proxy: holds a user name or password; use"),
        (json!({ "proxy": "socks5://p:1" }), "proxy: is no http or https URL"),
        (json!({ "proxy": "p:1" }), "proxy: is no http or https URL"),
        (json!({ "proxy": "http://p:1/pac?cnry" }), "proxy: has a query"),
        (json!({ "proxy": "http://p:1/path" }), "proxy: has a path"),
        (json!({ "proxy_username": "u" }), "proxy_username: stands without proxy_password"),
        (
            json!({ "proxy": "http://p:1", "proxy_password": password }),
            "proxy_password: stands without proxy_username",
        ),
        (
            json!({ "proxy_username": "u", "proxy_password": password }),
            "proxy_username: stands without proxy",
        ),
        (
            json!({ "proxy": "http://p:1", "proxy_username": "u", "proxy_password": "cnry" }),
            "proxy_password: is a literal",
        ),
        (json!({ "no_proxy": ["a,b"] }), "no_proxy: \"a,b\" is no host"),
        (json!({ "no_proxy": ["https://a"] }), "no_proxy: \"https://a\" is no host"),
        (json!({ "no_proxy": [""] }), "no_proxy: \"\" is no host"),
    ] {
        let problems = read(&keys, &[("PASS", "cnry")]).unwrap_err();
        assert!(problems.iter().any(|p| p.contains(problem)), "{keys}: {problems:?}");
        assert!(!problems.join("").contains("cnry"), "{problems:?}");
    }
    for good in [json!(["a.example", ".b", "10.0.0.0/8", "::1", "fd00::/8", "*"]), json!("a")] {
        assert!(read(&json!({ "no_proxy": good }), &[]).is_ok(), "{good}");
    }
}

/// Through a real proxy, which `WATCHFLOOR_TEST_PROXY` names: `http://user:password@host:port`.
#[tokio::test]
#[ignore = "needs a proxy: .ci/proxy runs it with squid"]
async fn through_a_real_proxy() {
    let Ok(proxy) = std::env::var("WATCHFLOOR_TEST_PROXY") else { return };
    let mut proxy: url::Url = proxy.parse().unwrap();
    let (username, password) = (proxy.username().to_owned(), proxy.password().unwrap().to_owned());
    proxy.set_username("").unwrap();
    proxy.set_password(None).unwrap();
    let bench = Bench::new().await;
    let (server, authority) = product(&bench).await;
    for (password, known) in [("wrong", false), (password.as_str(), true)] {
        let keys = json!({
            "ca_file": "ca.pem", "max_attempts": 1, "proxy": proxy.as_str(),
            "proxy_username": username, "proxy_password": { "env": "PASS" },
        });
        let files = [("ca.pem", authority.pem()), ("PASS", password.to_owned())];
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        match ask(&bench, &server.url(), read(&keys, &files).unwrap()).await {
            Ok(()) => assert!(known),
            Err(e) => assert!(!known && e.message().contains("proxy_password"), "{e}"),
        }
    }
    assert_eq!(server.script().count("item"), 1);
}
