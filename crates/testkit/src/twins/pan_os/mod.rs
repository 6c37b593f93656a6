//! The XML API of PAN-OS: registered addresses.

mod command;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_xml::escape::escape;
use watchfloor_core::{Clock, Timestamp};

use crate::{Answer, Fault, Request, Twin};

use command::{Entry, Show, entries, registered_ip};

/// The longest time after which a tag expires: 30 days, in seconds.
const MAX_TIMEOUT: u64 = 2_592_000;

/// The largest request, in bytes.
const MAX_BODY: usize = 5 << 20;

/// How many tags an address may have.
const MAX_TAGS: usize = 32;

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
    /// By address, then by tag.
    registered: BTreeMap<String, BTreeMap<String, Registration>>,
}

#[derive(Debug)]
struct Registration {
    expires: Option<Timestamp>,
    persistent: bool,
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
        let registration = Registration { expires, persistent: true };
        let mut state = self.lock();
        state.registered.entry(ip.to_owned()).or_default().insert(tag.to_owned(), registration);
    }

    /// What is registered and has not expired.
    pub fn held(&self) -> Vec<Registered> {
        let mut state = self.lock();
        state.expire(self.clock.now());
        let of = |(ip, tags): (&String, &BTreeMap<String, Registration>)| -> Vec<Registered> {
            let held = tags.iter().map(|(tag, registration)| Registered {
                ip: ip.clone(),
                tag: tag.clone(),
                expires: registration.expires,
            });
            held.collect()
        };
        state.registered.iter().flat_map(of).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A failure of some entries is a 200: those that are not listed were applied.
    fn user_id(&self, command: &str, at_most: usize) -> Answer {
        let Some(entries) = entries(command) else {
            return failure(17, "Invalid command");
        };
        if entries.iter().any(|e| e.timeout > MAX_TIMEOUT || !is_tag(&e.tag)) {
            return failure(17, "Invalid command");
        }
        let now = self.clock.now();
        let mut state = self.lock();
        state.expire(now);
        let [mut register, mut unregister] = [String::new(), String::new()];
        for entry in entries.into_iter().take(at_most) {
            let list = if entry.register { &mut register } else { &mut unregister };
            let ip = escape(entry.ip.clone()).into_owned();
            if let Err(message) = state.change(entry, self.capacity, now) {
                let message = escape(message);
                let _ = write!(list, "<entry ip=\"{ip}\" message=\"{message}\"/>");
            }
        }
        if unregister.is_empty() && register.is_empty() {
            return xml(
                200,
                "<response status=\"success\"><result><uid-response><version>2.0</version>\
                 <payload></payload></uid-response></result></response>",
            );
        }
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
        let page = state.page(&show);
        let mut entries = String::new();
        for (ip, (tags, persistent)) in &page {
            let (ip, persistent) = (escape(*ip), u8::from(*persistent));
            let _ = write!(
                entries,
                "<entry ip=\"{ip}\" from_agent=\"0\" persistent=\"{persistent}\"><tag>"
            );
            for tag in tags {
                let _ = write!(entries, "<member>{}</member>", escape(*tag));
            }
            entries.push_str("</tag></entry>");
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

/// Addresses, each with the tags that it has and whether it outlives a restart.
type Page<'s> = Vec<(&'s str, (Vec<&'s str>, bool))>;

impl State {
    fn expire(&mut self, now: Timestamp) {
        self.registered.retain(|_, tags| {
            tags.retain(|_, r| r.expires.is_none_or(|e| now < e));
            !tags.is_empty()
        });
    }

    fn change(&mut self, entry: Entry, capacity: usize, now: Timestamp) -> Result<(), String> {
        let Entry { register, ip, tag, timeout, persistent } = entry;
        let full = self.registered.len() >= capacity && !self.registered.contains_key(&ip);
        if !register {
            let tags = self.registered.get_mut(&ip);
            let gone = tags.and_then(|tags| tags.remove(&tag)).map(drop);
            if self.registered.get(&ip).is_some_and(BTreeMap::is_empty) {
                self.registered.remove(&ip);
            }
            return gone.ok_or_else(|| format!("tag {tag} does not exist, ignore unreg"));
        }
        if full || !is_target(&ip) {
            return Err("Failed to register".to_owned());
        }
        let tags = self.registered.entry(ip).or_default();
        if tags.contains_key(&tag) {
            return Err(format!("tag {tag} already exists, ignore"));
        }
        if tags.len() >= MAX_TAGS {
            return Err("Failed to register".to_owned());
        }
        let expires = (timeout > 0).then(|| now.saturating_add(Duration::from_secs(timeout)));
        tags.insert(tag, Registration { expires, persistent });
        Ok(())
    }

    fn page(&self, show: &Show) -> Page<'_> {
        let asked = |ip: &str| show.ip.as_ref().is_none_or(|i| i == ip);
        let addresses = self.registered.iter().filter(|(ip, _)| asked(ip));
        let addresses = addresses.filter_map(|(ip, tags)| {
            let tags: Vec<_> = tags
                .iter()
                .filter(|(t, _)| show.tag.as_ref().is_none_or(|tag| tag == *t))
                .collect();
            let names: Vec<_> = tags.iter().map(|(tag, _)| tag.as_str()).collect();
            let persistent = tags.iter().any(|(_, r)| r.persistent);
            (!tags.is_empty()).then_some((ip.as_str(), (names, persistent)))
        });
        addresses.skip(show.start - 1).take(show.limit).collect()
    }
}

/// A host, or a network or range of IPv4.
fn is_target(text: &str) -> bool {
    if let Some((ip, len)) = text.split_once('/') {
        return ip.parse::<Ipv4Addr>().is_ok() && len.parse::<u8>().is_ok_and(|l| l <= 32);
    }
    if let Some((from, to)) = text.split_once('-') {
        let ends = (from.parse::<Ipv4Addr>(), to.parse::<Ipv4Addr>());
        return matches!(ends, (Ok(from), Ok(to)) if from <= to);
    }
    text.parse::<IpAddr>().is_ok()
}

fn is_tag(tag: &str) -> bool {
    (1..=127).contains(&tag.chars().count()) && !tag.contains(['"', '\'']) && !tag.contains("  ")
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
        if request.body.len() > MAX_BODY {
            return failure(400, "Bad request");
        }
        let command = field("cmd").unwrap_or_default();
        let at_most = match fault {
            Some(Fault::ResetAmid(n)) => *n,
            _ => usize::MAX,
        };
        match self.operation(request) {
            "register" | "unregister" => self.user_id(&command, at_most),
            "list" => self.show(&command),
            _ => failure(400, "Bad request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestClock;

    fn bench() -> (TestClock, PanOs) {
        let clock = TestClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let twin = PanOs::new(Arc::new(clock.clone()), "K");
        (clock, twin)
    }

    fn ask(twin: &PanOs, kind: &str, cmd: &str) -> String {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("type", kind), ("cmd", cmd)])
            .finish();
        let request = Request::of("POST", "/api/", &[("x-pan-key", "K")], body.into());
        let answer = twin.handle(&request, None);
        String::from_utf8(answer.bytes().to_vec()).unwrap()
    }

    fn user_id(twin: &PanOs, what: &str, ip: &str, member: &str) -> String {
        let cmd = format!(
            "<uid-message><type>update</type><payload><{what}><entry ip=\"{ip}\"><tag>{member}</tag>\
             </entry></{what}></payload></uid-message>"
        );
        ask(twin, "user-id", &cmd)
    }

    fn list(twin: &PanOs, filter: &str) -> String {
        let cmd = format!("<show><object><registered-ip>{filter}</registered-ip></object></show>");
        ask(twin, "op", &cmd)
    }

    #[test]
    fn a_second_registration_leaves_the_first_expiry() {
        let (clock, twin) = bench();
        let member = "<member timeout=\"60\">block</member>";
        assert!(user_id(&twin, "register", "203.0.113.7", member).contains("success"));
        clock.advance(Duration::from_secs(59));
        let again = user_id(&twin, "register", "203.0.113.7", member);
        assert!(again.contains("message=\"tag block already exists, ignore\""), "{again}");
        assert_eq!(twin.held().len(), 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(twin.held(), []);
        let gone = user_id(&twin, "unregister", "203.0.113.7", "<member>block</member>");
        assert!(gone.contains("does not exist, ignore unreg"), "{gone}");
    }

    #[test]
    fn entities_are_resolved_and_written_again() {
        let (_, twin) = bench();
        let member = "<member>a &amp; &#98;&lt;/member&gt;</member>";
        assert!(user_id(&twin, "register", "203.0.113.7", member).contains("success"));
        assert_eq!(twin.held()[0].tag, "a & b</member>");
        let listed = list(&twin, "<tag><entry name=\"a &amp; b&lt;/member&gt;\"/></tag>");
        assert!(listed.contains("<member>a &amp; b&lt;/member&gt;</member>"), "{listed}");
    }

    #[test]
    fn pages_are_of_addresses_and_begin_at_one() {
        let (_, twin) = bench();
        for ip in ["203.0.113.1", "203.0.113.2", "203.0.113.3"] {
            twin.register(ip, "block", None);
            twin.register(ip, "other", None);
        }
        let count = |filter: &str| list(&twin, filter).matches("<entry ").count();
        assert_eq!(count("<limit>2</limit><start-point>1</start-point>"), 2);
        assert_eq!(count("<limit>2</limit><start-point>3</start-point>"), 1);
        assert_eq!(count("<ip>203.0.113.2</ip>"), 1);
        assert_eq!(list(&twin, "<ip>203.0.113.2</ip>").matches("<member>").count(), 2);
        assert!(list(&twin, "<start-point>0</start-point>").contains("code=\"17\""));
    }

    #[test]
    fn what_it_cannot_take_is_said() {
        let (_, twin) = bench();
        let twin = twin.capacity(1);
        let ok = "<member>block</member>";
        let full = "Failed to register";
        for (ip, member, said) in [
            ("2001:db8::/64", ok, full),
            ("203.0.113.9-203.0.113.1", ok, full),
            ("203.0.113.1", "<member timeout=\"2592001\">block</member>", "code=\"17\""),
            ("203.0.113.1", "<member></member>", "code=\"17\""),
            ("203.0.113.1-203.0.113.9", ok, "success"),
            ("203.0.113.1-203.0.113.9", "<member>other</member>", "success"),
            ("203.0.113.77", ok, full),
        ] {
            let answer = user_id(&twin, "register", ip, member);
            assert!(answer.contains(said), "{ip} {member}: {answer}");
        }
        assert!(ask(&twin, "user-id", "<uid-message><payload><register>").contains("code=\"17\""));
    }
}
