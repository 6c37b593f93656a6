//! The pipeline in its order:
//!
//! deadline → call span → [ retry: endpoint → its breaker → rate permit → concurrency permit →
//! auth( attempt span → timeout → transport → bounded body → classify ) ]

use http::HeaderValue;
use tracing::Instrument as _;
use url::Url;
use watchfloor_core::{Kind, Outcome, Result};

use super::{Action, Attempts, Class, Repeat, action};
use crate::auth::Carried;
use crate::deadline::Busied;
use crate::layer::Host;
use crate::limit::Slot;
use crate::request::Parts;
use crate::{Answer, Reach, Reply, Resend, Verdict};

/// One operation, or what its caller sends of it.
pub(crate) async fn drive(
    attempts: &mut Attempts,
    operation: &'static str,
    repeat: Repeat,
    urls: &[Url],
    parts: &Parts,
) -> Result<Reply> {
    let connector = attempts.client.name().as_str();
    let span = tracing::info_span!("http.call", otel.name = operation, connector);
    repeated(attempts, operation, repeat, urls, parts).instrument(span).await
}

async fn repeated(
    attempts: &mut Attempts,
    operation: &'static str,
    repeat: Repeat,
    urls: &[Url],
    parts: &Parts,
) -> Result<Reply> {
    let mut busied = Busied::new(attempts.clock());
    loop {
        let Failed { verdict, answer, gate } =
            match attempt(attempts, urls, parts, &mut busied).await {
                Ok(answer) => {
                    attempts.succeed();
                    return Ok(Reply::Done(answer));
                }
                Err(failed) => failed,
            };
        attempts.fail(verdict.outcome);
        let answer = match answer {
            Some(answer) if verdict.resend == Resend::Caller => {
                return Ok(Reply::Resend(answer, verdict));
            }
            answer => answer,
        };
        let may_repeat = action(repeat, verdict.outcome, Class::of(verdict.kind)) == Action::Again;
        // With other endpoints to go to, nobody waits for the one that asked for it.
        let elsewhere = verdict.reach == Reach::Endpoint && urls.len() > 1;
        let asked = attempts.asked(&verdict, answer.as_ref()).filter(|_| !elsewhere);
        if gate || !may_repeat || attempts.again(asked, &mut busied).await.is_err() {
            return Err(attempts.failure(operation, repeat, &verdict, answer.as_ref()));
        }
    }
}

/// An attempt that came to nothing.
struct Failed {
    verdict: Verdict,
    answer: Option<Answer>,
    /// It ended before it began, for want of time: there is no other.
    gate: bool,
}

impl Failed {
    fn gate(kind: Kind, what: &str) -> Self {
        Self { verdict: Verdict::new(kind, Outcome::NotSent, what), answer: None, gate: true }
    }

    fn without_answer(verdict: Verdict) -> Self {
        Self { verdict, answer: None, gate: false }
    }

    /// The other side refused the credential and did nothing else.
    fn is_refused_credential(&self) -> bool {
        self.verdict.kind == Kind::Unauthenticated && self.verdict.outcome == Outcome::Rejected
    }
}

/// endpoint → its breaker → rate permit → concurrency permit → auth( exchange )
async fn attempt(
    attempts: &mut Attempts,
    urls: &[Url],
    parts: &Parts,
    busied: &mut Busied,
) -> Result<Answer, Failed> {
    if attempts.deadline.left().is_zero() {
        return Err(Failed::gate(Kind::Timeout, "the time of the operation is used up"));
    }
    let hosts = attempts.hosts();
    let breakers: Vec<_> = hosts.iter().map(|host| &host.breaker).collect();
    let turn = attempts.client.0.turn.pick(&breakers, attempts.clock().monotonic());
    let (host, url) = (&hosts[turn], &urls[turn]);
    rate_permit(attempts, host, busied).await?;
    let _slot = concurrency_permit(attempts, host, busied).await?;
    attempts.begin(host);
    let carried = carry(attempts, None, busied).await?;
    match exchange(attempts, host, url, parts, &carried).await {
        Err(failed)
            if failed.is_refused_credential() && carried.renewable() && !attempts.replayed =>
        {
            attempts.replayed = true;
            let renewed = carry(attempts, Some(&carried), busied).await?;
            rate_permit(attempts, host, busied).await?;
            exchange(attempts, host, url, parts, &renewed).await
        }
        done => done,
    }
}

