//! Commands, which are XML documents.

use std::borrow::Cow;

use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// One tag of one address.
pub(super) struct Entry {
    pub(super) register: bool,
    pub(super) ip: String,
    pub(super) tag: String,
    /// Seconds; 0 for ever.
    pub(super) timeout: u64,
    pub(super) persistent: bool,
}

/// Which registered addresses are asked for.
pub(super) struct Show {
    pub(super) tag: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) limit: usize,
    /// From one.
    pub(super) start: usize,
}

/// What happens in a document: elements with their attributes and their text, entities resolved.
trait Visitor {
    fn open(&mut self, tag: &BytesStart<'_>) -> Option<()>;
    fn close(&mut self, name: &str, text: &str) -> Option<()>;
}

/// Reads a whole document; `None` if it is not well-formed, or the visitor wants no more.
fn visit(document: &str, visitor: &mut impl Visitor) -> Option<()> {
    let mut reader = Reader::from_str(document);
    let (mut depth, mut text) = (0_usize, String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                depth += 1;
                text.clear();
                visitor.open(&tag)?;
            }
            Event::Empty(tag) => {
                visitor.open(&tag)?;
                visitor.close(tag.name().as_ref(), "")?;
            }
            Event::Text(piece) => text.push_str(&piece),
            Event::GeneralRef(name) => text.extend(["&", &name, ";"]),
            Event::End(tag) => {
                depth = depth.checked_sub(1)?;
                visitor.close(tag.name().as_ref(), &unescape(&text).ok()?)?;
                text.clear();
            }
            Event::Eof => return (depth == 0).then_some(()),
            _ => {}
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.attributes().flatten().find(|a| a.key.as_ref() == name)?;
    attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned)
}

#[derive(Default)]
struct Message {
    register: Option<bool>,
    ip: String,
    persistent: bool,
    timeout: u64,
    entries: Vec<Entry>,
}

impl Visitor for Message {
    fn open(&mut self, tag: &BytesStart<'_>) -> Option<()> {
        match tag.name().as_ref() {
            "register" => self.register = Some(true),
            "unregister" => self.register = Some(false),
            "entry" => {
                self.ip = attribute(tag, "ip")?;
                self.persistent = attribute(tag, "persistent").is_none_or(|p| p != "0");
            }
            "member" => {
                self.timeout = attribute(tag, "timeout").map_or(Some(0), |t| t.parse().ok())?;
            }
            _ => {}
        }
        Some(())
    }

    fn close(&mut self, name: &str, text: &str) -> Option<()> {
        if name == "member" {
            let (ip, tag) = (self.ip.clone(), text.to_owned());
            let (register, timeout, persistent) = (self.register?, self.timeout, self.persistent);
            self.entries.push(Entry { register, ip, tag, timeout, persistent });
        }
        Some(())
    }
}

/// The entries of a `uid-message`; `None` if it is none.
pub(super) fn entries(document: &str) -> Option<Vec<Entry>> {
    let mut message = Message::default();
    visit(document, &mut message)?;
    message.register.map(|_| message.entries)
}

struct Op {
    show: Show,
    inside: bool,
}

impl Visitor for Op {
    fn open(&mut self, tag: &BytesStart<'_>) -> Option<()> {
        match tag.name().as_ref() {
            "registered-ip" => self.inside = true,
            "entry" => self.show.tag = attribute(tag, "name"),
            _ => {}
        }
        Some(())
    }

    fn close(&mut self, name: &str, text: &str) -> Option<()> {
        match name {
            "ip" => self.show.ip = Some(text.trim().to_owned()),
            "limit" => self.show.limit = text.trim().parse().ok()?,
            "start-point" => self.show.start = text.trim().parse().ok().filter(|s| *s > 0)?,
            _ => {}
        }
        Some(())
    }
}

/// What `show object registered-ip` asks for; `None` if it is another command.
pub(super) fn registered_ip(document: &str) -> Option<Show> {
    let show = Show { tag: None, ip: None, limit: 500, start: 1 };
    let mut op = Op { show, inside: false };
    visit(document, &mut op)?;
    op.inside.then_some(op.show)
}
