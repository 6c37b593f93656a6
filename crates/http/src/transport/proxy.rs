//! Proxies: the configured one, else those of the environment.

use std::fmt;

use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;
use watchfloor_core::{Error, Kind, Result, Secret};

use crate::{Settings, auth, egress};

/// Hosts to which the environment's proxies never lead.
const THIS_HOST: &str = "localhost,127.0.0.0/8,::1";
/// The environment's proxies for https, the first that is set. As with curl.
const FOR_HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
/// And for plain http: not `HTTP_PROXY`, which a request's `Proxy` header sets under CGI.
const FOR_HTTP: [&str; 3] = ["http_proxy", "all_proxy", "ALL_PROXY"];
/// Hosts that are reached without them.
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// A proxy that requests go through: https in a tunnel (`CONNECT`) of which it sees host and port
/// alone.
#[derive(Clone, PartialEq)]
pub struct Proxy {
    url: Url,
    credential: Option<(String, Secret)>,
}

impl Proxy {
    /// A proxy at an `http` or `https` URL.
    ///
    /// [`Kind::Config`] for another URL, and for one that holds a name, a password, a path or a
    /// query.
    pub fn new(url: Url) -> Result<Self> {
        egress::check(&url, false)?;
        if url.path() != "/" {
            return Err(Error::new(Kind::Config, "has a path; a proxy is a host and a port"));
        }
        Ok(Self { url, credential: None })
    }

    /// With the name and the password that it wants (Basic). Over plain `http` to the proxy they
    /// are read by who can listen there, as everywhere with such proxies.
    pub fn with_credential(mut self, username: impl Into<String>, password: Secret) -> Self {
        self.credential = Some((username.into(), password));
        self
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", egress::authority(&self.url))
    }
}

/// A proxy, for which requests, and with which exceptions.
#[derive(Debug)]
pub(super) struct Way {
    proxy: Proxy,
    to: To,
    except: String,
}

#[derive(Debug, PartialEq)]
enum To {
    All,
    Https,
    Http,
}

/// The ways out to these URLs: through the configured proxy, else as the environment says.
pub(super) fn ways<'a>(
    settings: &Settings,
    urls: impl IntoIterator<Item = &'a Url>,
) -> Result<Vec<Way>> {
    // Who stays on this host is not told that the environment's proxy is none.
    if settings.proxy.is_none() && urls.into_iter().all(egress::is_loopback) {
        return Ok(Vec::new());
    }
    ways_in(settings, |name| std::env::var(name).ok())
}

