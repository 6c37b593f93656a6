use watchfloor_core::Target;
use watchfloor_core::config::Section;

/// `[client]`: whose word is believed about who the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientSettings {
    /// Proxies whose forwarding header is believed; loopback alone by default. They are never
    /// blocked either.
    pub trusted_proxies: Vec<Target>,
    /// The forwarding header's name, in lower case; `x-forwarded-for` by default.
    pub header: String,
}

impl Default for ClientSettings {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok());
        Self { trusted_proxies: loopback.collect(), header: "x-forwarded-for".into() }
    }
}

impl ClientSettings {
    pub(super) fn read(mut section: Section) -> Self {
        let mut settings = Self::default();
        if let Some(texts) = section.texts("trusted_proxies") {
            settings.trusted_proxies.clear();
            for text in texts {
                match text.parse() {
                    Ok(network) => settings.trusted_proxies.push(network),
                    Err(bad) => section.problem(
                        "trusted_proxies",
                        format!("{text:?}: {bad}"),
                        "addresses or networks, such as 10.0.0.0/8",
                    ),
                }
            }
        }
        let hint = r#"such as "x-forwarded-for", "forwarded" or "cf-connecting-ip""#;
        if let Some(header) = section.parsed("header", hint, header_name) {
            settings.header = header;
        }
        section.finish();
        settings
    }
}

#[cfg(feature = "detect")]
impl From<&ClientSettings> for watchfloor_detect::ClientConfig {
    fn from(settings: &ClientSettings) -> Self {
        Self::new(settings.trusted_proxies.clone(), &settings.header)
    }
}

/// A token of RFC 9110, in lower case.
fn header_name(text: &str) -> Result<String, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        return Err(format!("{text:?} is no name of a header"));
    }
    Ok(text.to_ascii_lowercase())
}
