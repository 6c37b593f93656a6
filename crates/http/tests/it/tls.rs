//! T24: the other side is who the URL says, or nothing is sent.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use watchfloor_core::{Error, Health, Kind, Outcome, Secret, Stage, State};
use watchfloor_http::{Auth, ByStatus, Client, Repeat, Settings};
use watchfloor_testkit::{Authority, Server, Tls, build};

use crate::bench::{Bench, Product};
use crate::child;

/// A product behind TLS.
async fn product(bench: &Bench, tls: &Tls) -> Server<Product> {
    Server::start_tls(Product::open(), Arc::new(bench.clock.clone()), tls).await.unwrap()
}

/// The settings that these keys give, files and secrets by name; or what is wrong with them.
pub(crate) fn read(
    keys: &serde_json::Value,
    files: &[(&str, &str)],
) -> Result<Settings, Vec<String>> {
    let read = build("x", &json!({ "http": keys }), files, Settings::read);
    read.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn trusting(authority: &Authority) -> Settings {
    let keys = json!({ "ca_file": "ca.pem", "max_attempts": 1 });
    read(&keys, &[("ca.pem", &authority.pem())]).unwrap()
}

fn client(bench: &Bench, server: &Server<Product>, settings: Settings) -> Client {
    let auth = Auth::bearer(Secret::new("cnry-token"));
    bench.at(vec![server.url().parse().unwrap()], auth, settings)
}

async fn post(bench: &Bench, client: &Client) -> Result<(), Error> {
    let post = client.post("item", "x.post", Repeat::Forbidden);
    post.send(&bench.call()).await.map(drop)
}

/// It was refused in the handshake: nothing arrived, and the words are ours.
fn refused(e: &Error, server: &Server<Product>, says: &str) {
    assert_eq!((e.kind(), e.outcome()), (Kind::Unavailable, Outcome::NotSent), "{e}");
    assert_eq!(e.context("stage"), Some("tls"), "{e}");
    assert!(e.message().starts_with("TLS: ") && e.message().contains(says), "{says:?}: {e}");
    for foreign in ["invalid peer", "rustls", "UnknownIssuer", "alert", "cnry"] {
        assert!(!format!("{e} {e:?}").contains(foreign), "{e}");
    }
    assert_eq!(server.script().count("*"), 0);
    let health = Health::of_error(e, "");
    assert_eq!(health.failure().map(|(stage, _)| stage), Some(Stage::Tls));
}

#[tokio::test]
async fn t24_a_certificate_of_an_added_authority_is_good() {
    let (bench, authority) = (Bench::new().await, Authority::new());
    for (tls, version) in
        [(Tls::of(&authority), "TLS 1.3"), (Tls::of(&authority).version_1_2(), "TLS 1.2")]
    {
        let server = product(&bench, &tls).await;
        let client = client(&bench, &server, trusting(&authority));
        assert_eq!(client.health(Health::new()), Health::new(), "nothing was seen yet");
        post(&bench, &client).await.unwrap();
        let health = client.health(Health::new().good(Stage::Reachable, "it answered"));
        let seen = format!("{version}, verified by ca_file");
        assert_eq!(health.stages[0], (Stage::Tls, State::Good { seen }));
        assert_eq!(health.stages.len(), 2);
    }
}

#[tokio::test]
async fn t24_a_certificate_that_is_not_good_is_refused_with_the_reason() {
    let (bench, authority) = (Bench::new().await, Authority::named("of a name"));
    let name = "siem.example";
    for (tls, says) in [
        (Tls::of(&Authority::new()), "no trusted issuer"),
        (Tls::of(&Authority::named("of a name")), "no trusted issuer: the one of that name"),
        (Tls::self_signed(), "no trusted issuer"),
        (Tls::named(&authority, &[name]), "another name"),
        (Tls::expired(&authority), "has expired"),
        (Tls::not_yet_valid(&authority), "not valid yet"),
    ] {
        let server = product(&bench, &tls).await;
        let e = post(&bench, &client(&bench, &server, trusting(&authority))).await.unwrap_err();
        refused(&e, &server, says);
    }
}

#[tokio::test]
async fn t24_what_speaks_no_tls_is_told_so() {
    let (bench, authority) = (Bench::new().await, Authority::new());
    let mut url = bench.url();
    url.set_scheme("https").unwrap();
    let client = bench.at(vec![url], Auth::none(), trusting(&authority));
    refused(&post(&bench, &client).await.unwrap_err(), &bench.server, "is it plain http?");
}

#[tokio::test]
async fn t24_a_token_is_asked_for_of_nobody_who_is_not_verified() {
    let (bench, authority) = (Bench::new().await, Authority::new());
    let good = product(&bench, &Tls::of(&authority)).await;
    let bad = product(&bench, &Tls::self_signed()).await;
    let token_url = format!("{}token", bad.url()).parse().unwrap();
    let auth = Auth::client_credentials(token_url, "bot", Secret::new("cnry-secret"), None);
    let urls = vec![good.url().parse().unwrap()];
    let client = bench.at(urls, auth, trusting(&authority));
    let e = post(&bench, &client).await.unwrap_err();
    assert_eq!((e.outcome(), e.context("stage")), (Outcome::NotSent, Some("tls")), "{e}");
    assert!(e.message().contains("token request: TLS: "), "{e}");
    assert_eq!((bad.script().count("*"), good.script().count("*")), (0, 0));
}

#[tokio::test]
async fn t24_a_handshake_is_tried_again_like_any_connection() {
    let (bench, authority) = (Bench::new().await, Authority::new());
    let (bad, good) =
        (product(&bench, &Tls::self_signed()).await, product(&bench, &Tls::of(&authority)).await);
    let mut settings = trusting(&authority);
    settings.max_attempts = 2;
    let urls = [&bad, &good].map(|server| server.url().parse().unwrap());
    let client = bench.at(urls.to_vec(), Auth::none(), settings);
    post(&bench, &client).await.unwrap();
    assert_eq!((bad.script().count("*"), good.script().count("*")), (0, 1));
}

#[tokio::test]
async fn t25_ca_file_is_trusted_besides_others() {
    let (bench, authority) = (Bench::new().await, Authority::new());
    let server = product(&bench, &Tls::of(&authority)).await;
    let several = Authority::new().pem() + &authority.pem();
    for (files, trusted) in [(None, false), (Some(authority.pem()), true), (Some(several), true)] {
        let settings = match files {
            None => read(&json!({ "max_attempts": 1 }), &[]).unwrap(),
            Some(pem) => {
                read(&json!({ "ca_file": "etc/ca.pem" }), &[("etc/ca.pem", &pem)]).unwrap()
            }
        };
        // A machine without any roots says so when the client is made.
        let urls = vec![server.url().parse().unwrap()];
        let made = bench.layer.client(&"x".into(), urls, Auth::none(), settings, ByStatus);
        match made {
            Ok(client) => assert_eq!(post(&bench, &client).await.is_ok(), trusted),
            Err(e) => assert!(!trusted && e.message().contains("ca_file"), "{e}"),
        }
    }
}

#[tokio::test]
async fn t25_client_cert_is_shown_to_a_server_that_asks() {
    let (bench, authority) = (Bench::new().await, Authority::new());
    let ((cert, key), (foreign, foreign_key)) =
        (authority.client("bot"), Authority::new().client("bot"));
    let keys = json!({
        "ca_file": "ca.pem", "max_attempts": 1,
        "client_cert": "bot.pem", "client_key": { "env": "KEY" },
    });
    let with = |cert: &str, key: &str| {
        read(&keys, &[("ca.pem", &authority.pem()), ("bot.pem", cert), ("KEY", key)]).unwrap()
    };
    let wants = || Tls::of(&authority).wanting_client(&authority);
    for tls in [wants(), wants().version_1_2()] {
        let server = product(&bench, &tls).await;
        let client_with = |settings| client(&bench, &server, settings);
        let e = post(&bench, &client_with(trusting(&authority))).await.unwrap_err();
        refused(&e, &server, "client certificate");
        let e = post(&bench, &client_with(with(&foreign, &foreign_key))).await.unwrap_err();
        refused(&e, &server, "refuse");
        let known = with(&cert, &key);
        assert!(!format!("{known:?}").contains("BEGIN"), "{known:?}");
        post(&bench, &client_with(known)).await.unwrap();
    }
}

#[test]
fn t25_client_key_belongs_to_the_certificate() {
    let authority = Authority::new();
    let ((cert, key), (_, other)) = (authority.client("bot"), authority.client("bot"));
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let keys = json!({ "client_cert": "bot.pem", "client_key": { "env": "KEY" } });
    let with = |key: &str| read(&keys, &[("bot.pem", &cert), ("KEY", key)]);
    assert!(with(&key).is_ok());
    for (key, says) in [
        (other.as_str(), "the key is another certificate's"),
        (&encrypted, "is encrypted"),
        ("cnry", "is no private key"),
    ] {
        let problems = with(key).unwrap_err().join("\n");
        assert!(problems.contains("connectors.x.http.client_cert: ") && problems.contains(says));
        assert!(!problems.contains("cnry") && !problems.contains("BEGIN"), "{problems}");
    }
    let alone = read(&json!({ "client_key": { "env": "KEY" } }), &[("KEY", &key)]).unwrap_err();
    assert_eq!(alone, ["line 1: connectors.x.http.client_key: stands without client_cert"]);
    let alone = read(&json!({ "client_cert": "bot.pem" }), &[("bot.pem", &cert)]).unwrap_err();
    assert_eq!(alone, ["line 1: connectors.x.http.client_cert: stands without client_key"]);
    let literal = json!({ "client_cert": "bot.pem", "client_key": "cnry" });
    let literal = read(&literal, &[("bot.pem", &cert)]).unwrap_err().join("\n");
    assert!(literal.contains("is a literal") && !literal.contains("cnry"), "{literal}");
}

#[test]
fn a_file_that_holds_no_certificate_is_named_and_not_shown() {
    let broken = "-----BEGIN CERTIFICATE-----\nY25yeQ==\n-----END CERTIFICATE-----\n";
    let unended = "-----BEGIN CERTIFICATE-----\ncnry";
    for (pem, says) in [
        (None, "is not in memory"),
        (Some(""), "there is no certificate in it"),
        (Some("cnry"), "there is no certificate in it"),
        (Some(broken), "certificate 1 in it cannot be read"),
        (Some(unended), "is broken"),
    ] {
        let files: Vec<_> = pem.iter().map(|pem| ("ca.pem", *pem)).collect();
        let problems = read(&json!({ "ca_file": "ca.pem" }), &files).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("connectors.x.http.ca_file: "), "{problems:?}");
        assert!(problems[0].contains(says) && !problems[0].contains("cnry"), "{problems:?}");
    }
}

