//! The pipeline in its order:
//!
//! deadline → call span → [ retry: endpoint → its breaker → rate permit → concurrency permit →
//! auth( attempt span → timeout → transport → bounded body → classify ) ]

use std::sync::Arc;

use tracing::Instrument as _;
use url::Url;
use watchfloor_core::{Kind, Outcome, Result};

use super::attempts::Attempts;
use super::{Action, Class, Repeat, action};
use crate::auth::Carried;
use crate::deadline::Busied;
use crate::layer::Host;
use crate::limit::Slot;
use crate::request::Parts;
use crate::{Answer, Reach, Reply, Resend, Verdict};

/// One operation.
pub(crate) async fn drive(
    attempts: &mut Attempts,
    operation: &'static str,
    repeat: Repeat,
    urls: &Arc<[Url]>,
    parts: &Parts,
) -> Result<Reply> {
    let span = tracing::info_span!(
        "http.call",
        otel.name = operation,
        connector = attempts.client.name().as_str(),
    );
    let work = async {
        let mut busied = Busied::new(attempts.clock());
        loop {
            let failed = match attempt(attempts, urls, parts, &mut busied).await {
                Ok(answer) => {
                    attempts.succeed();
                    return Ok(Reply::Done(answer));
                }
                Err(failed) => failed,
            };
            let verdict = &failed.verdict;
            attempts.fail(verdict.outcome);
            match failed.answer {
                Some(answer) if verdict.resend == Resend::Caller => {
                    return Ok(Reply::Resend(answer, failed.verdict));
                }
                _ => {}
            }
            let may_repeat = action(repeat, verdict.outcome, Class::of(verdict.kind));
            if failed.gate.is_some() || may_repeat != Action::Again {
                return Err(failed.error(attempts, operation, repeat));
            }
            // Who else must wait was told by now; this request waits for what concerns it alone,
            // and may meanwhile go to another endpoint.
            let asked = attempts.asked(verdict, failed.answer.as_ref());
            let own = asked.filter(|_| verdict.reach == Reach::Request);
            if attempts.again(own, &mut busied).await.is_err() {
                return Err(failed.error(attempts, operation, repeat));
            }
        }
    };
    work.instrument(span).await
}

/// An attempt that ended without success.
struct Failed {
    verdict: Verdict,
    answer: Option<Answer>,
    /// It did not get as far as an attempt: time or places are used up.
    gate: Option<()>,
}

impl Failed {
    fn gate(kind: Kind, what: &str) -> Self {
        let verdict = Verdict::new(kind, Outcome::NotSent, what);
        Self { verdict, answer: None, gate: Some(()) }
    }

    fn error(
        &self,
        attempts: &Attempts,
        operation: &'static str,
        repeat: Repeat,
    ) -> watchfloor_core::Error {
        attempts.failure(operation, repeat, &self.verdict, self.answer.as_ref())
    }
}

/// One attempt: endpoint → its breaker → rate permit → concurrency permit → auth(…).
async fn attempt(
    attempts: &mut Attempts,
    urls: &Arc<[Url]>,
    parts: &Parts,
    busied: &mut Busied,
) -> Result<Answer, Failed> {
    let client = attempts.client.clone();
    let hosts = attempts.hosts();
    let breakers: Vec<_> = hosts.iter().map(|host| &host.breaker).collect();
    let at = client.0.turn.pick(&breakers, attempts.clock().monotonic());
    let host = &hosts[at];
    rate_permit(attempts, host, busied).await?;
    let _slot = place(attempts, host, busied).await?;
    let mut carried = credential(attempts, None, busied).await?;
    attempts.begin(host);
    loop {
        let (answer, verdict) = match exchange(attempts, &urls[at], parts, &carried).await {
            Ok(answer) => match client.0.classify.classify(&answer) {
                None => {
                    host.breaker.succeed();
                    return Ok(answer);
                }
                Some(verdict) => (Some(answer), verdict),
            },
            Err(verdict) => (None, verdict),
        };
        // An expired token: the whole request once more, byte for byte (T3). It costs a rate
        // permit and no attempt. A credential that cannot be renewed is never sent twice.
        let expired = answer.is_some() && verdict.kind == Kind::Unauthenticated;
        if expired && carried.renewable() && !attempts.replayed {
            attempts.replayed = true;
            tracing::debug!("the token was refused; renewing it");
            rate_permit(attempts, host, busied).await?;
            carried = credential(attempts, Some(&carried), busied).await?;
            continue;
        }
        attempts.heed(&verdict, host, attempts.asked(&verdict, answer.as_ref()));
        return Err(Failed { verdict, answer, gate: None });
    }
}

async fn rate_permit(
    attempts: &Attempts,
    host: &Host,
    busied: &mut Busied,
) -> Result<(), Failed> {
    let clock = attempts.clock().clone();
    let (rate, left) = (attempts.client.settings().requests_per_second, attempts.deadline.left());
    match host.rate.take(clock.monotonic(), rate, left) {
        Ok(wait) => {
            busied.pause(wait).await;
            Ok(())
        }
        Err(wait) => {
            let mut failed = Failed::gate(Kind::RateLimited, "no permit within the time allowed");
            failed.verdict.not_before = Some(clock.now().saturating_add(wait));
            Err(failed)
        }
    }
}

async fn place(
    attempts: &Attempts,
    host: &Host,
    busied: &mut Busied,
) -> Result<Slot, Failed> {
    let place = host.in_flight.take(attempts.client.settings().max_in_flight);
    busied.idle(attempts.deadline.bound(place)).await.ok_or_else(|| {
        Failed::gate(Kind::Timeout, "no place among the requests in flight within the time allowed")
    })
}

async fn credential(
    attempts: &Attempts,
    refused: Option<&Carried>,
    busied: &mut Busied,
) -> Result<Carried, Failed> {
    let inner = &attempts.client.0;
    inner
        .credential
        .carry(inner.layer.tokens(), &attempts.tenant, refused, &attempts.deadline, busied)
        .await
        .map_err(|verdict| Failed { verdict, answer: None, gate: None })
}

async fn exchange(
    attempts: &Attempts,
    url: &Url,
    parts: &Parts,
    carried: &Carried,
) -> Result<Answer, Verdict> {
    let settings = attempts.client.settings();
    let limit = settings.attempt_timeout.min(attempts.deadline.left());
    if limit.is_zero() {
        let what = "the time of the operation is used up";
        return Err(Verdict::new(Kind::Timeout, Outcome::NotSent, what));
    }
    let mut parts = parts.clone();
    if let Some((name, value)) = &carried.header {
        parts.headers.insert(name, value.clone());
    }
    if let Some(Ok(trace)) = attempts.traceparent.as_deref().map(str::parse) {
        parts.headers.insert("traceparent", trace);
    }
    let span = tracing::debug_span!(
        "http.attempt",
        "http.request.method" = %parts.method,
        "server.address" = url.host_str(),
        "server.port" = url.port_or_known_default(),
        "http.request.resend_count" = attempts.used().saturating_sub(1),
        "http.response.status_code" = tracing::field::Empty,
    );
    let (clock, max) = (attempts.clock().clone(), settings.max_answer);
    let exchange = attempts.client.0.transport.exchange(&*clock, url, &parts, limit, max);
    let answer = exchange.instrument(span.clone()).await;
    if let Ok(answer) = &answer {
        span.record("http.response.status_code", answer.status.as_u16());
    }
    answer
}
