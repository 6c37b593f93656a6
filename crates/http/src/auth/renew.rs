//! What a renewal does: look into the store, ask, keep what came before anybody uses it.

use std::sync::{MutexGuard, PoisonError};

use bytes::Bytes;
use watchfloor_core::{Result, Secret};

use super::ask::{Ask, Refusal};
use super::oauth2::Grant;
use super::store::{Found, Put, Shelf};
use super::token::{Slot, Token};

/// What is known of a credential from one renewal to the next.
#[derive(Default)]
pub(super) struct Memory {
    /// The refresh token that counts. One that was replaced is dead, and its reuse can end the
    /// whole grant: it is never sent again.
    refresh: Option<Secret>,
    /// It was found in the store and belongs to a credential with other secrets.
    foreign: bool,
    /// What lay in the store when it was last looked at.
    raw: Option<Bytes>,
    /// It could not be stored: what lies in the store is older, or of another process.
    unsaved: bool,
}

/// One renewal of one credential's token.
pub(super) struct Renewal<'a> {
    slot: &'a Slot,
}

/// Why asking came to no token.
enum Without {
    Refused(Refusal),
    /// What was presented is refused because another process was first.
    Overtaken,
}

impl<'a> Renewal<'a> {
    pub(super) fn new(slot: &'a Slot) -> Self {
        Self { slot }
    }

    pub(super) async fn run(&self) -> Result<Token, Refusal> {
        // Another process that renews on the same store at the same time costs one more round.
        let mut last = self.slot.shelf.is_none();
        loop {
            let looked = self.look().await;
            if let Ok(Some(token)) = looked {
                return Ok(token);
            }
            match self.ask(last).await {
                Ok((token, presented)) => {
                    return Ok(self.keep(token, presented, looked.is_err()).await);
                }
                Err(Without::Refused(refusal)) => return Err(refusal),
                Err(Without::Overtaken) => last = true,
            }
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.slot.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what another process, or this one before it was restarted, has stored since the
    /// last look: a token that can be used, or at least a refresh token.
    async fn look(&self) -> Result<Option<Token>, super::store::Failed> {
        let Some(shelf) = &self.slot.shelf else { return Ok(None) };
        let found = shelf.get(&self.slot.source).await?;
        let mut memory = self.memory();
        if memory.unsaved || found.raw == memory.raw {
            return Ok(None);
        }
        memory.raw = found.raw.clone();
        Ok(self.take_over(&mut memory, found))
    }

    fn take_over(&self, memory: &mut Memory, found: Found) -> Option<Token> {
        if let Some(refresh) = found.refresh {
            (memory.refresh, memory.foreign) = (Some(refresh), found.foreign);
        }
        let now = self.slot.source.clock().now();
        found.access.filter(|token| token.holds(now))
    }

    /// What may be presented, in its order.
    fn asks(&self) -> Vec<Ask> {
        let memory = self.memory();
        let refresh = memory.refresh.clone().map(Ask::Refresh);
        match &self.slot.source.oauth2.grant {
            Grant::ClientCredentials | Grant::JwtBearer(_) => vec![Ask::Configured],
            Grant::Password { .. } => refresh.into_iter().chain([Ask::Configured]).collect(),
            // Somebody put another one into the configuration: it is the newer one.
            Grant::RefreshToken(_) if memory.foreign => {
                [Ask::Configured].into_iter().chain(refresh).collect()
            }
            Grant::RefreshToken(_) => vec![refresh.unwrap_or(Ask::Configured)],
        }
    }

    async fn ask(&self, last: bool) -> Result<(Token, Ask), Without> {
        let mut asks = self.asks().into_iter().peekable();
        while let Some(ask) = asks.next() {
            let refusal = match self.slot.source.ask(&ask).await {
                Ok(token) => return Ok((token, ask)),
                Err(refusal) => refusal,
            };
            if refusal.of_grant && !last && self.is_overtaken().await {
                self.memory().unsaved = false;
                return Err(Without::Overtaken);
            }
            if !refusal.of_grant || asks.peek().is_none() {
                return Err(Without::Refused(refusal));
            }
            tracing::debug!("what was presented is refused; going on with what else there is");
        }
        Err(Without::Overtaken)
    }

    /// Whether another process has written since the look.
    async fn is_overtaken(&self) -> bool {
        let Some(shelf) = &self.slot.shelf else { return false };
        let found = shelf.get(&self.slot.source).await;
        found.is_ok_and(|found| found.raw != self.memory().raw)
    }

    /// Keeps a new refresh token before anybody uses the token that came with it: in memory at
    /// once, then in the store. `blind`: the store could not be read before.
    async fn keep(&self, token: Token, presented: Ask, blind: bool) -> Token {
        let grant = &self.slot.source.oauth2.grant;
        if !grant.rotates() {
            return token;
        }
        let configured = match grant {
            Grant::RefreshToken(configured) => Some(configured),
            _ => None,
        };
        let new = token.refresh.clone().filter(|new| Some(new) != configured);
        // An answer without one leaves what was presented as it was.
        let refresh = new.or(match presented {
            Ask::Refresh(old) => Some(old),
            Ask::Configured => None,
        });
        let blind = {
            let mut memory = self.memory();
            let blind = blind || memory.unsaved;
            (memory.refresh, memory.foreign, memory.unsaved) = (refresh.clone(), false, true);
            blind
        };
        match (&self.slot.shelf, refresh) {
            (Some(shelf), Some(refresh)) => self.shelve(shelf, token, &refresh, blind).await,
            _ => {
                self.memory().unsaved = false;
                token
            }
        }
    }

    async fn shelve(&self, shelf: &Shelf, token: Token, refresh: &Secret, blind: bool) -> Token {
        let source = &self.slot.source;
        for _ in 0..2 {
            let seen = self.memory().raw.clone();
            match shelf.put(source, seen.as_ref(), &token, refresh).await {
                Ok(Put::Done(raw)) => {
                    let mut memory = self.memory();
                    (memory.raw, memory.unsaved) = (Some(raw), false);
                    return token;
                }
                Ok(Put::Conflict) => {}
                Err(_) => return token,
            }
            let Ok(found) = shelf.get(source).await else { return token };
            let mut memory = self.memory();
            memory.raw = found.raw.clone();
            // Two processes hold one token, that of the one that was first. But what was never
            // seen may just be old, and then ours is the newer one.
            if !blind && let Some(theirs) = self.take_over(&mut memory, found) {
                memory.unsaved = false;
                return theirs;
            }
            (memory.refresh, memory.foreign) = (Some(refresh.clone()), false);
        }
        tracing::warn!("a token could not be stored: another process writes there all the time");
        token
    }
}
