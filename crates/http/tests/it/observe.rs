//! What the layer tells: spans, events at trace level, and its observer.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use watchfloor_core::config::Value;
use watchfloor_core::{Kind, Outcome, Secret};
use watchfloor_http::observe::{BreakerChange, Gate, Observation, Observer};
use watchfloor_http::{Auth, ByStatus, Repeat, Settings};
use watchfloor_testkit::{Answer, Fault};

use crate::bench::{Bench, name, settings};

/// Writes down every span and event, of every level, with its fields.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

/// A span with its id, or an event.
type Line = (Option<span::Id>, String);

impl Lines {
    fn all(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Lines {
    fn on_new_span(&self, span: &span::Attributes<'_>, id: &span::Id, _: Context<'_, S>) {
        let mut line = span.metadata().name().to_owned();
        span.record(&mut Fields(&mut line));
        self.all().push((Some(id.clone()), line));
    }
    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        // Ids are used again: the newest is meant.
        let mut all = self.all();
        if let Some((_, line)) = all.iter_mut().rev().find(|(known, _)| known.as_ref() == Some(id))
        {
            values.record(&mut Fields(line));
        }
    }
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = event.metadata().target().to_owned();
        event.record(&mut Fields(&mut line));
        self.all().push((None, line));
    }
}

#[tokio::test]
async fn what_is_logged_has_opentelemetrys_names_and_no_secret_at_any_level() {
    let bench = Bench::new().await;
    bench.server.script().on("item", 1, Fault::status(503));
    let secret = Answer::json(200, &serde_json::json!({"n": "cnry"}))
        .header("set-cookie", "cnry")
        .header("x-odd", "cnry")
        .header("retry-after", "11");
    bench.server.script().on("item", 2, Fault::Instead(secret));
    // For the whole process: a subscriber of one thread is missed by call sites that another
    // thread meets first. What is of this test is told by its names.
    let lines = Lines::default();
    let subscriber = tracing_subscriber::registry().with(lines.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let auth = Auth::header("x-our-key", Secret::new("cnry"));
    let client = bench.with_auth(auth, Settings::default());
    let post = client.post("item/7", "spans.op", Repeat::Keyed);
    let post = post.query("q", "cnry").query("limit", "5").header("x-other", "cnry").json("cnry");
    post.send(&bench.call().traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        .await
        .unwrap();
    let port = format!("server.port={}", bench.url().port().unwrap());
    let all = lines.all();
    let ours: Vec<_> = all
        .iter()
        .filter(|(id, _)| id.is_some())
        .map(|(_, line)| line)
        .filter(|l| l.contains(&port) || l.contains("spans.op"))
        .collect();
    let seen = format!("{ours:#?}");
    assert_eq!(ours.len(), 3, "{seen}");
    assert!(
        ours[0].starts_with("http.call") && ours[0].contains(r#"otel.name="spans.op""#),
        "{seen}"
    );
    let full = format!(" url.full={}item/7?q=…&limit=5", bench.url());
    for (n, status) in [(0, 503), (1, 200)] {
        let line = ours[n + 1];
        for field in [
            "http.attempt",
            r#" otel.kind="client""#,
            r#" http.request.method="POST""#,
            &format!(" http.response.status_code={status}"),
            r#" server.address="127.0.0.1""#,
            &full,
        ] {
            assert!(line.contains(field), "{field}: {line}");
        }
        // As the conventions want it: only where it is a repeat, only where it failed.
        assert_eq!(line.contains(" http.request.resend_count=1"), n == 1, "{line}");
        assert_eq!(line.contains(r#" error.type="unavailable""#), n == 0, "{line}");
    }
    // At trace level the headers, those on the list with their values.
    let ours = |l: &&str| l.contains("x-our-key") || l.contains("x-odd");
    let traced: Vec<_> = all.iter().map(|(_, line)| line.as_str()).filter(ours).collect();
    assert_eq!(traced.len(), 3, "two requests and the odd answer: {traced:#?}");
    for part in ["content-type: application/json", "x-our-key: …", "x-other: …", "traceparent: 00-"]
    {
        assert!(traced[0].contains(part), "{part}: {}", traced[0]);
    }
    for part in ["retry-after: 11", "x-odd: …", "set-cookie: …", "status=200"] {
        assert!(traced[2].contains(part), "{part}: {}", traced[2]);
    }
    let everything = format!("{:?}", *all);
    assert!(!everything.contains("cnry"), "{everything}");
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn observe(&self, seen: &Observation<'_>) {
        let line = match seen {
            Observation::Started { attempt, .. } => {
                let operation = attempt.operation;
                assert_eq!((operation.connector.as_str(), operation.name), ("x", "x.put"));
                assert_eq!(operation.tenant.as_str(), "acme");
                format!("started {} #{}", attempt.method, attempt.resend)
            }
            Observation::Ended { attempt, status, failure, sent, received, .. } => {
                let end = (status, failure, sent, received);
                format!("ended #{} {end:?}", attempt.resend)
            }
            Observation::Repeating { because, wait, asked, .. } => {
                format!("repeating {because:?} {asked} {}", wait.as_secs())
            }
            Observation::Waited { gate, wait, .. } => format!("waited {gate:?} {}", wait.as_secs()),
            Observation::Breaker { change, .. } => format!("breaker {change:?}"),
            other => format!("{other:?}"),
        };
        assert!(!format!("{seen:?}").contains("cnry"));
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test]
async fn the_observer_is_told_all_of_it_and_no_secret() {
    let bench = Bench::new().await;
    for (nth, fault) in [Fault::retry_after(503, 7), Fault::status(503)].into_iter().enumerate() {
        bench.server.script().on("item", nth as u64 + 1, fault);
    }
    let told = Arc::new(Told::default());
    let layer = bench.layer.clone().with_observer(told.clone());
    let auth = Auth::bearer(Secret::new("cnry"));
    let slow = settings(vec![("requests_per_second", Value::Float(0.05))]);
    let client = layer.client(&name(), vec![bench.url()], auth, slow, ByStatus).unwrap();
    let put = client.put("item/cnry", "x.put", Repeat::Harmless).query("q", "cnry").json("cnry");
    put.send(&bench.call()).await.unwrap();
    let told = told.0.lock().unwrap();
    let failure = Some((Kind::Unavailable, Outcome::Rejected));
    assert_eq!(told[0], "started PUT #0");
    assert_eq!(
        told[1],
        format!("breaker {:?}", BreakerChange::Rests(std::time::Duration::from_secs(1)))
    );
    assert_eq!(told[2], format!("ended #0 {:?}", (Some(503), failure, 6, 0)));
    assert_eq!(told[3], "repeating Some(Unavailable) true 7");
    assert_eq!(told[4], format!("breaker {:?}", BreakerChange::Tried));
    // The rate's own distance begins after the pause.
    assert_eq!(told[5], format!("waited {:?} 20", Gate::Rate));
    assert_eq!(told[6], "started PUT #1");
    let end = format!("ended #2 {:?}", (Some(200), None::<(Kind, Outcome)>, 6, 7));
    assert_eq!(told.last(), Some(&end), "{told:#?}");
    assert_eq!(told[told.len() - 2], format!("breaker {:?}", BreakerChange::Closed));
}
