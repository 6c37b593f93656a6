//! Signed assertions (RFC 7523 §3).

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde::Deserialize;
use watchfloor_core::Timestamp;

use super::grants::Form;
use super::{OAuth, State};
use crate::Twin;

/// The longest that an assertion may hold.
const LONGEST: i64 = 3600;

/// Who signs, and with what.
#[derive(Debug)]
pub(super) struct Issuer {
    name: String,
    audience: String,
    key_id: Option<String>,
    algorithm: Algorithm,
    /// In PEM.
    public: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: String,
}

impl<T: Twin> OAuth<T> {
    /// It trusts an issuer whose assertions name this audience, and this key where one is given.
    /// Answers the private key of the new pair in PEM: on P-256 for ES256, else an RSA key.
    ///
    /// # Panics
    /// If no pair can be made.
    pub fn trust(&self, issuer: &str, audience: &str, key_id: Option<&str>, es256: bool) -> String {
        let (made, algorithm) = if es256 {
            (KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256), Algorithm::ES256)
        } else {
            (KeyPair::generate_for(&PKCS_RSA_SHA256), Algorithm::RS256)
        };
        let pair = made.expect("a key pair");
        self.lock().issuers.push(Issuer {
            name: issuer.to_owned(),
            audience: audience.to_owned(),
            key_id: key_id.map(str::to_owned),
            algorithm,
            public: pair.public_key_pem(),
        });
        pair.serialize_pem()
    }
}

impl State {
    pub(super) fn assertion(&mut self, form: &Form, now: Timestamp) -> Result<(), &'static str> {
        let assertion = form.get("assertion").ok_or("invalid_request")?;
        let claims = self.issuers.iter().find_map(|issuer| issuer.verified(assertion));
        let claims = claims.ok_or("invalid_grant")?;
        let now = now.as_secs();
        let in_time = claims.iat <= now && now < claims.exp && claims.exp - claims.iat <= LONGEST;
        // The id last: one that is refused for another reason was not used.
        if in_time && !claims.sub.is_empty() && self.seen.insert(claims.jti) {
            Ok(())
        } else {
            Err("invalid_grant")
        }
    }
}

impl Issuer {
    fn verified(&self, assertion: &str) -> Option<Claims> {
        let key = match self.algorithm {
            Algorithm::ES256 => DecodingKey::from_ec_pem(self.public.as_bytes()),
            _ => DecodingKey::from_rsa_pem(self.public.as_bytes()),
        };
        let mut rules = Validation::new(self.algorithm);
        // Times are read on the twin's clock.
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let token = decode::<Claims>(assertion, &key.ok()?, &rules).ok()?;
        let named = token.header.kid == self.key_id && token.claims.aud == self.audience;
        (named && token.claims.iss == self.name).then_some(token.claims)
    }
}
