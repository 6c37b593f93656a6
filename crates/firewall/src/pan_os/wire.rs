//! PAN-OS's XML, as it is written and read. Nothing here knows what it means.

use std::collections::BTreeMap;

use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer, XmlVersion};

/// The entries of one `register` or `unregister` document.
#[derive(Debug)]
pub(crate) struct Update<'a> {
    pub(crate) section: Section,
    pub(crate) tag: &'a str,
    pub(crate) entries: Vec<Entry>,
}

/// Which of the two a document does. One address never stands in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Register,
    Unregister,
}

/// One address of an update.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) ip: String,
    /// Seconds; `None` never ends. Without meaning in `unregister`.
    pub(crate) timeout: Option<u64>,
}

impl Update<'_> {
    /// The `cmd` of a `type=user-id` request.
    pub(crate) fn to_xml(&self) -> String {
        let section = match self.section {
            Section::Register => "register",
            Section::Unregister => "unregister",
        };
        let mut xml = Xml::default();
        xml.open("uid-message", &[]);
        xml.leaf("version", "2.0");
        xml.leaf("type", "update");
        xml.open("payload", &[]);
        xml.open(section, &[]);
        for entry in &self.entries {
            xml.open("entry", &[("ip", &entry.ip)]);
            xml.open("tag", &[]);
            match entry.timeout {
                Some(seconds) => xml.open("member", &[("timeout", &seconds.to_string())]),
                None => xml.open("member", &[]),
            }
            xml.text(self.tag);
            xml.close(3);
        }
        xml.close(3);
        xml.into_string()
    }
}

/// The `cmd` of a `type=op` request for one page of the addresses of a tag.
pub(crate) fn show_registered(tag: &str, limit: usize, start: usize) -> String {
    let mut xml = Xml::default();
    xml.open("show", &[]);
    xml.open("object", &[]);
    xml.open("registered-ip", &[]);
    xml.open("tag", &[]);
    let entry = BytesStart::new("entry").with_attributes([("name", tag)]);
    xml.event(Event::Empty(entry));
    xml.close(1);
    xml.leaf("limit", &limit.to_string());
    xml.leaf("start-point", &start.to_string());
    xml.close(3);
    xml.into_string()
}

/// Elements written into memory; every value is escaped.
struct Xml {
    writer: Writer<Vec<u8>>,
    open: Vec<&'static str>,
}

impl Default for Xml {
    fn default() -> Self {
        Self { writer: Writer::new(Vec::new()), open: Vec::new() }
    }
}

impl Xml {
    fn event(&mut self, event: Event<'_>) {
        // A `Vec` takes every write.
        let _ = self.writer.write_event(event);
    }

    fn open(&mut self, name: &'static str, attributes: &[(&str, &str)]) {
        let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
        self.event(Event::Start(start));
        self.open.push(name);
    }

    fn text(&mut self, text: &str) {
        self.event(Event::Text(BytesText::new(text)));
    }

    fn close(&mut self, levels: usize) {
        for _ in 0..levels {
            if let Some(name) = self.open.pop() {
                self.event(Event::End(BytesEnd::new(name)));
            }
        }
    }

    fn leaf(&mut self, name: &'static str, text: &str) {
        self.open(name, &[]);
        self.text(text);
        self.close(1);
    }

    fn into_string(mut self) -> String {
        self.close(self.open.len());
        String::from_utf8(self.writer.into_inner()).unwrap_or_default()
    }
}

/// An answer: `<response status="…" code="…">` and what of it is read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// `status`; anything but `success` is a failure.
    pub(crate) success: bool,
    /// `code`, where there is one.
    pub(crate) code: Option<u32>,
    /// The text of `msg`, its lines joined by `; `.
    pub(crate) message: String,
    /// Whether a `uid-response` stands in it: a verdict per entry.
    pub(crate) uid_response: bool,
    /// Whether the entries went to a file instead (up to PAN-OS 7.1).
    pub(crate) outfile: bool,
    /// The entries: of a list what is registered, of a `uid-response` what went wrong.
    pub(crate) entries: Vec<ReplyEntry>,
}

