//! OAuth 2.0 as it is configured: the grants, and what each of them can say.

use std::collections::BTreeMap;
use std::fmt;

use url::Url;
use watchfloor_core::{FieldHash, Secret};

use super::{Assertion, text};
use crate::egress;

/// How a token is asked for (RFC 6749; RFC 7523 for signed assertions).
///
/// The token is asked for when it is first needed, renewed before it ends, and shared by every
/// client with the same credential and tenant. `Debug` names the grant alone.
///
/// ```
/// use watchfloor_core::Secret;
/// use watchfloor_http::{Auth, OAuth2};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let token_url = "https://login.example/oauth/token".parse()?;
/// let oauth2 = OAuth2::client_credentials(token_url, "watchfloor", Secret::new("from a vault"));
/// let auth = Auth::oauth2(oauth2.scope("read write").param("audience", "api.example"));
/// assert_eq!(format!("{auth:?}"), "Auth(oauth2 client_credentials)");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OAuth2 {
    pub(super) token_url: Url,
    pub(super) grant: Grant,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    pub(super) client_auth: ClientAuth,
    pub(super) scope: Option<String>,
    pub(super) params: BTreeMap<String, String>,
}

/// What is presented for a token.
#[derive(Clone)]
pub(super) enum Grant {
    ClientCredentials,
    Password { username: String, password: Secret },
    RefreshToken(Secret),
    JwtBearer(Assertion),
}

impl Grant {
    /// The grant's name in the configuration.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Password { .. } => "password",
            Self::RefreshToken(_) => "refresh_token",
            Self::JwtBearer(_) => "jwt_bearer",
        }
    }

    /// Whether an answer's refresh token is used: the others can ask anew at any time.
    pub(super) fn rotates(&self) -> bool {
        matches!(self, Self::Password { .. } | Self::RefreshToken(_))
    }
}

/// Where the client's id and secret stand in a token request (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// In its body; what products take most.
    #[default]
    Body,
    /// In an `Authorization: Basic …` header.
    Basic,
}

/// What the layer itself writes into a token request.
const RESERVED: [&str; 9] = [
    "grant_type",
    "client_id",
    "client_secret",
    "username",
    "password",
    "refresh_token",
    "assertion",
    "scope",
    "client_assertion",
];

impl OAuth2 {
    /// The client's own credentials (RFC 6749 §4.4).
    pub fn client_credentials(
        token_url: Url,
        client_id: impl Into<String>,
        client_secret: Secret,
    ) -> Self {
        Self::new(token_url, Grant::ClientCredentials).client(client_id, Some(client_secret))
    }

    /// A user's name and password (RFC 6749 §4.3). A refresh token that comes with an answer is
    /// used from then on; once it is refused, the password is presented again.
    pub fn password(token_url: Url, username: impl Into<String>, password: Secret) -> Self {
        Self::new(token_url, Grant::Password { username: username.into(), password })
    }

    /// A refresh token that somebody was given (RFC 6749 §6), which takes a [`client`](Self::client).
    /// Where answers bring new ones, each replaces the one before, and one that was replaced is
    /// never sent again: to survive a restart, the layer needs a
    /// [store](crate::Layer::with_store).
    pub fn refresh_token(token_url: Url, refresh_token: Secret) -> Self {
        Self::new(token_url, Grant::RefreshToken(refresh_token))
    }

    /// A signed assertion (RFC 7523 §2.1), made anew for every token.
    pub fn jwt_bearer(token_url: Url, assertion: Assertion) -> Self {
        Self::new(token_url, Grant::JwtBearer(assertion))
    }

    pub(super) fn new(token_url: Url, grant: Grant) -> Self {
        Self {
            token_url,
            grant,
            client_id: None,
            client_secret: None,
            client_auth: ClientAuth::Body,
            scope: None,
            params: BTreeMap::new(),
        }
    }

    /// The client that asks; a public one has no secret.
    pub fn client(mut self, id: impl Into<String>, secret: Option<Secret>) -> Self {
        self.client_id = Some(id.into());
        self.client_secret = secret;
        self
    }

    /// Where id and secret of the client stand.
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// What the token is for, as scopes with spaces between them.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// One more field of the request, such as `audience` or `resource`.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    /// What of it cannot work, each with the key of the configuration that says it.
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if let Err(e) = egress::check(&self.token_url, true) {
            faults.push(("token_url", e.message().to_owned()));
        }
        if self.client_id.as_ref().is_none_or(String::is_empty)
            && !matches!(self.grant, Grant::JwtBearer(_) | Grant::Password { .. })
        {
            faults.push(("client_id", "is missing".to_owned()));
        }
        let basic = self.client_auth == ClientAuth::Basic;
        if basic && (self.client_id.is_none() || self.client_secret.is_none()) {
            let what = "is \"basic\", which takes client_id and client_secret";
            faults.push(("client_auth", what.to_owned()));
        }
        for name in self.params.keys().filter(|name| RESERVED.contains(&name.as_str())) {
            faults.push(("params", format!("has {name}, which is not an additional one")));
        }
        if let Grant::JwtBearer(assertion) = &self.grant {
            faults.extend(assertion.faults());
        }
        faults
    }

    /// A hash of all but the secrets: where its token is kept.
    pub(super) fn place(&self) -> String {
        let mut hash = FieldHash::new("watchfloor token v1")
            .field("token_url", self.token_url.as_str())
            .field("grant", self.grant.name())
            .field("client_id", self.client_id.as_deref().unwrap_or_default())
            .field("scope", self.scope.as_deref().unwrap_or_default());
        for (name, value) in &self.params {
            hash = hash.field("param", name).field("value", value);
        }
        match &self.grant {
            Grant::Password { username, .. } => hash.field("username", username),
            Grant::JwtBearer(assertion) => assertion.identify(hash),
            Grant::ClientCredentials | Grant::RefreshToken(_) => hash,
        }
        .hex(32)
    }

    /// Whether both have the same secrets.
    pub(super) fn same_secrets(&self, other: &Self) -> bool {
        self.client_secret == other.client_secret
            && match (&self.grant, &other.grant) {
                (Grant::Password { password: a, .. }, Grant::Password { password: b, .. })
                | (Grant::RefreshToken(a), Grant::RefreshToken(b)) => a == b,
                (Grant::JwtBearer(a), Grant::JwtBearer(b)) => a.private_key == b.private_key,
                _ => true,
            }
    }

    /// A hash of the secrets that a machine made. It is stored, and therefore without a password: a
    /// person's choice could be guessed from its hash.
    pub(super) fn identity(&self) -> String {
        let hash = FieldHash::new("watchfloor credential v1")
            .field("client_secret", self.client_secret.as_ref().map_or("", text));
        match &self.grant {
            Grant::RefreshToken(token) => hash.field("refresh_token", text(token)),
            Grant::JwtBearer(assertion) => hash.field("private_key", text(&assertion.private_key)),
            Grant::ClientCredentials | Grant::Password { .. } => hash,
        }
        .hex(32)
    }
}

impl fmt::Debug for OAuth2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OAuth2({})", self.grant.name())
    }
}
