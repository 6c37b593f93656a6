//! The XML API of PAN-OS: registered addresses.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use watchfloor_core::{Clock, Timestamp};

use crate::{Answer, Fault, Request, Twin};

/// A firewall with one API key.
#[derive(Debug)]
pub struct PanOs {
    clock: Arc<dyn Clock>,
    key: String,
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    revoked: bool,
    forbidden: bool,
    /// By address and tag.
    registered: BTreeMap<(String, String), Option<Timestamp>>,
}

/// An address as the firewall holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registered {
    /// The address, network or range, as it was registered.
    pub ip: String,
    /// The tag.
    pub tag: String,
    /// When it expires; `None` for never.
    pub expires: Option<Timestamp>,
}

impl PanOs {
    /// A firewall that accepts this key.
    pub fn new(clock: Arc<dyn Clock>, key: &str) -> Self {
        Self { clock, key: key.to_owned(), capacity: 100_000, state: Mutex::default() }
    }

    /// With room for so many addresses.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Takes the administrator's role away.
    pub fn forbid(&self) {
        self.lock().forbidden = true;
    }

    /// Registers an address as somebody else would.
    pub fn register(&self, ip: &str, tag: &str, expires: Option<Timestamp>) {
        self.lock().registered.insert((ip.to_owned(), tag.to_owned()), expires);
    }

    /// What is registered and has not expired.
    pub fn held(&self) -> Vec<Registered> {
        let mut state = self.lock();
        state.expire(self.clock.now());
        let held = state.registered.iter().map(|((ip, tag), expires)| Registered {
            ip: ip.clone(),
            tag: tag.clone(),
            expires: *expires,
        });
        held.collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn user_id(&self, command: &str) -> Answer {
        let Some(entries) = entries(command) else {
            return failure(17, "Invalid command");
        };
        let now = self.clock.now();
        let mut state = self.lock();
        state.expire(now);
        let mut messages: [String; 2] = Default::default();
        for entry in entries {
            let key = (entry.ip.clone(), entry.tag.clone());
            let message = if entry.register {
                if state.registered.contains_key(&key) {
                    Some(format!("tag {} already exists, ignore", entry.tag))
                } else if state.registered.len() >= self.capacity || !is_target(&entry.ip) {
                    Some("Failed to register".to_owned())
                } else {
                    let expires = (entry.timeout > 0)
                        .then(|| now.saturating_add(Duration::from_secs(entry.timeout)));
                    state.registered.insert(key, expires);
                    None
                }
            } else {
                let gone = state.registered.remove(&key).is_some();
                (!gone).then(|| format!("tag {} does not exist, ignore unreg", entry.tag))
            };
            if let Some(message) = message {
                let list = &mut messages[usize::from(entry.register)];
                let _ = write!(list, "<entry ip=\"{}\" message=\"{message}\"/>", entry.ip);
            }
        }
        let [unregister, register] = messages;
        if unregister.is_empty() && register.is_empty() {
            return xml(
                200,
                "<response status=\"success\"><result><uid-response><version>2.0</version>\
                 <payload></payload></uid-response></result></response>",
            );
        }
        // A failure of some entries is a 200: those that are not listed were applied.
        xml(
            200,
            &format!(
                "<response status=\"error\"><msg><line><uid-response><version>2.0</version>\
                 <payload><unregister>{unregister}</unregister><register>{register}</register>\
                 </payload></uid-response></line></msg></response>"
            ),
        )
    }

    fn show(&self, command: &str) -> Answer {
        let Some(show) = registered_ip(command) else {
            return failure(17, "Invalid command");
        };
        let mut state = self.lock();
        state.expire(self.clock.now());
        let matching =
            state.registered.keys().filter(|(_, tag)| show.tag.as_ref().is_none_or(|t| t == tag));
        let page: Vec<_> = matching.skip(show.start.saturating_sub(1)).take(show.limit).collect();
        let mut entries = String::new();
        for (ip, tag) in &page {
            let _ = write!(
                entries,
                "<entry ip=\"{ip}\" from_agent=\"0\" persistent=\"1\"><tag><member>{tag}</member>\
                 </tag></entry>"
            );
        }
        let count = page.len();
        xml(
            200,
            &format!(
                "<response status=\"success\"><result>{entries}<count>{count}</count></result>\
                 </response>"
            ),
        )
    }
}

impl State {
    fn expire(&mut self, now: Timestamp) {
        self.registered.retain(|_, expires| expires.is_none_or(|e| now < e));
    }
}

/// A host, or a network of IPv4.
fn is_target(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let Some((ip, len)) = text.split_once('/') else { return false };
    ip.parse::<std::net::Ipv4Addr>().is_ok() && len.parse::<u8>().is_ok_and(|l| l <= 32)
}

struct Entry {
    register: bool,
    ip: String,
    tag: String,
    timeout: u64,
}

/// The entries of a `uid-message`; `None` if it is none.
fn entries(command: &str) -> Option<Vec<Entry>> {
    let mut reader = Reader::from_str(command);
    let (mut register, mut ip, mut timeout) = (None, String::new(), 0);
    let mut member = false;
    let mut entries = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => match tag.name().as_ref() {
                "register" => register = Some(true),
                "unregister" => register = Some(false),
                "entry" => ip = attribute(&tag, "ip")?,
                "member" => {
                    member = true;
                    timeout = attribute(&tag, "timeout").map_or(Some(0), |t| t.parse().ok())?;
                }
                _ => {}
            },
            Event::Text(text) if member => {
                let tag = text.to_string();
                entries.push(Entry { register: register?, ip: ip.clone(), tag, timeout });
            }
            Event::End(tag) if tag.name().as_ref() == "member" => member = false,
            Event::Eof => break,
            _ => {}
        }
    }
    register.map(|_| entries)
}

