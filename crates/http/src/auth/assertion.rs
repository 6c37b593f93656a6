//! Signed assertions (RFC 7523): a JWT that says who asks, for whom, and until when.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;
use watchfloor_core::{FieldHash, Secret, Timestamp, random};

use super::text;

/// The longest that an assertion holds.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);
/// How long it holds where nothing is said: enough for clocks that differ, too short to be kept.
const USUAL: Duration = Duration::from_secs(300);

/// What is signed for the grant `jwt_bearer`: RS256 with an RSA key, ES256 with one on P-256.
///
/// `Debug` shows the issuer alone.
#[derive(Clone)]
pub struct Assertion {
    pub(super) private_key: Secret,
    issuer: String,
    subject: String,
    audience: String,
    key_id: Option<String>,
    lifetime: Duration,
}

impl Assertion {
    /// An assertion of `issuer` about itself, for `audience`: the token URL for most, the client's
    /// id for ServiceNow. The private key is PEM: PKCS#8, or PKCS#1 (`RSA PRIVATE KEY`).
    pub fn new(
        private_key: Secret,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Self {
        let (issuer, audience) = (issuer.into(), audience.into());
        let subject = issuer.clone();
        Self { private_key, issuer, subject, audience, key_id: None, lifetime: USUAL }
    }

    /// Whom the token acts for, where that is not the issuer.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// The key's id at the other side, the header `kid`.
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// How long an assertion holds: 5 minutes where nothing is said, at most an hour.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if let Err(what) = SigningKey::read(&self.private_key) {
            faults.push(("private_key", what.to_owned()));
        }
        for (key, said) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if said.is_empty() {
                faults.push((key, "is missing".to_owned()));
            }
        }
        if self.lifetime.as_secs() == 0 || self.lifetime > LONGEST {
            faults.push(("lifetime", "is not within 1s … 1h".to_owned()));
        }
        faults
    }

    pub(super) fn identify(&self, hash: FieldHash) -> FieldHash {
        hash.field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("audience", &self.audience)
            .field("key_id", self.key_id.as_deref().unwrap_or_default())
    }

    /// The assertion from now on; its id is never used twice. `None` if the key does not sign,
    /// which [`SigningKey::read`] tried.
    pub(super) fn sign(&self, key: &SigningKey, now: Timestamp) -> Option<Secret> {
        let mut header = json!({ "typ": "JWT", "alg": key.name() });
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let claims = json!({
            "iss": self.issuer, "sub": self.subject, "aud": self.audience,
            "iat": now.as_secs(), "exp": now.saturating_add(self.lifetime).as_secs(),
            "jti": URL_SAFE_NO_PAD.encode(random::key()),
        });
        let part = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = key.sign(message.as_bytes())?;
        Some(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assertion(of {})", self.issuer)
    }
}

/// A private key that signs.
pub(super) struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
}

impl SigningKey {
    /// The key in a PEM text, tried once: what is wrong with it is said when it is configured, and
    /// without a word of it.
    pub(super) fn read(pem: &Secret) -> Result<Self, &'static str> {
        let pem = text(pem).as_bytes();
        let rsa = EncodingKey::from_rsa_pem(pem).map(|key| (key, Algorithm::RS256));
        let read = rsa.or_else(|_| EncodingKey::from_ec_pem(pem).map(|k| (k, Algorithm::ES256)));
        let Ok((key, algorithm)) = read else {
            return Err("is no private key in PEM, of RSA or on P-256");
        };
        let key = Self { key, algorithm };
        match (key.sign(b"tried"), algorithm) {
            (Some(_), _) => Ok(key),
            (None, Algorithm::RS256) => Err("is an RSA key that RS256 cannot use"),
            (None, _) => Err("is a key on another curve than P-256"),
        }
    }

    fn name(&self) -> &'static str {
        if self.algorithm == Algorithm::RS256 { "RS256" } else { "ES256" }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        // Named, since the process's default panics where two providers are compiled in.
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.key).ok()?;
        signer.try_sign(message).ok()
    }
}
