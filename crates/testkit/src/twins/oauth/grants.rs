//! The token endpoint: who may have what.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded;

use super::{Access, OAuth, Refresh, State};
use crate::{Answer, Request, Twin};

/// The fields of a token request.
pub(super) type Form = BTreeMap<String, String>;

/// Each grant by its name in a configuration and on the wire.
const GRANTS: [(&str, &str); 4] = [
    ("client_credentials", "client_credentials"),
    ("password", "password"),
    ("refresh_token", "refresh_token"),
    ("jwt_bearer", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
];

impl<T: Twin> OAuth<T> {
    pub(super) fn grant(&self, request: &Request) -> Answer {
        let form = match form(request) {
            Ok(form) => form,
            Err(code) => return refuse(400, code),
        };
        let on_the_wire = form.get("grant_type").map_or("", String::as_str);
        let grant = GRANTS.iter().find(|(_, wire)| *wire == on_the_wire).map(|(name, _)| *name);
        let mut state = self.lock();
        *state.asked.entry(grant.unwrap_or("unknown").to_owned()).or_default() += 1;
        let client = match state.client(request, &form) {
            Ok(client) => client,
            Err(code) => {
                let status = if code == "invalid_client" { 401 } else { 400 };
                return refuse(status, code).header("www-authenticate", "Basic realm=\"token\"");
            }
        };
        let Some(grant) = grant else { return refuse(400, "unsupported_grant_type") };
        if let Some(scope) = form.get("scope") {
            let known = |scope: &str| state.scopes.is_empty() || state.scopes.contains(scope);
            if scope.is_empty() || !scope.split(' ').all(known) {
                return refuse(400, "invalid_scope");
            }
        }
        let granted = match grant {
            "client_credentials" if state.is_public(&client) => Err("unauthorized_client"),
            "client_credentials" => Ok(None),
            "password" => state.password(&form).map(|()| None),
            "refresh_token" => state.refresh(&client, &form).map(Some),
            _ => self.assertion(&mut state, &form).map(|()| None),
        };
        match granted {
            Ok(family) => self.token(&mut state, grant, &client, family),
            Err(code) => refuse(400, code),
        }
    }

    #[cfg(feature = "jwt")]
    fn assertion(&self, state: &mut State, form: &Form) -> Result<(), &'static str> {
        state.assertion(form, self.clock.now())
    }

    #[cfg(not(feature = "jwt"))]
    #[allow(clippy::unused_self, reason = "the other build reads the clock")]
    fn assertion(&self, _: &mut State, _: &Form) -> Result<(), &'static str> {
        Err("unsupported_grant_type")
    }

    fn token(&self, state: &mut State, grant: &str, client: &str, family: Option<u64>) -> Answer {
        *state.granted.entry(grant.to_owned()).or_default() += 1;
        let refreshes = match state.refresh {
            Refresh::None => false,
            Refresh::Lasting => grant == "password",
            Refresh::Rotating => matches!(grant, "password" | "refresh_token"),
        };
        let family = family.unwrap_or_else(|| state.mint());
        let token = format!("cnry-access-{}", state.mint());
        let expires = self.clock.now().saturating_add(state.life);
        state.access.insert(token.clone(), Access { expires, family });
        let mut body = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": state.life.as_secs(),
        });
        if refreshes {
            body["refresh_token"] = json!(state.refresher(client, family));
        }
        Answer::json(200, &body).header("cache-control", "no-store")
    }
}

impl State {
    /// The client of a request, by the header or by the body and never by both; empty where none
    /// names itself, which a grant may allow.
    fn client(&self, request: &Request, form: &Form) -> Result<String, &'static str> {
        let (id, secret) = match request.header("authorization") {
            Some(_) if form.contains_key("client_secret") => return Err("invalid_request"),
            Some(header) => {
                let (id, secret) = basic(header).ok_or("invalid_client")?;
                (id, Some(secret))
            }
            None => match form.get("client_id") {
                Some(id) => (id.clone(), form.get("client_secret").cloned()),
                None => return Ok(String::new()),
            },
        };
        match self.clients.get(&id) {
            Some(known) if *known == secret => Ok(id),
            _ => Err("invalid_client"),
        }
    }

    /// Whether nothing proves who the client is.
    fn is_public(&self, client: &str) -> bool {
        self.clients.get(client).is_none_or(Option::is_none)
    }

    fn password(&self, form: &Form) -> Result<(), &'static str> {
        let (Some(name), Some(password)) = (form.get("username"), form.get("password")) else {
            return Err("invalid_request");
        };
        if self.users.get(name) == Some(password) { Ok(()) } else { Err("invalid_grant") }
    }

    /// The family of a refresh token that is good; a used one ends its family.
    fn refresh(&mut self, client: &str, form: &Form) -> Result<u64, &'static str> {
        let token = form.get("refresh_token").ok_or("invalid_request")?;
        let known = self.refreshers.get_mut(token).filter(|known| known.client == client);
        let known = known.ok_or("invalid_grant")?;
        let family = known.family;
        if known.used {
            self.refreshers.retain(|_, other| other.family != family);
            self.access.retain(|_, other| other.family != family);
            return Err("invalid_grant");
        }
        known.used = self.refresh == Refresh::Rotating;
        Ok(family)
    }
}

fn form(request: &Request) -> Result<Form, &'static str> {
    let content_type = request.header("content-type").and_then(|t| t.split(';').next());
    let is_form = content_type == Some("application/x-www-form-urlencoded");
    if request.method != "POST" || !is_form || !request.query.is_empty() {
        return Err("invalid_request");
    }
    let mut form = Form::new();
    for (name, value) in form_urlencoded::parse(&request.body).into_owned() {
        if form.insert(name, value).is_some() {
            return Err("invalid_request");
        }
    }
    Ok(form)
}

/// Id and secret, each form-encoded (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let pair = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8().ok().map(String::from)
    };
    Some((decode(id)?, decode(secret)?))
}

fn refuse(status: u16, code: &str) -> Answer {
    Answer::json(status, &json!({ "error": code })).header("cache-control", "no-store")
}