async fn rate_permit(attempts: &Attempts, host: &Host, busied: &mut Busied) -> Result<(), Failed> {
    let clock = attempts.clock();
    let per_second = attempts.client.settings().requests_per_second;
    match host.rate.take(clock.monotonic(), per_second, attempts.deadline.left()) {
        Ok(wait) => {
            busied.pause(wait).await;
            Ok(())
        }
        Err(wait) => {
            let what = "the next request to this host may go only after the time of the operation";
            let mut failed = Failed::gate(Kind::RateLimited, what);
            failed.verdict.not_before = Some(clock.now().saturating_add(wait));
            Err(failed)
        }
    }
}

async fn concurrency_permit(
    attempts: &Attempts,
    host: &Host,
    busied: &mut Busied,
) -> Result<Slot, Failed> {
    let limit = attempts.client.settings().max_in_flight;
    if let Some(slot) = host.in_flight.try_take(limit) {
        return Ok(slot);
    }
    let freed = attempts.deadline.bound(host.in_flight.take(limit));
    busied.idle(freed).await.ok_or_else(|| {
        Failed::gate(Kind::Timeout, "max_in_flight requests were under way all the time")
    })
}

async fn carry(
    attempts: &Attempts,
    refused: Option<&Carried>,
    busied: &mut Busied,
) -> Result<Carried, Failed> {
    let inner = &attempts.client.0;
    let (tokens, tenant) = (inner.layer.tokens(), &attempts.tenant);
    let carried = inner.credential.carry(tokens, tenant, refused, &attempts.deadline, busied);
    carried.await.map_err(Failed::without_answer)
}

/// attempt span → timeout → transport → bounded body → classify
async fn exchange(
    attempts: &Attempts,
    host: &Host,
    url: &Url,
    parts: &Parts,
    carried: &Carried,
) -> Result<Answer, Failed> {
    let span = tracing::info_span!(
        "http.attempt",
        http.request.method = parts.method.as_str(),
        http.request.resend_count = attempts.used().saturating_sub(1),
        http.response.status_code = tracing::field::Empty,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        error.type = tracing::field::Empty,
    );
    let inner = &attempts.client.0;
    let work = async {
        let limit = inner.settings.attempt_timeout.min(attempts.deadline.left());
        let parts = dressed(parts, attempts, carried);
        let max = inner.settings.max_answer;
        let clock = &**attempts.clock();
        let answer = inner.transport.exchange(clock, url, parts, limit, max).await;
        let (verdict, answer) = match answer {
            Err(verdict) => (verdict, None),
            Ok(answer) => match inner.classify.classify(&answer) {
                None => {
                    host.breaker.succeed();
                    return Ok(answer);
                }
                Some(verdict) => (verdict, Some(answer)),
            },
        };
        attempts.heed(&verdict, host, attempts.asked(&verdict, answer.as_ref()));
        Err(Failed { verdict, answer, gate: false })
    };
    let done = work.instrument(span.clone()).await;
    let status = match &done {
        Ok(answer) => Some(answer.status),
        Err(failed) => failed.answer.as_ref().map(|answer| answer.status),
    };
    if let Some(status) = status {
        span.record("http.response.status_code", status.as_u16());
    }
    if let Err(failed) = &done {
        span.record("error.type", failed.verdict.kind.as_str());
    }
    done
}

/// The request with its credential and its trace.
fn dressed(parts: &Parts, attempts: &Attempts, carried: &Carried) -> Parts {
    let mut parts = parts.clone();
    if let Some((name, value)) = &carried.header {
        parts.headers.insert(name.clone(), value.clone());
    }
    let trace = attempts.traceparent.as_deref().and_then(|t| HeaderValue::from_str(t).ok());
    if let Some(trace) = trace {
        parts.headers.insert("traceparent", trace);
    }
    parts
}
