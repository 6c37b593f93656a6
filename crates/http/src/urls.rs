//! Base URLs in a connector's section.

use url::Url;
use watchfloor_core::config::{Section, Value};

use crate::egress;

/// The base URL under a key that must be there; `hint` shows a good one. Read it before `auth`: what
/// stands there decides whether plain http will do.
pub fn base_url(section: &mut Section, key: &'static str, hint: &str) -> Option<Url> {
    let credential = sends_credential(section);
    section.required_parsed(key, hint, |text| parse(text, credential))
}

/// One or more base URLs of the same service, as text or a list of texts. Read them before `auth`.
pub fn base_urls(section: &mut Section, key: &'static str, hint: &str) -> Option<Vec<Url>> {
    if !section.has(key) {
        section.problem(key, "is missing", hint);
        return None;
    }
    let credential = sends_credential(section);
    let texts = section.texts(key)?;
    let (good, bad): (Vec<_>, Vec<_>) =
        texts.iter().map(|t| parse(t, credential)).partition(Result::is_ok);
    for what in bad.into_iter().filter_map(Result::err) {
        section.problem(key, what, hint);
    }
    if texts.is_empty() {
        section.problem(key, "is an empty list", hint);
    }
    (good.len() == texts.len() && !good.is_empty())
        .then(|| good.into_iter().filter_map(Result::ok).collect())
}

/// Whether a connector's requests carry a credential: all do but those of `auth = { type = "none" }`.
fn sends_credential(section: &Section) -> bool {
    let Some(Value::Table(auth)) = section.peek("auth") else { return true };
    !matches!(auth.get("type").map(|node| &node.value), Some(Value::Text(t)) if t == "none")
}

fn parse(text: &str, credential: bool) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|e| format!("is no URL: {e}"))?;
    egress::check(&url, credential).map_err(|e| e.message().to_owned())?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}