#[tokio::test]
async fn t25_danger_accept_invalid_certs_passes_and_is_loud() {
    let bench = Bench::new().await;
    let bad =
        [Tls::self_signed(), Tls::expired(&Authority::new()), Tls::self_signed().version_1_2()];
    for tls in bad {
        let server = product(&bench, &tls).await;
        let danger = |on: bool| {
            read(&json!({ "danger_accept_invalid_certs": on, "max_attempts": 1 }), &[]).unwrap()
        };
        assert_eq!(danger(false), {
            let mut s = Settings::default();
            s.max_attempts = 1;
            s
        });
        let (made, logged) = heard(|| client(&bench, &server, danger(true)));
        assert_eq!(logged.matches("WARN").count(), 1, "{logged}");
        assert!(logged.contains("danger_accept_invalid_certs"), "{logged}");
        assert!(logged.contains(r#"connector="x""#) && !logged.contains("cnry"), "{logged}");
        post(&bench, &made).await.unwrap();
        let health = made.health(Health::new().good(Stage::Reachable, "it answered"));
        assert_eq!(health.failure().map(|(stage, _)| stage), Some(Stage::Degraded));
        let State::Good { seen } = &health.stages[0].1 else { panic!("{health:?}") };
        assert!(seen.contains("not verified"), "{seen}");
    }
    let mut danger = Settings::default();
    danger.tls = danger.tls.danger_accept_invalid_certs();
    let (plain, logged) = heard(|| bench.client(danger));
    assert!(logged.contains("plain_http=true"), "{logged}");
    assert!(!plain.health(Health::new()).is_good());
    let (_, logged) = heard(|| bench.client(Settings::default()));
    assert_eq!(logged, "", "nothing to say by default");
}

#[tokio::test]
async fn t24_the_systems_roots_are_enough() {
    let (bench, authority) = (Bench::new().await, Authority::new());
    let server = product(&bench, &Tls::of(&authority)).await;
    let dir = Dir::new();
    let roots = dir.file("roots.pem", &authority.pem());
    let others = dir.file("others.pem", &Authority::new().pem());
    let said = child::asks(&server.url(), &[("SSL_CERT_FILE", &roots)]).await;
    assert_eq!(said, "ok, TLS 1.3, verified by the system's roots");
    let said = child::asks(&server.url(), &[("SSL_CERT_FILE", &others)]).await;
    assert!(said.contains("no trusted issuer"), "{said}");
    let said = child::asks(&server.url(), &[("SSL_CERT_FILE", &(others + ".gone"))]).await;
    assert!(said.contains("the system has no root certificates"), "{said}");
    assert_eq!(server.script().count("*"), 1);
}

/// What is logged meanwhile, warnings and worse.
fn heard<T>(work: impl FnOnce() -> T) -> (T, String) {
    #[derive(Clone, Default)]
    struct Ear(Arc<Mutex<Vec<u8>>>);
    impl Write for Ear {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let ear = Ear::default();
    let made = ear.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || made.clone())
        .finish();
    let done = tracing::subscriber::with_default(subscriber, work);
    let said = String::from_utf8(ear.0.lock().unwrap().clone()).unwrap();
    (done, said)
}

/// A directory that is gone with the test.
pub(crate) struct Dir(std::path::PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        let name = format!("watchfloor-{}", watchfloor_core::CallId::random());
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    /// Writes a file and says where it is.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
