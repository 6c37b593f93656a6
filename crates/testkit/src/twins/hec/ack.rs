//! Indexer acknowledgement.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Answer, Request};

use super::reply;

/// What waits to be indexed, by channel.
#[derive(Debug)]
pub(super) struct Acks {
    after: u64,
    channels: Mutex<HashMap<String, Channel>>,
}

#[derive(Debug, Default)]
struct Channel {
    next: u64,
    /// How many more polls are in vain, by id. What is not here is indexed and told, or unknown.
    pending: HashMap<u64, u64>,
}

#[derive(Deserialize)]
struct Query {
    acks: Vec<u64>,
}

impl Acks {
    pub(super) fn after(polls: u64) -> Self {
        Self { after: polls, channels: Mutex::default() }
    }

    /// The id of a request whose data was taken.
    pub(super) fn give(&self, channel: String) -> u64 {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry(channel).or_default();
        let id = channel.next;
        channel.next += 1;
        channel.pending.insert(id, self.after);
        id
    }

    /// An id is true once; then it is forgotten, and false like any that was never given.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let channel = match channel(request) {
            Ok(channel) => channel,
            Err(refused) => return *refused,
        };
        let Ok(Query { acks }) = serde_json::from_slice(&request.body) else {
            return reply(400, 6, "Invalid data format");
        };
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry(channel).or_default();
        let told: Map<String, Value> =
            acks.iter().map(|id| (id.to_string(), json!(channel.ask(*id)))).collect();
        Answer::json(200, &json!({ "acks": told }))
    }
}

impl Channel {
    fn ask(&mut self, id: u64) -> bool {
        match self.pending.get_mut(&id) {
            None => false,
            Some(0) => self.pending.remove(&id).is_some(),
            Some(more) => {
                *more -= 1;
                false
            }
        }
    }
}

/// The channel of a request, from its header or its query.
pub(super) fn channel(request: &Request) -> Result<String, Box<Answer>> {
    let header = request.header("x-splunk-request-channel").map(str::to_owned);
    let channel = header.or_else(|| request.param("channel")).unwrap_or_default();
    if channel.is_empty() {
        return Err(Box::new(reply(400, 10, "Data channel is missing")));
    }
    let groups: Vec<_> = channel.split('-').map(str::len).collect();
    let guid =
        groups == [8, 4, 4, 4, 12] && channel.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    if guid { Ok(channel) } else { Err(Box::new(reply(400, 11, "Invalid data channel"))) }
}
