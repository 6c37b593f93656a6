//! The recorded attack, and the truth about it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use watchfloor::core::Timestamp;

use crate::Fatal;

/// The files of the recording.
#[derive(Debug)]
pub(crate) struct Recording {
    /// nginx's access log, JSON.
    pub(crate) access: Vec<u8>,
    /// ModSecurity's audit log.
    pub(crate) audit: Vec<u8>,
    /// The API's OpenAPI documents, the current one first.
    pub(crate) specs: Vec<Vec<u8>>,
    /// `[client]`, as TOML.
    pub(crate) client: String,
    /// `[[owners]]`, as TOML.
    pub(crate) owners: String,
    /// Who did what.
    pub(crate) truth: Truth,
}

/// Who did what in the recording.
#[derive(Debug, Deserialize)]
pub(crate) struct Truth {
    /// Those who attacked.
    pub(crate) attackers: Vec<Attacker>,
    /// Benign clients that a forged header names.
    pub(crate) framed: BTreeSet<IpAddr>,
    /// Everybody else.
    pub(crate) benign: BTreeSet<IpAddr>,
    /// Every secret in the logs.
    pub(crate) canaries: Vec<String>,
}

/// An attacker.
#[derive(Debug, Deserialize)]
pub(crate) struct Attacker {
    /// Its address.
    pub(crate) ip: IpAddr,
    /// What it did: the kind's slug.
    pub(crate) kind: String,
    /// Its first request.
    pub(crate) from: String,
    /// Its last.
    pub(crate) to: String,
}

impl Recording {
    /// When it ended: after the last attack.
    pub(crate) fn end(&self) -> Result<Timestamp, Fatal> {
        let ends = self.truth.attackers.iter().map(|a| a.to.parse::<Timestamp>());
        let last = ends.collect::<Result<Vec<_>, _>>()?.into_iter().max();
        Ok(last.ok_or("the recording has no attackers")?.saturating_add(Duration::from_secs(60)))
    }

    /// Reads it from its folder.
    pub(crate) fn load() -> io::Result<Self> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/shop-api");
        let named = |file: &str| -> PathBuf { dir.join(file) };
        let truth = serde_json::from_slice(&fs::read(named("truth.json"))?)?;
        Ok(Self {
            access: fs::read(named("access.ndjson"))?,
            audit: fs::read(named("modsec-audit.ndjson"))?,
            specs: vec![fs::read(named("openapi.json"))?, fs::read(named("openapi-v1.json"))?],
            client: fs::read_to_string(named("client.toml"))?,
            owners: fs::read_to_string(named("owners.toml"))?,
            truth,
        })
    }
}
