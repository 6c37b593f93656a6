//! `auth = { type = … }` in a connector's section.

use url::Url;
use watchfloor_core::config::Section;

use super::Auth;
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

impl Auth {
    /// Reads the `auth` table of a connector's section, which must be there; `None` if something
    /// was reported.
    ///
    /// | `type` | keys |
    /// |---|---|
    /// | `basic` | `username`, `password` |
    /// | `bearer` | `token` |
    /// | `api_key` | `key`; `header` (default: `Authorization: ApiKey …`) |
    /// | `oauth2` | `grant = "client_credentials"`, `token_url`, `client_id`, `client_secret`; `scope` |
    /// | `none` | |
    pub fn read(connector: &mut Section) -> Option<Self> {
        if !connector.has("auth") {
            connector.problem("auth", "is missing", r#"such as { type = "basic", … }"#);
            return None;
        }
        let mut section = connector.section("auth")?;
        let auth = Self::read_type(&mut section);
        section.finish();
        auth
    }

    fn read_type(section: &mut Section) -> Option<Self> {
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
                let header = section.text("header");
                let key = section.required_secret("key")?;
                Some(match header {
                    Some(name) => Self::header(name, key),
                    None => Self::scheme("ApiKey", key),
                })
            }
            Type::OAuth2 => {
                if !section.has("grant") {
                    section.problem("grant", "is missing", r#"write "client_credentials""#);
                }
                let grant = section.one_of("grant", &[("client_credentials", ())]);
                let url = section.required_parsed("token_url", "an https URL", token_url);
                let id = section.required_text("client_id");
                let secret = section.required_secret("client_secret");
                let scope = section.text("scope");
                grant?;
                Some(Self::client_credentials(url?, id?, secret?, scope))
            }
        }
    }
}

fn token_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "is no URL".to_owned())?;
    egress::check(&url, true).map_err(|e| e.message().to_owned())?;
    Ok(url)
}
