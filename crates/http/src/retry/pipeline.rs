//! The pipeline in its order:
//!
//! deadline → call span → [ retry: endpoint → its breaker → rate permit → concurrency permit →
//! auth( attempt span → timeout → transport → bounded body → classify ) ]

use tracing::Instrument as _;
use url::Url;
use watchfloor_core::{Error, Kind, Outcome, Result};

use super::exchange::{carry, exchange};
use super::{Action, Attempts, Class, Repeat, action, gates};
use crate::deadline::Busied;
use crate::request::Parts;
use crate::{Answer, Reach, Reply, Resend, Verdict};

/// What is sent, wherever it goes.
pub(crate) struct Shot<'a> {
    pub(crate) operation: &'static str,
    pub(crate) repeat: Repeat,
    pub(crate) parts: &'a Parts,
    /// The URL on the endpoint of this number.
    pub(crate) url: &'a (dyn Fn(usize) -> Result<Url> + Sync),
}

/// One operation, or what its caller sends of it.
pub(crate) async fn drive(attempts: &mut Attempts, shot: &Shot<'_>) -> Result<Reply> {
    let connector = attempts.client.name().as_str();
    let span = tracing::info_span!("http.call", otel.name = shot.operation, connector);
    attempts.operation = shot.operation;
    if span.is_disabled() {
        return repeated(attempts, shot).await;
    }
    repeated(attempts, shot).instrument(span).await
}

async fn repeated(attempts: &mut Attempts, shot: &Shot<'_>) -> Result<Reply> {
    let mut busied = Busied::new(attempts.clock());
    loop {
        let Failed { mut verdict, answer, gate } = match attempt(attempts, shot, &mut busied).await
        {
            Ok(answer) => {
                attempts.succeed();
                return Ok(Reply::Done(answer));
            }
            Err(failed) => failed,
        };
        attempts.fail(verdict.outcome);
        let asked = match gate {
            Some(gate) => return Err(attempts.failure(shot.repeat, &verdict, None, gate.wait)),
            None => attempts.asked(&verdict, answer.as_ref()),
        };
        let answer = match answer {
            Some(answer) if verdict.resend == Resend::Caller => {
                // The caller need not know how the server said it.
                verdict.not_before = asked.map(|wait| attempts.in_a(wait));
                return Ok(Reply::Resend(answer, verdict));
            }
            answer => answer,
        };
        let class = Class::of(verdict.kind);
        let may_repeat = action(shot.repeat, verdict.outcome, class) == Action::Again;
        // With other endpoints to go to, nobody waits for the one that asked for it.
        let elsewhere = verdict.reach == Reach::Endpoint && attempts.hosts.len() > 1;
        let wait = asked.filter(|_| !elsewhere);
        if !may_repeat || attempts.again(Some(verdict.kind), wait, &mut busied).await.is_err() {
            return Err(attempts.failure(shot.repeat, &verdict, answer.as_ref(), wait));
        }
    }
}

/// An attempt that came to nothing.
pub(super) struct Failed {
    pub(super) verdict: Verdict,
    pub(super) answer: Option<Answer>,
    /// It ended before it began: there is no other.
    gate: Option<Gated>,
}

struct Gated {
    /// When it could have begun.
    wait: Option<std::time::Duration>,
}

impl Failed {
    pub(super) fn gate(kind: Kind, what: &str, wait: Option<std::time::Duration>) -> Self {
        let verdict = Verdict::new(kind, Outcome::NotSent, what);
        Self { verdict, answer: None, gate: Some(Gated { wait }) }
    }

    pub(super) fn without_answer(verdict: Verdict) -> Self {
        Self { verdict, answer: None, gate: None }
    }

    pub(super) fn with_answer(verdict: Verdict, answer: Answer) -> Self {
        Self { verdict, answer: Some(answer), gate: None }
    }

    /// The other side refused the credential and did nothing else.
    fn is_refused_credential(&self) -> bool {
        self.verdict.kind == Kind::Unauthenticated && self.verdict.outcome == Outcome::Rejected
    }
}

/// endpoint → its breaker → rate permit → concurrency permit → auth( exchange )
async fn attempt(
    attempts: &mut Attempts,
    shot: &Shot<'_>,
    busied: &mut Busied,
) -> Result<Answer, Failed> {
    if attempts.deadline.left().is_zero() {
        return Err(Failed::gate(Kind::Timeout, "the time of the operation is used up", None));
    }
    let (turn, _slot) = gates::pass(attempts, busied).await?;
    let broken = |e: Error| Failed::gate(e.kind(), e.message(), None);
    let url = (shot.url)(turn.index).map_err(broken)?;
    attempts.begin(&turn.host);
    let carried = carry(attempts, None, busied).await?;
    match exchange(attempts, &turn, &url, shot.parts, &carried).await {
        Err(failed)
            if failed.is_refused_credential() && carried.renewable() && !attempts.replayed =>
        {
            attempts.replayed = true;
            let renewed = carry(attempts, Some(&carried), busied).await?;
            gates::rate(attempts, &turn, busied).await?.used();
            exchange(attempts, &turn, &url, shot.parts, &renewed).await
        }
        done => done,
    }
}