/// One `entry` of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplyEntry {
    pub(crate) ip: String,
    /// What is said about it, in a `uid-response`.
    pub(crate) message: String,
    /// The tags, in a list.
    pub(crate) tags: Vec<String>,
}

/// Why a body is no answer. Never holds any of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadReply(pub(crate) &'static str);

impl Reply {
    pub(crate) fn from_xml(body: &[u8]) -> Result<Self, BadReply> {
        let body = std::str::from_utf8(body).map_err(|_| BadReply("the answer is not UTF-8"))?;
        let mut reader = Reader::from_str(body);
        let mut reply = Self::default();
        let mut path: Vec<String> = Vec::new();
        let mut root = false;
        loop {
            let event = reader.read_event().map_err(|_| BadReply("the answer is no XML"))?;
            match event {
                Event::Start(start) => {
                    root |= path.is_empty();
                    reply.begin(&start, &path)?;
                    path.push(start.name().as_ref().to_owned());
                }
                Event::Empty(start) => {
                    root |= path.is_empty();
                    reply.begin(&start, &path)?;
                }
                Event::End(_) => {
                    path.pop();
                }
                Event::Text(text) => reply.text(&text.xml10_content(), &path),
                Event::CData(text) => reply.text(&text.xml10_content(), &path),
                Event::GeneralRef(r) => {
                    let c = r.resolve_char_ref().ok().flatten();
                    let c = c.or_else(|| predefined(r.as_ref()));
                    let c = c.ok_or(BadReply("the answer refers to an unknown entity"))?;
                    reply.text(c.encode_utf8(&mut [0; 4]), &path);
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        if !root || !path.is_empty() {
            return Err(BadReply("the answer ends too early"));
        }
        Ok(reply)
    }

    fn begin(&mut self, start: &BytesStart<'_>, path: &[String]) -> Result<(), BadReply> {
        let name = start.name();
        let name: &str = name.as_ref();
        if path.is_empty() && name != "response" {
            return Err(BadReply("the answer is no <response>"));
        }
        match name {
            "response" if path.is_empty() => {
                let mut at = attributes(start)?;
                self.success = at.get("status").is_some_and(|s| s == "success");
                self.code = at.remove("code").and_then(|code| code.parse().ok());
            }
            "uid-response" => self.uid_response = true,
            "outfile" => self.outfile = true,
            "entry" => {
                let mut at = attributes(start)?;
                self.entries.push(ReplyEntry {
                    ip: at.remove("ip").unwrap_or_default(),
                    message: at.remove("message").unwrap_or_default(),
                    tags: Vec::new(),
                });
            }
            "member" if inside(path, "entry") => {
                if let Some(entry) = self.entries.last_mut() {
                    entry.tags.push(String::new());
                }
            }
            "line" if !self.message.is_empty() => self.message.push_str("; "),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str, path: &[String]) {
        if inside(path, "uid-response") || path.is_empty() {
            return;
        }
        let tag = self.entries.last_mut().and_then(|entry| entry.tags.last_mut());
        if let (Some("member"), Some(tag)) = (path.last().map(String::as_str), tag) {
            tag.push_str(text);
        } else if inside(path, "msg") && (!text.trim().is_empty() || !self.message.is_empty()) {
            self.message.push_str(text);
        }
    }
}

fn inside(path: &[String], name: &str) -> bool {
    path.iter().any(|p| p == name)
}

fn attributes(start: &BytesStart<'_>) -> Result<BTreeMap<String, String>, BadReply> {
    let bad = BadReply("the answer has an attribute that is none");
    start
        .attributes()
        .map(|attribute| {
            let attribute = attribute.map_err(|_| bad)?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| bad)?;
            let key: &str = attribute.key.as_ref();
            Ok((key.to_owned(), value.into_owned()))
        })
        .collect()
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(ip: &str, timeout: Option<u64>) -> Entry {
        Entry { ip: ip.to_owned(), timeout }
    }

    #[test]
    fn register_has_the_documented_shape() {
        let update = Update {
            section: Section::Register,
            tag: "siem-block",
            entries: vec![entry("203.0.113.7", Some(3600)), entry("198.51.100.0/24", None)],
        };
        assert_eq!(
            update.to_xml(),
            "<uid-message><version>2.0</version><type>update</type><payload><register>\
             <entry ip=\"203.0.113.7\"><tag><member timeout=\"3600\">siem-block</member></tag></entry>\
             <entry ip=\"198.51.100.0/24\"><tag><member>siem-block</member></tag></entry>\
             </register></payload></uid-message>"
        );
    }

    #[test]
    fn list_has_the_documented_shape() {
        assert_eq!(
            show_registered("siem-block", 500, 1),
            "<show><object><registered-ip><tag><entry name=\"siem-block\"/></tag>\
             <limit>500</limit><start-point>1</start-point></registered-ip></object></show>"
        );
    }

    #[test]
    fn success_and_failure_are_told_apart_by_the_body() {
        let ok = Reply::from_xml(
            b"<response status=\"success\"><result><uid-response><version>2.0</version><payload>\
              <register></register></payload></uid-response></result></response>",
        )
        .unwrap();
        assert!(ok.success && ok.uid_response && ok.entries.is_empty() && ok.message.is_empty());
        let bad = Reply::from_xml(
            b"<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>",
        )
        .unwrap();
        assert!(!bad.success);
        assert_eq!((bad.code, bad.message.as_str()), (Some(403), "Invalid Credential"));
    }

    #[test]
    fn a_message_is_read_wherever_it_stands() {
        for (body, message) in [
            (
                "<response status='error'><msg><line>a</line><line>b &amp; c</line></msg></response>",
                "a; b & c",
            ),
            ("<response status='error'><msg>a</msg></response>", "a"),
            ("<response status='error'><result><msg><line>a</line></msg></result></response>", "a"),
            ("<response status='error'><msg><line><line>a</line></line></msg></response>", "a"),
            ("<response status='error'><msg><line><![CDATA[<a>]]></line></msg></response>", "<a>"),
        ] {
            assert_eq!(Reply::from_xml(body.as_bytes()).unwrap().message, message, "{body}");
        }
    }

    #[test]
    fn entries_of_a_list_carry_their_tags() {
        let reply = Reply::from_xml(
            b"<response status=\"success\"><result><entry from_agent=\"0\" ip=\"192.168.1.1\" persistent=\"1\">\
              <tag><member>a</member><member>b&amp;c</member></tag></entry><count>1</count></result></response>",
        )
        .unwrap();
        let tags = vec!["a".to_owned(), "b&c".to_owned()];
        assert_eq!(
            reply.entries,
            [ReplyEntry { ip: "192.168.1.1".into(), message: String::new(), tags }]
        );
    }

    #[test]
    fn what_is_no_answer_is_named() {
        for (body, why) in [
            (&b""[..], "too early"),
            (b"<response status='success'><result>", "too early"),
            (b"<html></html>", "no <response>"),
            (b"{}", "too early"),
            (b"<response status='success'></result>", "no XML"),
            (b"<response status='success'>&xxe;</response>", "unknown entity"),
            (b"\xff\xfe", "not UTF-8"),
        ] {
            let BadReply(said) = Reply::from_xml(body).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_one_value_of_its_element(tag in "[ -~]{1,40}", ip in "[ -~]{0,40}") {
            let update = Update {
                section: Section::Unregister,
                tag: &tag,
                entries: vec![Entry { ip: ip.clone(), timeout: None }],
            };
            let answer = format!("<response status=\"success\">{}</response>", update.to_xml());
            let reply = Reply::from_xml(answer.as_bytes()).unwrap();
            prop_assert_eq!(&reply.entries[0].ip, &ip);
            prop_assert_eq!(&reply.entries[0].tags, &[tag]);
            prop_assert_eq!(reply.entries.len(), 1);
        }

        #[test]
        fn foreign_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reply::from_xml(&body);
        }
    }
}
