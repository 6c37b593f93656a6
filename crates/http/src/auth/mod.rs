//! Credentials: the only place that reads a secret's text.

mod ask;
mod assertion;
mod oauth2;
mod read;
mod renew;
mod store;
mod token;

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;
use watchfloor_core::{Clock, Error, Kind, Result, Secret, TenantId};

use crate::deadline::{Busied, Deadline};
use crate::{Settings, Verdict};
use ask::Source;
pub use assertion::Assertion;
pub use oauth2::{ClientAuth, OAuth2};
use token::Token;
pub(crate) use token::Tokens;

/// How a connector says who it is. `Debug` names the kind alone.
#[derive(Clone)]
pub struct Auth(Kinds);

#[derive(Clone)]
enum Kinds {
    None,
    Basic { user: String, password: Secret },
    Header { name: String, value: Secret },
    Scheme { scheme: String, value: Secret },
    OAuth2(Box<OAuth2>),
}

impl Auth {
    /// No credential.
    pub fn none() -> Self {
        Self(Kinds::None)
    }

    /// User name and password (RFC 7617, UTF-8).
    pub fn basic(user: impl Into<String>, password: Secret) -> Self {
        Self(Kinds::Basic { user: user.into(), password })
    }

    /// `Authorization: Bearer …`
    pub fn bearer(token: Secret) -> Self {
        Self::scheme("Bearer", token)
    }

    /// `Authorization: SCHEME …`, such as `Splunk` or `ApiKey`.
    pub fn scheme(scheme: impl Into<String>, value: Secret) -> Self {
        Self(Kinds::Scheme { scheme: scheme.into(), value })
    }

    /// A header of the vendor's own, such as `X-PAN-KEY`.
    pub fn header(name: impl Into<String>, value: Secret) -> Self {
        Self(Kinds::Header { name: name.into(), value })
    }

    /// A bearer token that is asked for.
    pub fn oauth2(oauth2: OAuth2) -> Self {
        Self(Kinds::OAuth2(Box::new(oauth2)))
    }

    /// [`OAuth2::client_credentials`], with a scope.
    pub fn client_credentials(
        token_url: Url,
        client_id: impl Into<String>,
        client_secret: Secret,
        scope: Option<String>,
    ) -> Self {
        let mut oauth2 = OAuth2::client_credentials(token_url, client_id, client_secret);
        oauth2.scope = scope;
        Self::oauth2(oauth2)
    }

    /// Whether it is [`Auth::none`].
    pub fn is_none(&self) -> bool {
        matches!(self.0, Kinds::None)
    }

    /// The credential as it goes on the wire, checked.
    pub(crate) fn prepare(self, clock: &Arc<dyn Clock>, settings: &Settings) -> Result<Credential> {
        let refuse = |what: &str| Err(Error::new(Kind::Config, what));
        let (name, value) = match self.0 {
            Kinds::None => return Ok(Credential::None),
            Kinds::OAuth2(oauth2) => {
                let source = Source::new(*oauth2, clock.clone(), settings)?;
                return Ok(Credential::Token(Arc::new(source)));
            }
            Kinds::Basic { ref user, .. } if user.contains(':') => {
                return refuse("the user name of basic auth cannot hold a colon");
            }
            Kinds::Basic { user, password } => (AUTHORIZATION, basic_header(&user, &password)),
            Kinds::Scheme { scheme, value } => {
                (AUTHORIZATION, on_the_wire(&format!("{scheme} "), &value))
            }
            Kinds::Header { name, value } => match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => (name, on_the_wire("", &value)),
                Err(_) => return refuse("the name of the credential's header is no header name"),
            },
        };
        match value {
            Some(value) => Ok(Credential::Fixed(name, value)),
            None => refuse("the credential holds characters that no header can carry"),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a secret's text is read here to be put on the wire")]
pub(crate) fn text(secret: &Secret) -> &str {
    secret.expose()
}

/// Name and password as a header carries them.
pub(crate) fn basic_header(user: &str, password: &Secret) -> Option<HeaderValue> {
    let pair = STANDARD.encode(format!("{user}:{}", text(password)));
    on_the_wire("Basic ", &Secret::new(pair))
}

fn on_the_wire(prefix: &str, secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{prefix}{}", text(secret))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kinds::None => "Auth(none)",
            Kinds::Basic { .. } => "Auth(basic)",
            Kinds::Header { .. } => "Auth(header)",
            Kinds::Scheme { .. } => "Auth(scheme)",
            Kinds::OAuth2(oauth2) => return write!(f, "Auth(oauth2 {})", oauth2.grant.name()),
        })
    }
}

