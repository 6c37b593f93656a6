//! Tokens that outlive the process: those whose refresh token changes with every use.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use watchfloor_core::{Clock, Kind, Secret, Store, TenantId, Timestamp, Write};

use super::ask::{LONGEST_LIFE, Source};
use super::text;
use super::token::Token;

/// The table of the store.
const SPACE: &str = "tokens";
/// The version of the records that are written.
const VERSION: u64 = 1;
/// How long a store may take; after that it counts as failed.
const LONGEST: Duration = Duration::from_secs(5);
/// How far in the future a record may have been made: clocks of two machines differ.
const SKEW: Duration = Duration::from_secs(300);
/// Records are smaller than the answers they come from.
const MAX_RECORD: usize = 1 << 20;

/// One credential's place in the store.
pub(super) struct Shelf {
    store: Arc<dyn Store>,
    /// A hash of the credential, then the tenant: no secret is ever a key.
    key: Vec<u8>,
}

/// What lies there. The times are wall-clock milliseconds (T5).
#[derive(Serialize)]
struct Record<'a> {
    v: u64,
    /// Of the credential that it was granted for.
    identity: &'a str,
    access: &'a str,
    refresh: &'a str,
    issued: Timestamp,
    expires: Timestamp,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// The bytes that the next write expects.
    pub(super) raw: Option<Bytes>,
    /// A token that can be used, if its time has not come.
    pub(super) access: Option<Token>,
    /// A refresh token that can be tried.
    pub(super) refresh: Option<Secret>,
    /// It was granted for a credential with other secrets.
    pub(super) foreign: bool,
}

/// The store did not do it; that was logged.
pub(super) struct Failed;

/// What became of a write.
pub(super) enum Put {
    /// It lies there, as these bytes.
    Done(Bytes),
    /// Another process was first.
    Conflict,
}

impl Shelf {
    pub(super) fn new(store: Arc<dyn Store>, tenant: &TenantId, source: &Source) -> Self {
        let key = format!("{}:{}", source.place, tenant.as_str()).into_bytes();
        Self { store, key }
    }

    /// What lies there. What nobody can make sense of is as good as nothing.
    pub(super) async fn get(&self, source: &Source) -> Result<Found, Failed> {
        let got = within(source.clock(), self.store.get(SPACE, &self.key)).await;
        let raw = got.map_err(|kind| failed("read", kind))?;
        let Some(bytes) = &raw else { return Ok(Found::default()) };
        let found = read(bytes, source);
        Ok(Found { raw, ..found })
    }

    /// Writes, if what lies there is still what was seen.
    pub(super) async fn put(
        &self,
        source: &Source,
        seen: Option<&Bytes>,
        token: &Token,
        refresh: &Secret,
    ) -> Result<Put, Failed> {
        let record = Record {
            v: VERSION,
            identity: &source.identity,
            access: text(&token.access),
            refresh: text(refresh),
            issued: token.issued,
            expires: token.expires,
        };
        let value = serde_json::to_vec(&record).map_err(|_| failed("written", Kind::Internal))?;
        let (key, value) = (self.key.clone(), Bytes::from(value));
        let writes = vec![
            Write::Expect { space: SPACE, key: key.clone(), value: seen.cloned() },
            Write::Put { space: SPACE, key, value: value.clone() },
        ];
        match within(source.clock(), self.store.commit(writes)).await {
            Ok(()) => Ok(Put::Done(value)),
            Err(Kind::Conflict) => Ok(Put::Conflict),
            Err(kind) => Err(failed("written", kind)),
        }
    }
}

/// What a store does, within its time; of its error the kind alone, since its text may hold values.
async fn within<T>(
    clock: &Arc<dyn Clock>,
    work: impl Future<Output = watchfloor_core::Result<T>>,
) -> Result<T, Kind> {
    tokio::select! {
        biased;
        done = work => done.map_err(|e| e.kind()),
        () = clock.pause(LONGEST) => Err(Kind::Timeout),
    }
}

fn failed(what: &str, kind: Kind) -> Failed {
    tracing::warn!(error = kind.as_str(), "a token could not be {what} in the store; going on");
    Failed
}

fn read(bytes: &Bytes, source: &Source) -> Found {
    let record = if bytes.len() > MAX_RECORD { b"" } else { &bytes[..] };
    let Ok(record) = serde_json::from_slice::<Value>(record) else {
        tracing::warn!("the stored token is unreadable; it is ignored");
        return Found::default();
    };
    let member = |name| record.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let time = |name| record.get(name)?.as_i64().and_then(Timestamp::from_millis);
    let foreign = member("identity") != Some(source.identity.as_str());
    // The access token only where all of the record is as we would have written it; a password is
    // no part of the identity, so that one of another password cannot be told.
    let ours = record.get("v").and_then(Value::as_u64) == Some(VERSION) && !foreign;
    let access = || {
        let (issued, expires) = (time("issued")?, time("expires")?);
        let now = source.clock().now();
        let sane = issued <= now.saturating_add(SKEW)
            && issued <= expires
            && expires <= issued.saturating_add(LONGEST_LIFE);
        let access = member("access").filter(|_| ours && sane)?;
        Token::new(Secret::new(access), None, issued, expires)
    };
    Found { raw: None, access: access(), refresh: member("refresh").map(Secret::new), foreign }
}
