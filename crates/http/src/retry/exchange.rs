//! auth( attempt span → timeout → transport → bounded body → classify )

use http::HeaderMap;
use tracing::{Instrument as _, Level, Span};
use url::Url;

use super::Attempts;
use super::pipeline::Failed;
use crate::auth::Carried;
use crate::deadline::Busied;
use crate::endpoint::Turn;
use crate::observe::{Attempt, Observation};
use crate::redact::{Headers, Shown};
use crate::request::Parts;
use crate::{Answer, Verdict};

/// The credential for an attempt; `refused` is one that the other side no longer takes.
pub(super) async fn carry(
    attempts: &Attempts,
    refused: Option<&Carried>,
    busied: &mut Busied,
) -> Result<Carried, Failed> {
    let inner = &attempts.client.0;
    let (tokens, tenant) = (inner.layer.tokens(), &attempts.tenant);
    let carried = inner.credential.carry(tokens, tenant, refused, &attempts.deadline, busied);
    carried.await.map_err(Failed::without_answer)
}

/// One exchange, seen by the log and by the observer.
pub(super) async fn exchange(
    attempts: &Attempts,
    turn: &Turn,
    url: &Url,
    parts: &Parts,
    carried: &Carried,
) -> Result<Answer, Failed> {
    let attempt = |operation| Attempt {
        operation,
        endpoint: &attempts.client.0.endpoints[turn.index].authority,
        method: &parts.method,
        resend: attempts.used().saturating_sub(1),
    };
    attempts.observe(|operation| Some(Observation::Started { attempt: attempt(operation) }));
    let begun = attempts.is_observed().then(|| attempts.clock().monotonic());
    let span = span(attempts, url, parts);
    let done = if span.is_disabled() {
        classified(attempts, turn, url, parts, carried).await
    } else {
        let done = classified(attempts, turn, url, parts, carried).instrument(span.clone()).await;
        record(&span, &done);
        done
    };
    attempts.observe(|operation| {
        let (answer, failure) = match &done {
            Ok(answer) => (Some(answer), None),
            Err(Failed { verdict, answer, .. }) => {
                (answer.as_ref(), Some((verdict.kind, verdict.outcome)))
            }
        };
        Some(Observation::Ended {
            attempt: attempt(operation),
            status: answer.map(|a| a.status.as_u16()),
            failure,
            took: attempts.clock().monotonic().saturating_sub(begun.unwrap_or_default()),
            sent: parts.body.len(),
            received: answer.map_or(0, |a| a.body.len()),
        })
    });
    done
}

/// The names are those of OpenTelemetry's conventions for HTTP clients.
fn span(attempts: &Attempts, url: &Url, parts: &Parts) -> Span {
    let span = tracing::info_span!(
        "http.attempt",
        otel.kind = "client",
        otel.name = parts.method.as_str(),
        http.request.method = parts.method.as_str(),
        http.request.resend_count = tracing::field::Empty,
        http.response.status_code = tracing::field::Empty,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        url.full = tracing::field::Empty,
        error.type = tracing::field::Empty,
    );
    if !span.is_disabled() {
        span.record("url.full", tracing::field::display(Shown(url)));
        if let Some(resent @ 1..) = attempts.used().checked_sub(1) {
            span.record("http.request.resend_count", resent);
        }
    }
    span
}

fn record(span: &Span, done: &Result<Answer, Failed>) {
    let answer = match done {
        Ok(answer) => Some(answer),
        Err(failed) => {
            span.record("error.type", failed.verdict.kind.as_str());
            failed.answer.as_ref()
        }
    };
    if let Some(answer) = answer {
        span.record("http.response.status_code", answer.status.as_u16());
    }
}

async fn classified(
    attempts: &Attempts,
    turn: &Turn,
    url: &Url,
    parts: &Parts,
    carried: &Carried,
) -> Result<Answer, Failed> {
    let inner = &attempts.client.0;
    let limit = inner.settings.attempt_timeout.min(attempts.deadline.left());
    let parts = dressed(parts, attempts, carried);
    if tracing::enabled!(Level::TRACE) {
        tracing::trace!(headers = %Headers(&parts.headers), body = parts.body.len(), "request");
    }
    let max = inner.settings.max_answer;
    let clock = &**attempts.clock();
    let failed = match inner.transport.exchange(clock, url, parts, limit, max).await {
        Err(verdict) => Failed::without_answer(verdict),
        Ok(answer) => {
            if tracing::enabled!(Level::TRACE) {
                let (headers, body) = (Headers(&answer.headers), answer.body.len());
                tracing::trace!(status = answer.status.as_u16(), %headers, body, "answer");
            }
            match inner.classify.classify(&answer) {
                None => {
                    if let Some(change) = turn.succeed() {
                        attempts.breaker_changed(turn, change);
                    }
                    return Ok(answer);
                }
                Some(verdict) => Failed::with_answer(verdict, answer),
            }
        }
    };
    let Failed { verdict, answer, .. } = &failed;
    heed(attempts, turn, verdict, answer.as_ref());
    Err(failed)
}

/// Lets everything wait that a verdict reaches.
fn heed(attempts: &Attempts, turn: &Turn, verdict: &Verdict, answer: Option<&Answer>) {
    use crate::Reach;
    let now = attempts.clock().monotonic();
    let changed = match verdict.reach {
        Reach::Endpoint => turn.fail(now),
        _ => turn.succeed(),
    };
    if let Some(change) = changed {
        attempts.breaker_changed(turn, change);
    }
    if let Some(wait) = attempts.asked(verdict, answer) {
        let until = now.saturating_add(wait);
        match verdict.reach {
            Reach::Endpoint | Reach::Host => turn.host.rate.pause(now, until),
            Reach::Credential => {
                attempts.hosts.iter().for_each(|host| host.rate.pause(now, until));
            }
            Reach::Request => {}
        }
    }
    if verdict.close {
        attempts.client.0.transport.renew();
    }
}

/// The request with its credential and its trace.
fn dressed(parts: &Parts, attempts: &Attempts, carried: &Carried) -> Parts {
    // Room for what the transport adds too: a map that grows is made anew.
    let mut headers = HeaderMap::with_capacity(parts.headers.len() + 8);
    headers.extend(parts.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    if let Some((name, value)) = &carried.header {
        headers.insert(name.clone(), value.clone());
    }
    if let Some(trace) = &attempts.traceparent {
        headers.insert("traceparent", trace.clone());
    }
    let Parts { method, query, body, .. } = parts;
    Parts { method: method.clone(), query: query.clone(), headers, body: body.clone() }
}
