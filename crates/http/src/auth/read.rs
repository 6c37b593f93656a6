//! `auth = { type = … }` in a connector's section.

use url::Url;
use watchfloor_core::config::Section;

use super::oauth2::Grant;
use super::{Assertion, Auth, ClientAuth, OAuth2};
use crate::egress;

#[derive(Clone, Copy)]
enum Type {
    None,
    Basic,
    Bearer,
    ApiKey,
    OAuth2,
}

const TYPES: [(&str, Type); 5] = [
    ("none", Type::None),
    ("basic", Type::Basic),
    ("bearer", Type::Bearer),
    ("api_key", Type::ApiKey),
    ("oauth2", Type::OAuth2),
];

#[derive(Clone, Copy)]
enum GrantType {
    ClientCredentials,
    Password,
    RefreshToken,
    JwtBearer,
}

const GRANTS: [(&str, GrantType); 4] = [
    ("client_credentials", GrantType::ClientCredentials),
    ("password", GrantType::Password),
    ("refresh_token", GrantType::RefreshToken),
    ("jwt_bearer", GrantType::JwtBearer),
];

/// The keys that belong to some grants only; where the grant is not known, none of them is wrong.
const OF_GRANTS: [&str; 10] = [
    "client_id",
    "client_secret",
    "username",
    "password",
    "refresh_token",
    "private_key",
    "issuer",
    "subject",
    "key_id",
    "lifetime",
];

const CLIENT_AUTHS: [(&str, ClientAuth); 2] =
    [("body", ClientAuth::Body), ("basic", ClientAuth::Basic)];

impl Auth {
    /// Reads the `auth` table of a connector's section, which must be there; `None` if and only if
    /// something was reported.
    ///
    /// | `type` | keys |
    /// |---|---|
    /// | `basic` | `username`, `password` |
    /// | `bearer` | `token` |
    /// | `api_key` | `key`; `header` (default: `Authorization: ApiKey …`) |
    /// | `oauth2` | `grant`, `token_url`, and the keys of the grant |
    /// | `none` | |
    ///
    /// | `grant` | keys; those after the semicolon may be left out |
    /// |---|---|
    /// | `client_credentials` | `client_id`, `client_secret` |
    /// | `password` | `username`, `password`; `client_id`, `client_secret` |
    /// | `refresh_token` | `client_id`, `refresh_token`; `client_secret` |
    /// | `jwt_bearer` | `private_key` (PEM), `issuer` (default: `client_id`); `subject` (`issuer`), `audience` (`token_url`), `key_id`, `lifetime` (`"5m"`), `client_id`, `client_secret` |
    /// | every one | `scope`, `audience` (a field of the request, but for `jwt_bearer`), `params` (a table of further fields), `client_auth` (`"body"`, or `"basic"`: id and secret in the header) |
    ///
    /// Secrets, each `{ env = … }`, `{ file = … }` and so on: `password`, `token`, `key`,
    /// `client_secret`, `refresh_token`, `private_key`.
    pub fn read(connector: &mut Section) -> Option<Self> {
        Self::read_with(connector, None)
    }

    /// The same for a product that takes its API keys in a header of its own: the default of
    /// `header`.
    pub fn read_for(connector: &mut Section, api_key_header: &str) -> Option<Self> {
        Self::read_with(connector, Some(api_key_header))
    }

