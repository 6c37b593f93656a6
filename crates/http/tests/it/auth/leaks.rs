//! Secrets of every grant: in no log, error, `Debug` or URL.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use watchfloor_core::Secret;
use watchfloor_http::{Assertion, Auth, ByStatus, OAuth2, Settings};
use watchfloor_testkit::{Answer, Canaries, Fault};

use super::realm::{Failing, MemoryStore, Realm};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// In a process of its own: a subscriber for the whole of it misses no call site, and there is one.
#[test]
fn no_secret_of_any_grant_is_written_anywhere() {
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--exact", "auth::leaks::alone", "--ignored", "--nocapture"]);
    let output = alone.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "the test above runs it"]
async fn alone() {
    let written = Written::default();
    let log = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || log.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let realm = Realm::new().await;
    let pem = realm.server.trust("bot", "here", None, false);
    let bearer = |pem: &str| {
        OAuth2::jwt_bearer(realm.token_url(), Assertion::new(Secret::new(pem), "bot", "here"))
    };
    let mut output = written.clone();
    let store = Arc::new(MemoryStore::default());
    let layer = realm.layer().with_store(store.clone());
    for oauth2 in [
        realm.client_credentials(),
        realm.password(),
        realm.with_password("cnry-wrong"),
        realm.consented(),
        realm.refresh_token("cnry-unknown"),
        bearer(&pem),
    ] {
        let auth = Auth::oauth2(oauth2.clone());
        let client = realm.client(&layer, oauth2.clone());
        writeln!(output, "{auth:?} {oauth2:#?} {client:#?} {layer:?}").unwrap();
        for fault in [
            None,
            Some(Fault::Instead(Answer::json(400, &serde_json::json!({"error": "cnry-code"})))),
            Some(Fault::html(502)),
            Some(Fault::HalfBody),
        ] {
            realm.clock.advance(Duration::from_secs(2 * 3600));
            if let Some(fault) = fault {
                realm.server.script().on("token", 1, fault);
            }
            if let Err(e) = realm.get(&client).await {
                writeln!(output, "{e} {e:?} {:?}", e.record()).unwrap();
            }
        }
    }
    store.fail(Some(Failing::Both));
    realm.clock.advance(Duration::from_secs(3600));
    realm.get(&realm.client(&layer, realm.password())).await.unwrap();
    let wrong: String = pem.lines().take(9).collect();
    let auth = Auth::oauth2(bearer(&wrong));
    let name = crate::bench::name();
    let made = layer.client(&name, vec![realm.url()], auth, Settings::default(), ByStatus);
    let e = made.unwrap_err();
    assert!(e.to_string().contains("private_key is no private key in PEM"), "{e}");
    writeln!(output, "{e} {e:?}").unwrap();

    let text = written.0.lock().unwrap();
    let said = String::from_utf8_lossy(&text);
    for word in ["http.token", "Auth(oauth2 jwt_bearer)", "invalid_grant", "in the store"] {
        assert!(said.contains(word), "the log is not what is looked through: {word}");
    }
    // Whatever the twin granted begins with `cnry`, as do all secrets but the key.
    let assertions: Vec<_> = realm.sent("assertion").into_iter().flatten().collect();
    assert!(!assertions.is_empty());
    let key = pem.lines().nth(3).unwrap();
    let mut canaries = vec!["cnry", key];
    canaries.extend(assertions.iter().filter_map(|a| a.split('.').nth(2)));
    assert_eq!(Canaries::new(canaries).in_text(&text), Vec::<&str>::new());
    for logged in realm.server.log().all() {
        let url = format!("{}?{}", logged.request.path, logged.request.query);
        assert!(!url.contains("cnry"), "{url}");
    }
}