struct Show {
    tag: Option<String>,
    limit: usize,
    start: usize,
}

fn registered_ip(command: &str) -> Option<Show> {
    let mut reader = Reader::from_str(command);
    let mut show = Show { tag: None, limit: 500, start: 1 };
    let (mut inside, mut element) = (false, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                inside |= tag.name().as_ref() == "registered-ip";
                if tag.name().as_ref() == "entry" {
                    show.tag = attribute(&tag, "name");
                }
                tag.name().as_ref().clone_into(&mut element);
            }
            Event::Empty(tag) if tag.name().as_ref() == "entry" => {
                show.tag = attribute(&tag, "name");
            }
            Event::Text(text) => match element.as_str() {
                "limit" => show.limit = text.trim().parse().ok()?,
                "start-point" => show.start = text.trim().parse().ok()?,
                _ => {}
            },
            Event::End(_) => element.clear(),
            Event::Eof => break,
            _ => {}
        }
    }
    inside.then_some(show)
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.attributes().flatten().find(|a| a.key.as_ref() == name)?;
    Some(attribute.value.into_owned())
}

fn xml(status: u16, body: &str) -> Answer {
    Answer::new(status).body("application/xml; charset=UTF-8", body.to_owned())
}

fn failure(code: u32, message: &str) -> Answer {
    xml(
        200,
        &format!(
            "<response status=\"error\" code=\"{code}\"><msg><line>{message}</line></msg></response>"
        ),
    )
}

impl Twin for PanOs {
    fn operation(&self, request: &Request) -> &'static str {
        let field = |key| request.field(key).or_else(|| request.param(key)).unwrap_or_default();
        match field("type").as_str() {
            "user-id" if field("cmd").contains("<unregister>") => "unregister",
            "user-id" => "register",
            "op" => "list",
            "keygen" => "keygen",
            _ => "unknown",
        }
    }

    fn handle(&self, request: &Request, fault: Option<&Fault>) -> Answer {
        if matches!(fault, Some(Fault::ExpireCredential)) {
            self.lock().revoked = true;
        }
        let field = |key| request.field(key).or_else(|| request.param(key));
        let key = request.header("x-pan-key").map(str::to_owned).or_else(|| field("key"));
        {
            let state = self.lock();
            if key.as_deref() != Some(&self.key) || state.revoked {
                return xml(
                    403,
                    "<response status = 'error' code = '403'><result><msg>Invalid Credential</msg>\
                     </result></response>",
                );
            }
            if state.forbidden {
                return failure(16, "Unauthorized request");
            }
        }
        let command = field("cmd").unwrap_or_default();
        match self.operation(request) {
            "register" | "unregister" => self.user_id(&command),
            "list" => self.show(&command),
            _ => failure(400, "Bad request"),
        }
    }
}