    fn read_with(connector: &mut Section, api_key_header: Option<&str>) -> Option<Self> {
        if !connector.has("auth") {
            connector.problem("auth", "is missing", r#"such as { type = "basic", … }"#);
            return None;
        }
        let mut section = connector.section("auth")?;
        let problems = section.problems().clone();
        let before = problems.count();
        let auth = Self::read_type(&mut section, api_key_header);
        section.finish();
        auth.filter(|_| problems.count() == before)
    }

    fn read_type(section: &mut Section, api_key_header: Option<&str>) -> Option<Self> {
        if !section.has("type") {
            section.problem("type", "is missing", "one of basic, bearer, api_key, oauth2, none");
        }
        match section.one_of("type", &TYPES)? {
            Type::None => Some(Self::none()),
            Type::Basic => {
                let user = section.required_text("username");
                let password = section.required_secret("password");
                Some(Self::basic(user?, password?))
            }
            Type::Bearer => Some(Self::bearer(section.required_secret("token")?)),
            Type::ApiKey => {
                let header = section.text("header").or_else(|| api_key_header.map(str::to_owned));
                let key = section.required_secret("key")?;
                Some(match header {
                    Some(name) => Self::header(name, key),
                    None => Self::scheme("ApiKey", key),
                })
            }
            Type::OAuth2 => OAuth2::read(section).map(Self::oauth2),
        }
    }
}

impl OAuth2 {
    fn read(section: &mut Section) -> Option<Self> {
        if !section.has("grant") {
            let grants: Vec<_> = GRANTS.iter().map(|(name, _)| *name).collect();
            section.problem("grant", "is missing", format!("one of {}", grants.join(", ")));
        }
        let grant_type = section.one_of("grant", &GRANTS);
        let url = section.required_parsed("token_url", "an https URL", token_url);
        let scope = section.text("scope");
        let audience = section.text("audience");
        let client_auth = section.one_of_or("client_auth", &CLIENT_AUTHS, ClientAuth::Body);
        let mut params = section.section("params").map(Section::texts_by_name).unwrap_or_default();
        let Some(grant_type) = grant_type else {
            for key in OF_GRANTS {
                section.take(key);
            }
            return None;
        };
        use GrantType::{ClientCredentials, JwtBearer, Password, RefreshToken};
        let client_id = match grant_type {
            ClientCredentials | RefreshToken => section.required_text("client_id"),
            Password | JwtBearer => section.text("client_id"),
        };
        let client_secret = match grant_type {
            ClientCredentials => section.required_secret("client_secret"),
            Password | RefreshToken | JwtBearer => section.secret("client_secret"),
        };
        let grant = match grant_type {
            ClientCredentials => Some(Grant::ClientCredentials),
            Password => {
                let username = section.required_text("username");
                let password = section.required_secret("password");
                username.zip(password).map(|(u, p)| Grant::Password { username: u, password: p })
            }
            RefreshToken => section.required_secret("refresh_token").map(Grant::RefreshToken),
            JwtBearer => {
                let audience = audience.clone().or_else(|| url.as_ref().map(Url::to_string));
                Assertion::read(section, client_id.as_deref(), audience).map(Grant::JwtBearer)
            }
        };
        if let Some(audience) = audience.filter(|_| !matches!(grant_type, JwtBearer)) {
            params.insert("audience".to_owned(), audience);
        }
        let (client_auth, token_url, grant) = (client_auth?, url?, grant?);
        let read = Self {
            client_id,
            client_secret,
            client_auth,
            scope,
            params,
            ..Self::new(token_url, grant)
        };
        // What was reported as missing is not reported twice.
        let faults = read.faults().into_iter().filter(|(key, _)| *key != "client_id");
        faults.for_each(|(key, what)| section.problem(key, what, hint(key)));
        Some(read)
    }
}

impl Assertion {
    fn read(
        section: &mut Section,
        client_id: Option<&str>,
        audience: Option<String>,
    ) -> Option<Self> {
        let private_key = section.required_secret("private_key");
        let issuer = match client_id {
            Some(id) if !section.has("issuer") => Some(id.to_owned()),
            _ => section.required_text("issuer"),
        };
        let (subject, key_id) = (section.text("subject"), section.text("key_id"));
        let lifetime = section.duration("lifetime");
        let mut assertion = Self::new(private_key?, issuer?, audience?);
        if let Some(subject) = subject {
            assertion = assertion.subject(subject);
        }
        if let Some(key_id) = key_id {
            assertion = assertion.key_id(key_id);
        }
        Some(match lifetime {
            Some(lifetime) => assertion.lifetime(lifetime),
            None => assertion,
        })
    }
}

/// How to put a fault right.
fn hint(key: &str) -> &'static str {
    match key {
        "private_key" => "PKCS#8; `openssl pkcs8 -topk8 -nocrypt` makes it of other forms",
        "params" => "it has a key of its own",
        _ => "",
    }
}

fn token_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "is no URL".to_owned())?;
    egress::check(&url, true).map_err(|e| e.message().to_owned())?;
    Ok(url)
}
