//! Sinks with one fault each must break the promise that it is about; the honest one keeps all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use watchfloor_core::{
    Call, Clock as _, Connector, ConnectorName, Delivery, Error, Event, EventSink, Health, Kind,
    OnRepeat, Outcome, Root, SinkCaps, TenantId, Timestamp, async_trait,
};

use super::{report, worlds};
use crate::conformance::wire::Refusal;
use crate::conformance::{Memory, MemorySink, MemoryWorld, Report};

/// What is wrong with a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    LosesTheTail,
    ClaimsTooEarly,
    RepeatsBlindly,
    ReordersVerdicts,
    LeaksTheToken,
    LeaksTheTokenInDebug,
    IgnoresCancel,
    LosesAfterTooLarge,
    CountsRejectedAsDelivered,
    CountsUnknownAsRejected,
    ChangesBytes,
    MintsIds,
    PanicsOnNothing,
    AsksForNothing,
    ForgetsVerdicts,
    OneVerdictForAll,
    IgnoresRetryAfter,
    ObeysForEver,
    TriesTheCredentialAgain,
    SendsToCheck,
    IgnoresTheDeadline,
    KeepsItsPlace,
    RejectsWithoutReason,
    StopsAtTheFirstBad,
    NeverSplits,
    MixesBatches,
    HasNoLimits,
}

/// A sink with a flaw over an honest one.
#[derive(Debug)]
struct Broken {
    flaw: Flaw,
    honest: Arc<MemorySink>,
    /// A place that only one send may have.
    taken: AtomicBool,
    #[allow(dead_code, reason = "`Debug` shows it")]
    shown: &'static str,
}

impl Broken {
    fn memory(&self) -> &Memory {
        &self.honest.memory
    }

    /// One request without any care: what is not taken is rejected.
    async fn crude(&self, events: &[Event]) -> Result<Delivery, Refusal> {
        let taken = self.memory().request(events).await?;
        let mut delivery = Delivery::all(events.len(), Outcome::Applied);
        for (i, _) in taken.iter().enumerate().filter(|(_, taken)| !**taken) {
            delivery.except(i, Outcome::Rejected, "refused");
        }
        Ok(delivery)
    }
}

fn failed(events: &[Event], kind: Kind, outcome: Outcome, what: &str) -> Delivery {
    Delivery::failed(events.len(), Error::new(kind, what).with_outcome(outcome))
}

#[async_trait]
impl Connector for Broken {
    fn name(&self) -> &ConnectorName {
        self.honest.name()
    }

    async fn check(&self, call: &Call) -> Health {
        if self.flaw == Flaw::SendsToCheck {
            let probe = Event::from_json(r#"{"probe":true}"#, Timestamp::EPOCH).unwrap();
            let _ = self.honest.send(call, &[probe]).await;
        }
        self.honest.check(call).await
    }
}

#[async_trait]
impl EventSink for Broken {
    fn capabilities(&self) -> SinkCaps {
        let mut caps = self.honest.capabilities();
        if self.flaw == Flaw::RepeatsBlindly {
            caps.on_repeat = OnRepeat::Ignored;
        }
        if self.flaw == Flaw::HasNoLimits {
            caps.max_in_flight = 0;
        }
        caps
    }

