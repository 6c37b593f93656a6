//! Base URLs in a connector's section.

use url::Url;
use watchfloor_core::config::Section;

use crate::egress;

/// The base URL under a key that must be there; `hint` shows a good one.
pub fn base_url(section: &mut Section, key: &'static str, hint: &str) -> Option<Url> {
    section.required_parsed(key, hint, parse)
}

/// One or more base URLs of the same service, as text or a list of texts.
pub fn base_urls(section: &mut Section, key: &'static str, hint: &str) -> Option<Vec<Url>> {
    if !section.has(key) {
        section.problem(key, "is missing", hint);
        return None;
    }
    let texts = section.texts(key)?;
    let (good, bad): (Vec<_>, Vec<_>) = texts.iter().map(|t| parse(t)).partition(Result::is_ok);
    for what in bad.into_iter().filter_map(Result::err) {
        section.problem(key, what, hint);
    }
    if texts.is_empty() {
        section.problem(key, "is an empty list", hint);
    }
    (good.len() == texts.len() && !good.is_empty())
        .then(|| good.into_iter().filter_map(Result::ok).collect())
}

fn parse(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|e| format!("is no URL: {e}"))?;
    egress::check(&url, false).map_err(|e| e.message().to_owned())?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}