fn ways_in(settings: &Settings, env: impl Fn(&str) -> Option<String>) -> Result<Vec<Way>> {
    let first = |names: &[&'static str]| {
        let set = |name: &&'static str| Some((*name, env(name).filter(|v| !v.trim().is_empty())?));
        names.iter().find_map(set)
    };
    let mut except = settings.no_proxy.join(",");
    if settings.proxy.is_none() {
        let list = first(&NO_PROXY).map(|(_, list)| list).unwrap_or_default();
        except = format!("{except},{list},{THIS_HOST}");
    }
    // Beneath us `*` stands for names alone, not for addresses.
    if except.split(',').any(|host| host.trim() == "*") {
        return Ok(Vec::new());
    }
    if let Some(proxy) = settings.proxy.clone() {
        return Ok(vec![Way { proxy, to: To::All, except }]);
    }
    let way = |(to, names): (To, &[&'static str])| {
        let (name, value) = first(names)?;
        let proxy = of_environment(&value).map_err(|e| {
            let what = format!("{name} in the environment: the proxy's URL {}", e.message());
            Error::new(Kind::Config, what)
        });
        Some(proxy.map(|proxy| Way { proxy, to, except: except.clone() }))
    };
    let both: [(To, &[&'static str]); 2] = [(To::Https, &FOR_HTTPS), (To::Http, &FOR_HTTP)];
    both.into_iter().filter_map(way).collect()
}

/// A proxy as the environment names it: often without a scheme, and with its password.
fn of_environment(text: &str) -> Result<Proxy> {
    let text = text.trim();
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&text).map_err(|_| Error::new(Kind::Config, "is no URL"))?;
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credential = (!url.username().is_empty())
        .then(|| (plain(url.username()), Secret::new(plain(url.password().unwrap_or_default()))));
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| Error::new(Kind::Config, "is no http or https URL"))?;
    Ok(Proxy { credential, ..Proxy::new(url)? })
}

impl Way {
    pub(super) fn is_https(&self) -> bool {
        super::is_https(&self.proxy.url)
    }

    pub(super) fn into_reqwest(self) -> Result<reqwest::Proxy> {
        let unfit = || Error::new(Kind::Config, "the proxy cannot be used");
        let url = self.proxy.url;
        let made = match self.to {
            To::All => reqwest::Proxy::all(url),
            To::Https => reqwest::Proxy::https(url),
            To::Http => reqwest::Proxy::http(url),
        };
        let made = made.map_err(|_| unfit())?;
        let made = made.no_proxy(reqwest::NoProxy::from_string(&self.except));
        let Some((username, password)) = self.proxy.credential else { return Ok(made) };
        let header: HeaderValue = auth::basic_header(&username, &password).ok_or_else(unfit)?;
        Ok(made.custom_http_auth(header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(settings: &Settings, env: &[(&str, &str)]) -> Result<Vec<String>> {
        let get = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let ways = ways_in(settings, get)?;
        Ok(ways.iter().map(|w| format!("{:?} {:?} {}", w.to, w.proxy, w.except)).collect())
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        let settings = Settings::default();
        let here = THIS_HOST;
        for (env, ways) in [
            (&[][..], vec![]),
            (&[("HTTPS_PROXY", "")], vec![]),
            (&[("HTTP_PROXY", "evil:1")], vec![]),
            (
                &[("HTTPS_PROXY", "http://p.example:3128")],
                vec![format!("Https Proxy(p.example:3128) ,,{here}")],
            ),
            (
                &[
                    ("https_proxy", "p:1"),
                    ("HTTPS_PROXY", "q:2"),
                    ("no_proxy", "a.example, 10.0.0.0/8"),
                ],
                vec![format!("Https Proxy(p:1) ,a.example, 10.0.0.0/8,{here}")],
            ),
            (
                &[("ALL_PROXY", "https://u:cnry%20pass@p")],
                vec![format!("Https Proxy(p:443) ,,{here}"), format!("Http Proxy(p:443) ,,{here}")],
            ),
        ] {
            assert_eq!(of(&settings, env).unwrap(), ways, "{env:?}");
        }
        for bad in ["socks5://p:1080", "http://u:cnry@p/path", "http://:cnry@", "http://p?cnry"] {
            let e = of(&settings, &[("HTTPS_PROXY", bad)]).unwrap_err().to_string();
            assert!(e.contains("HTTPS_PROXY") && !e.contains("cnry"), "{e}");
        }
        let with = of_environment("http://u:cnry%20pass@p").unwrap();
        assert!(with.credential == Some(("u".into(), Secret::new("cnry pass"))));
    }

    #[test]
    fn the_configured_proxy_goes_before_the_environment() {
        let settings = Settings {
            proxy: Some(Proxy::new("http://p:1".parse().unwrap()).unwrap()),
            no_proxy: vec!["a.example".into(), "10.0.0.0/8".into()],
            ..Settings::default()
        };
        let env = [("HTTPS_PROXY", "q:2"), ("NO_PROXY", "b.example")];
        assert_eq!(of(&settings, &env).unwrap(), ["All Proxy(p:1) a.example,10.0.0.0/8"]);
        let without = Settings { proxy: None, ..settings };
        let here = THIS_HOST;
        let through = format!("Https Proxy(q:2) a.example,10.0.0.0/8,b.example,{here}");
        assert_eq!(of(&without, &env).unwrap(), [through]);
        let none: [&str; 0] = [];
        assert_eq!(of(&without, &[("HTTPS_PROXY", "q:2"), ("NO_PROXY", "b, *")]).unwrap(), none);
        let nobody = Settings { no_proxy: vec!["*".into()], ..without };
        assert_eq!(of(&nobody, &env).unwrap(), none);
    }
}