/// A credential that was checked and can be sent.
pub(crate) enum Credential {
    None,
    Fixed(HeaderName, HeaderValue),
    Token(Arc<Source>),
}

/// What one attempt carries.
#[derive(Clone)]
pub(crate) struct Carried {
    pub(crate) header: Option<(HeaderName, HeaderValue)>,
    token: Option<Arc<Token>>,
}

impl Carried {
    /// Whether another credential can be had after this one was refused. A fixed one stays what it
    /// is: sending it again could lock the account.
    pub(crate) fn renewable(&self) -> bool {
        self.token.is_some()
    }
}

impl Credential {
    /// The credential for an attempt; `refused` is one that the other side no longer takes.
    pub(crate) async fn carry(
        &self,
        tokens: &Tokens,
        tenant: &TenantId,
        refused: Option<&Carried>,
        deadline: &Deadline,
        busied: &mut Busied,
    ) -> Result<Carried, Verdict> {
        match self {
            Self::None => Ok(Carried { header: None, token: None }),
            Self::Fixed(name, value) => {
                Ok(Carried { header: Some((name.clone(), value.clone())), token: None })
            }
            Self::Token(source) => {
                let slot = tokens.slot(tenant, source);
                let refused = refused.and_then(|carried| carried.token.as_ref());
                let token = slot.token(refused, deadline, busied).await?;
                let header = Some((AUTHORIZATION, token.header.clone()));
                Ok(Carried { header, token: Some(token) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemClock;

    fn prepared(auth: &Auth) -> Result<Credential> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        auth.clone().prepare(&clock, &Settings::default())
    }

    fn sent(auth: &Auth) -> (String, String) {
        match prepared(auth) {
            Ok(Credential::Fixed(name, value)) => {
                assert!(value.is_sensitive());
                (name.to_string(), value.to_str().unwrap().to_owned())
            }
            _ => panic!("{auth:?} has no fixed header"),
        }
    }

    #[test]
    fn each_kind_has_its_header() {
        let secret = || Secret::new("s3cret");
        for (auth, name, value) in [
            (Auth::basic("bot", secret()), "authorization", "Basic Ym90OnMzY3JldA=="),
            (Auth::basic("bé", secret()), "authorization", "Basic YsOpOnMzY3JldA=="),
            (Auth::bearer(secret()), "authorization", "Bearer s3cret"),
            (Auth::scheme("Splunk", secret()), "authorization", "Splunk s3cret"),
            (Auth::header("X-PAN-KEY", secret()), "x-pan-key", "s3cret"),
        ] {
            assert_eq!(sent(&auth), (name.to_owned(), value.to_owned()));
            assert!(!format!("{auth:?}").contains("s3cret"));
        }
    }

    #[test]
    fn what_no_header_can_carry_is_an_error_without_the_secret() {
        for auth in [
            Auth::bearer(Secret::new("cnry\nX-Evil: 1")),
            Auth::header("bad name", Secret::new("cnry")),
            Auth::basic("a:b", Secret::new("cnry")),
        ] {
            let Err(e) = prepared(&auth) else { panic!("{auth:?} was taken") };
            assert_eq!(e.kind(), Kind::Config);
            assert!(!format!("{e} {e:?}").contains("cnry"));
        }
    }
}
