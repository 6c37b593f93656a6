use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt as _, stream};

use super::*;
use crate::event::{Lines, MAX_LEN};
use crate::{
    Call, CallId, Clock, Connector, ConnectorName, Health, Kind, Root, TenantId, Timestamp,
};

/// A clock on which a pause never ends, or ends at once.
#[derive(Debug)]
struct Fixed {
    hasty: bool,
}

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) -> BoxFuture<'static, ()> {
        if self.hasty { Box::pin(std::future::ready(())) } else { Box::pin(std::future::pending()) }
    }
}

fn scope(hasty: bool) -> Scope {
    Root::new(Arc::new(Fixed { hasty })).scope(TenantId::new("acme"))
}

/// What the sink does with a batch.
type Answer = fn(&[Event]) -> Option<Delivery>;

/// Answers by `answer`; `None` never answers. It yields once, so that batches overlap.
#[derive(Debug)]
struct Sink {
    name: ConnectorName,
    caps: SinkCaps,
    answer: Answer,
    batches: Mutex<Vec<Vec<usize>>>,
    calls: Mutex<BTreeSet<CallId>>,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

impl Sink {
    fn new(max_batch_events: usize, max_batch_bytes: usize, answer: Answer) -> Self {
        let caps = SinkCaps { max_batch_bytes, max_batch_events, ..SinkCaps::default() };
        Self {
            name: ConnectorName::new("siem"),
            caps,
            answer,
            batches: Mutex::default(),
            calls: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    fn batch_sizes(&self) -> Vec<usize> {
        self.batches.lock().unwrap().iter().map(Vec::len).collect()
    }
}

#[async_trait]
impl Connector for Sink {
    fn name(&self) -> &ConnectorName {
        &self.name
    }

    async fn check(&self, _: &Call) -> Health {
        Health::new()
    }
}

#[async_trait]
impl EventSink for Sink {
    fn capabilities(&self) -> SinkCaps {
        self.caps.clone()
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        assert_eq!(call.tenant().as_str(), "acme");
        self.calls.lock().unwrap().insert(call.id().clone());
        self.batches.lock().unwrap().push(events.iter().map(Event::len).collect());
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        match (self.answer)(events) {
            Some(delivery) => delivery,
            None => std::future::pending().await,
        }
    }
}

#[allow(clippy::unnecessary_wraps, reason = "an `Answer`")]
fn applied(events: &[Event]) -> Option<Delivery> {
    Some(Delivery::all(events.len(), Outcome::Applied))
}

fn event(n: usize) -> Event {
    Event::from_json(format!("{{\"metadata\":{{\"uid\":\"e{n:03}\"}}}}"), Timestamp::EPOCH).unwrap()
}

fn number(event: &Event) -> usize {
    event.uid()[1..].parse().unwrap()
}

fn events(n: usize) -> impl Stream<Item = Result<Event, BadLine>> {
    stream::iter((0..n).map(|n| Ok(event(n))))
}

/// Ready when it has been polled so often.
fn after(mut polls: usize) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        polls = polls.saturating_sub(1);
        cx.waker().wake_by_ref();
        if polls == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// Notes every call.
#[derive(Debug, Default)]
struct Notes {
    lines: Vec<String>,
    delivered: usize,
    broken: bool,
}

impl DeadLetter for Notes {
    fn reject(&mut self, reason: &str, what: Rejected<'_>) -> Result<(), Error> {
        if self.broken {
            return Err(Error::new(Kind::Unavailable, "disk full"));
        }
        let what = match what {
            Rejected::Event(event) => event.uid().to_owned(),
            Rejected::Line(line) => line.text().into_owned(),
        };
        self.lines.push(format!("{what}: {reason}"));
        Ok(())
    }

    fn unknown(&mut self, reason: &str, event: &Event) -> Result<(), Error> {
        self.lines.push(format!("{}? {reason}", event.uid()));
        Ok(())
    }

    fn delivered(&mut self, _: &Event) -> Result<(), Error> {
        self.delivered += 1;
        Ok(())
    }
}

fn counts(s: &Summary) -> [u64; 4] {
    assert_eq!(s.sent, s.delivered + s.rejected + s.unknown, "in = delivered + rejected + unknown");
    assert_eq!(s.rejected + s.unknown, s.causes.iter().map(|c| c.count).sum::<u64>());
    [s.sent, s.delivered, s.rejected, s.unknown]
}

#[tokio::test]
async fn batches_keep_within_the_sink_s_bounds() {
    let sink = Sink::new(10, 1_000_000, applied);
    let mut notes = Notes::default();
    let s = ship(&sink, &scope(false), events(35), &mut notes, std::future::pending()).await;
    assert_eq!(counts(&s), [35, 35, 0, 0]);
    assert_eq!((sink.batch_sizes(), notes.delivered), (vec![10, 10, 10, 5], 35));
    assert_eq!(sink.most.load(Ordering::SeqCst), 2, "two in flight and no more");
    assert_eq!(sink.calls.lock().unwrap().len(), 4, "a call for each batch");
}

#[tokio::test]
async fn bytes_bound_a_batch_and_one_larger_event_passes_alone() {
    let sink = Sink::new(100, 30, applied);
    let sizes = [10, 10, 10, 11, 20, 99, 29, 2, 40];
    let doc =
        |n: usize| if n < 9 { "{}".into() } else { format!("{{\"a\":\"{}\"}}", "x".repeat(n - 8)) };
    let input =
        sizes.map(|n| Event::from_json(doc(n), Timestamp::EPOCH).map_err(|_| unreachable!()));
    let s =
        ship(&sink, &scope(false), stream::iter(input), &mut Discard, std::future::pending()).await;
    assert_eq!(counts(&s), [9, 9, 0, 0]);
    let batches = sink.batches.lock().unwrap().clone();
    let wanted: [&[usize]; 7] = [&[10, 10, 10], &[11], &[20], &[99], &[29], &[2], &[40]];
    assert_eq!(batches, wanted);
}

#[tokio::test]
async fn t10_every_event_of_a_mixed_batch_has_its_own_verdict() {
    let sink = Sink::new(4, 1_000_000, |events| {
        let mut d = Delivery::all(events.len(), Outcome::Applied);
        for (i, event) in events.iter().enumerate() {
            match number(event) % 4 {
                1 => d.except(i, Outcome::Rejected, "mapping"),
                2 => d.except(i, Outcome::Unknown, ""),
                3 => d.except(i, Outcome::NotSent, "queue full"),
                _ => {}
            }
        }
        Some(d)
    });
    let mut notes = Notes::default();
    let s = ship(&sink, &scope(false), events(6), &mut notes, std::future::pending()).await;
    assert_eq!(counts(&s), [6, 2, 3, 1]);
    notes.lines.sort();
    let wanted = [
        "e001: mapping",
        "e002? no reason was given",
        "e003: not sent: queue full",
        "e005: mapping",
    ];
    assert_eq!(notes.lines, wanted);
}

#[tokio::test]
async fn t36_a_failed_batch_costs_only_its_own_events() {
    let sink = Sink::new(2, 1_000_000, |events| {
        if number(&events[0]) == 2 {
            let cause = Error::new(Kind::Timeout, "no answer").with_outcome(Outcome::Unknown);
            return Some(Delivery::failed(events.len(), cause));
        }
        applied(events)
    });
    let mut notes = Notes::default();
    let s = ship(&sink, &scope(false), events(6), &mut notes, std::future::pending()).await;
    assert_eq!(counts(&s), [6, 4, 0, 2]);
    assert_eq!(notes.lines, ["e002? timed out: no answer", "e003? timed out: no answer"]);
}

#[tokio::test]
async fn a_sink_that_forgets_verdicts_leaves_them_unknown() {
    let sink = Sink::new(3, 1_000_000, |_| Some(Delivery::all(1, Outcome::Applied)));
    let s = ship(&sink, &scope(false), events(3), &mut Discard, std::future::pending()).await;
    assert_eq!(counts(&s), [3, 1, 0, 2]);
}

#[tokio::test]
async fn bad_lines_are_counted_and_dead_lettered_as_text() {
    let mut lines = Lines::new();
    lines.push(&b"{\"price\":1.10, \"a\":1, \"a\":2}\nplain \"text\"\n\n[1]\n\xff\n{\"ok\":1}"[..]);
    lines.push(Bytes::from(vec![b'x'; MAX_LEN]));
    lines.end();
    let read: Vec<_> = lines.map(|l| l.event(Timestamp::EPOCH)).collect();
    let sink = Sink::new(10, 1_000_000, |events| {
        let mut d = Delivery::all(events.len(), Outcome::Applied);
        d.except(0, Outcome::Rejected, "no \"price\"");
        Some(d)
    });
    let mut out = Ndjson::new(Vec::new());
    let s = ship(&sink, &scope(false), stream::iter(read), &mut out, std::future::pending()).await;
    assert_eq!(counts(&s), [5, 0, 5, 0]);
    let written = String::from_utf8(out.into_inner()).unwrap();
    let written: Vec<_> = written.lines().collect();
    assert_eq!(
        written[0],
        r#"{"reason":"line 2: not a JSON object at byte 0","event":"plain \"text\""}"#
    );
    assert_eq!(written[1], r#"{"reason":"line 4: not a JSON object at byte 0","event":"[1]"}"#);
    assert_eq!(written[2], "{\"reason\":\"line 5: not UTF-8 at byte 0\",\"event\":\"\u{fffd}\"}");
    assert!(written[3].starts_with(r#"{"reason":"line 6: longer than 8 MiB and cut"#));
    assert_eq!(
        written[4], r#"{"reason":"no \"price\"","event":{"price":1.10, "a":1, "a":2}}"#,
        "byte for byte"
    );
}

#[tokio::test]
async fn stopped_it_says_what_is_unknown_and_what_was_not_sent() {
    // Two batches of two hang, and a full one waits for room.
    let sink = Sink::new(2, 1_000_000, |_| None);
    let mut notes = Notes::default();
    let s = ship(&sink, &scope(false), events(100), &mut notes, after(50)).await;
    assert_eq!(counts(&s), [6, 0, 2, 4], "no more was taken than could wait");
    notes.lines.sort();
    assert_eq!(notes.lines[0], "e000? stopped before its verdict came");
    assert_eq!(notes.lines[5], "e005: not sent: stopped before it was sent");
}

#[tokio::test]
async fn a_verdict_that_has_come_is_not_lost_to_the_stop() {
    let sink = Sink::new(1, 1_000_000, applied);
    // Ready once one of two batches has landed; the other lands in the same moment.
    let stop = poll_fn(|_| {
        let landed = sink.batch_sizes().len() == 2 && sink.in_flight.load(Ordering::SeqCst) < 2;
        if landed { Poll::Ready(()) } else { Poll::Pending }
    });
    let input = events(2).chain(stream::pending());
    let s = ship(&sink, &scope(false), input, &mut Discard, stop).await;
    assert_eq!(counts(&s), [2, 2, 0, 0]);
}

#[tokio::test]
async fn a_slow_input_s_batch_leaves_when_its_time_is_up() {
    let waits = |hasty| async move {
        let sink = Sink::new(10, 1_000_000, applied);
        let input = events(3).chain(stream::pending());
        counts(&ship(&sink, &scope(hasty), input, &mut Discard, after(50)).await)
    };
    assert_eq!(waits(true).await, [3, 3, 0, 0]);
    assert_eq!(waits(false).await, [3, 0, 3, 0]);
}

#[tokio::test]
async fn a_dead_letter_that_fails_ends_the_intake() {
    let sink =
        Sink::new(1, 1_000_000, |events| Some(Delivery::all(events.len(), Outcome::Rejected)));
    let mut notes = Notes { broken: true, ..Notes::default() };
    let s = ship(&sink, &scope(false), events(100), &mut notes, std::future::pending()).await;
    let [sent, delivered, rejected, unknown] = counts(&s);
    assert!(sent < 10 && rejected == sent && delivered + unknown == 0, "{sent}");
    assert_eq!(s.fault.unwrap().message(), "disk full");
}

#[test]
fn it_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    let sink: Arc<dyn EventSink> = Arc::new(Sink::new(1, 1, applied));
    let scope = scope(false);
    let mut dead = Discard;
    is_send(ship(&sink, &scope, events(1), &mut dead, std::future::pending()));
    let none = ship(&sink, &scope, stream::empty(), &mut dead, std::future::pending());
    assert_eq!(counts(&none.now_or_never().unwrap()), [0; 4]);
}