    async fn send(&self, call: &Call, events: &[Event]) -> Delivery {
        let honest = &self.honest;
        let n = events.len();
        match self.flaw {
            Flaw::LosesTheTail => {
                let _ = honest.send(call, &events[..n.saturating_sub(1)]).await;
                Delivery::all(n, Outcome::Applied)
            }
            Flaw::ClaimsTooEarly => {
                let _ = honest.send(call, events).await;
                Delivery::all(n, Outcome::Applied)
            }
            Flaw::ReordersVerdicts => {
                let told = honest.send(call, events).await;
                let mut delivery = Delivery::all(n, told.rest());
                for e in told.exceptions() {
                    delivery.except(n - 1 - e.index as usize, e.outcome, e.reason.clone());
                }
                delivery
            }
            Flaw::LeaksTheToken => {
                let told = honest.send(call, events).await;
                if told.cause().is_none() {
                    return told;
                }
                let url = format!("error sending request for url (x?t={})", MemoryWorld::SECRET);
                failed(events, Kind::Unavailable, Outcome::Unknown, &url)
            }
            Flaw::IgnoresCancel => {
                let (honest, call, events) = (honest.clone(), call.clone(), events.to_vec());
                let sending = tokio::spawn(async move { honest.send(&call, &events).await });
                sending.await.unwrap()
            }
            Flaw::LosesAfterTooLarge => match self.crude(events).await {
                Err(Refusal::TooLarge) if n > 1 => {
                    // The halves meet in the middle, and one event falls between.
                    let _ = honest.send(call, &events[..n / 2]).await;
                    let _ = honest.send(call, &events[n / 2 + 1..]).await;
                    Delivery::all(n, Outcome::Applied)
                }
                Ok(delivery) => delivery,
                Err(_) => failed(events, Kind::Unavailable, Outcome::Unknown, "it failed"),
            },
            Flaw::CountsRejectedAsDelivered => {
                let told = honest.send(call, events).await;
                let mut delivery = Delivery::all(n, Outcome::Applied);
                for i in (0..n).filter(|i| told.outcome(*i) == Outcome::Unknown) {
                    delivery.except(i, Outcome::Unknown, "no answer");
                }
                delivery
            }
            Flaw::CountsUnknownAsRejected => match self.crude(events).await {
                Ok(delivery) => delivery,
                Err(_) => failed(events, Kind::Unavailable, Outcome::Rejected, "it failed"),
            },
            Flaw::ChangesBytes => {
                let changed = events.iter().map(|event| {
                    let value: serde_json::Value = serde_json::from_slice(event.json()).unwrap();
                    Event::from_json(value.to_string(), Timestamp::EPOCH).unwrap()
                });
                honest.send(call, &changed.collect::<Vec<_>>()).await
            }
            Flaw::MintsIds => match self.crude(events).await {
                Err(Refusal::Lost) => {
                    let fresh = events.iter().map(|event| {
                        let doc = event.text().replace("\"uid\":\"", "\"uid\":\"again-");
                        Event::from_json(doc, Timestamp::EPOCH).unwrap()
                    });
                    let _ = honest.send(call, &fresh.collect::<Vec<_>>()).await;
                    failed(events, Kind::Unavailable, Outcome::Unknown, "no answer")
                }
                _ => honest.send(call, events).await,
            },
            Flaw::PanicsOnNothing => {
                let _first = &events[0];
                honest.send(call, events).await
            }
            Flaw::AsksForNothing => {
                if events.is_empty() {
                    let _ = self.crude(events).await;
                }
                honest.send(call, events).await
            }
            Flaw::ForgetsVerdicts => {
                let told = honest.send(call, events).await;
                Delivery::all(n.saturating_sub(1), told.rest())
            }
            // A `?` in the middle: the failure of the second half stands for the whole.
            Flaw::OneVerdictForAll => {
                let told = honest.send(call, events).await;
                match told.cause() {
                    Some(cause) => Delivery::failed(n, cause.clone()),
                    None => told,
                }
            }
            Flaw::IgnoresRetryAfter => loop {
                match self.crude(events).await {
                    Ok(delivery) => return delivery,
                    Err(Refusal::Later(Some(wait))) if wait < Duration::from_secs(60) => {}
                    Err(_) => return honest.send(call, events).await,
                }
            },
            Flaw::ObeysForEver => loop {
                match self.crude(events).await {
                    Err(Refusal::Later(Some(wait))) => self.memory().clock().pause(wait).await,
                    Ok(delivery) => return delivery,
                    Err(_) => return honest.send(call, events).await,
                }
            },
            Flaw::TriesTheCredentialAgain => {
                for _ in 0..5 {
                    match self.crude(events).await {
                        Err(Refusal::Credential) => {}
                        Ok(delivery) => return delivery,
                        Err(_) => break,
                    }
                }
                honest.send(call, events).await
            }
            Flaw::IgnoresTheDeadline => {
                let clock = Arc::new(self.memory().clock().clone());
                let scope = Root::new(clock).scope(TenantId::new("acme"));
                honest.send(&scope.call(), events).await
            }
            Flaw::KeepsItsPlace => {
                if self.taken.swap(true, Ordering::SeqCst) {
                    return failed(events, Kind::Unavailable, Outcome::NotSent, "no place");
                }
                let delivery = honest.send(call, events).await;
                self.taken.store(false, Ordering::SeqCst);
                delivery
            }
            Flaw::RejectsWithoutReason => {
                let told = honest.send(call, events).await;
                let mut delivery = Delivery::all(n, told.rest());
                for e in told.exceptions() {
                    delivery.except(e.index as usize, e.outcome, "");
                }
                delivery
            }
            Flaw::StopsAtTheFirstBad => {
                let bad = events.iter().position(|e| e.has_member("refuse")).unwrap_or(n);
                let first = honest.send(call, &events[..bad]).await;
                let mut whole = Delivery::all(n, Outcome::Rejected);
                whole.merge(first, &(0..bad as u32).collect::<Vec<_>>());
                for i in bad..n {
                    whole.except(i, Outcome::Rejected, "the batch was refused");
                }
                whole
            }
            Flaw::NeverSplits => match self.crude(events).await {
                Err(Refusal::TooLarge) => {
                    for _ in 0..20 {
                        if let Ok(delivery) = self.crude(events).await {
                            return delivery;
                        }
                    }
                    failed(events, Kind::TooLarge, Outcome::Rejected, "too large")
                }
                _ => honest.send(call, events).await,
            },
            Flaw::MixesBatches => {
                if self.taken.swap(true, Ordering::SeqCst) {
                    return Delivery::all(n, Outcome::Applied);
                }
                let delivery = honest.send(call, events).await;
                self.taken.store(false, Ordering::SeqCst);
                delivery
            }
            Flaw::RepeatsBlindly
            | Flaw::LeaksTheTokenInDebug
            | Flaw::SendsToCheck
            | Flaw::HasNoLimits => honest.send(call, events).await,
        }
    }
}

async fn report_of(flaw: Flaw) -> Report {
    report(&worlds(move |setup| async move {
        // A product that knows no ids is what shows a blind repeat.
        MemoryWorld::of(setup, flaw != Flaw::RepeatsBlindly, |memory| Broken {
            flaw,
            honest: Arc::new(MemorySink::new(memory)),
            taken: AtomicBool::new(false),
            shown: if flaw == Flaw::LeaksTheTokenInDebug { MemoryWorld::SECRET } else { "" },
        })
    }))
    .await
}

#[tokio::test]
async fn an_honest_sink_keeps_every_promise() {
    for ignores_repeats in [true, false] {
        let worlds = worlds(move |setup| async move {
            MemoryWorld::of(setup, ignores_repeats, MemorySink::new)
        });
        let report = report(&worlds).await;
        assert!(report.failed().is_empty(), "{report}");
        assert!(report.skipped().is_empty(), "{report}");
    }
}

macro_rules! flaws {
    ($($test:ident: $flaw:ident breaks $($case:ident),+;)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                let report = report_of(Flaw::$flaw).await;
                let broken = report.failed();
                println!("{report}");
                for case in [$(stringify!($case)),+] {
                    assert!(broken.contains(&case), "{case} should be broken:\n{report}");
                }
            }
        )*
    };
}

flaws! {
    t26_a_sink_that_loses_the_tail_is_caught: LosesTheTail breaks one_event, many_events;
    a_sink_that_claims_too_early_is_caught: ClaimsTooEarly breaks nothing_arrives, refused_credential;
    t06_a_sink_that_repeats_blindly_is_caught: RepeatsBlindly breaks lost_answer, repeated_batch;
    t10_a_sink_that_reorders_verdicts_is_caught: ReordersVerdicts breaks refused_events;
    t40_a_sink_that_leaks_the_token_is_caught: LeaksTheToken breaks secrets_stay_secret;
    t40_a_sink_that_shows_the_token_is_caught: LeaksTheTokenInDebug breaks secrets_stay_secret;
    a_sink_that_ignores_cancel_is_caught: IgnoresCancel breaks cancelled;
    t08_a_sink_that_drops_an_event_after_a_413_is_caught: LosesAfterTooLarge breaks too_large;
    a_sink_that_counts_rejected_as_delivered_is_caught:
        CountsRejectedAsDelivered breaks refused_events, refused_events_only;
    a_sink_that_counts_unknown_as_rejected_is_caught: CountsUnknownAsRejected breaks lost_answer;
    t38_a_sink_that_changes_bytes_is_caught: ChangesBytes breaks bytes_as_sent;
    t39_a_sink_that_mints_ids_is_caught: MintsIds breaks lost_answer;
    a_sink_that_panics_on_an_empty_batch_is_caught: PanicsOnNothing breaks empty_batch;
    a_sink_that_asks_for_nothing_is_caught: AsksForNothing breaks empty_batch;
    a_sink_that_forgets_a_verdict_is_caught: ForgetsVerdicts breaks one_event, many_events;
    t36_a_sink_with_one_verdict_for_all_is_caught: OneVerdictForAll breaks second_half_fails;
    t07_a_sink_that_ignores_retry_after_is_caught: IgnoresRetryAfter breaks busy;
    t07_a_sink_that_obeys_for_ever_is_caught: ObeysForEver breaks busy_for_long;
    a_sink_that_tries_the_credential_again_is_caught:
        TriesTheCredentialAgain breaks refused_credential;
    a_sink_that_sends_to_check_is_caught: SendsToCheck breaks check_changes_nothing;
    a_sink_that_ignores_the_deadline_is_caught: IgnoresTheDeadline breaks deadline_past;
    a_sink_that_keeps_a_dropped_place_is_caught: KeepsItsPlace breaks cancelled, cancelled_often;
    a_sink_that_rejects_without_a_reason_is_caught: RejectsWithoutReason breaks refused_events;
    t26_a_sink_that_stops_at_the_first_bad_event_is_caught: StopsAtTheFirstBad breaks refused_events;
    t08_a_sink_that_never_splits_is_caught: NeverSplits breaks too_large_alone;
    a_sink_that_mixes_batches_is_caught: MixesBatches breaks concurrent_batches;
    a_sink_without_room_is_caught: HasNoLimits breaks limits_make_sense;
}
