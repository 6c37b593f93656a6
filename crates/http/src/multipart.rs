//! Forms with files.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use memchr::memmem;
use watchfloor_core::{Error, Kind, Result, random};

/// A form as browsers send it (`multipart/form-data`, RFC 7578): fields and files, held in memory,
/// so that every attempt sends the same bytes. Sent with
/// [`Request::multipart`](crate::Request::multipart).
///
/// Names are written as UTF-8 with `"` and line breaks percent-encoded, as RFC 7578 §4.2 and HTML
/// have it; the `filename*` of RFC 5987 and the encoded words of RFC 2047 are not for forms.
/// `Debug` shows no name and no content.
#[derive(Clone, Default)]
pub struct Form {
    parts: Vec<Part>,
}

#[derive(Clone)]
struct Part {
    name: String,
    /// Its name and type.
    file: Option<(String, String)>,
    content: Bytes,
}

impl Form {
    /// A form without a field.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub fn text(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let content = value.into().into_bytes().into();
        self.parts.push(Part { name: name.into(), file: None, content });
        self
    }

    /// Adds a file with its own name and content type.
    pub fn file(
        mut self,
        name: impl Into<String>,
        file_name: impl Into<String>,
        content_type: impl Into<String>,
        content: Bytes,
    ) -> Self {
        let file = Some((file_name.into(), content_type.into()));
        self.parts.push(Part { name: name.into(), file, content });
        self
    }

    /// The content type and the body.
    pub(crate) fn encode(&self) -> Result<(HeaderValue, Bytes)> {
        let boundary = self.boundary();
        let size: usize = self.parts.iter().map(|p| p.content.len() + 256).sum();
        let mut body = Vec::with_capacity(size + 64);
        for Part { name, file, content } in &self.parts {
            let name = escaped(name, "field")?;
            let head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"");
            body.extend_from_slice(head.as_bytes());
            if let Some((file_name, content_type)) = file {
                let file_name = escaped(file_name, "file")?;
                if content_type.is_empty() || HeaderValue::from_str(content_type).is_err() {
                    return Err(Error::new(Kind::Invalid, "a file's content type is none"));
                }
                let head = format!("; filename=\"{file_name}\"\r\ncontent-type: {content_type}");
                body.extend_from_slice(head.as_bytes());
            }
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let content_type =
            HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
                .map_err(|_| Error::new(Kind::Internal, "the boundary is no header value"))?;
        Ok((content_type, body.into()))
    }

    /// A random text that no content holds.
    fn boundary(&self) -> String {
        loop {
            let random = random::key().first_chunk().map_or(0, |c| u128::from_be_bytes(*c));
            let boundary = format!("wf-{random:032x}");
            let held = |p: &Part| memmem::find(&p.content, boundary.as_bytes()).is_some();
            if !self.parts.iter().any(held) {
                return boundary;
            }
        }
    }
}

fn escaped(name: &str, what: &str) -> Result<String> {
    let control = |c: char| c.is_control() && !matches!(c, '\r' | '\n');
    if name.is_empty() || name.contains(control) {
        let what = format!("the name of a {what} is empty or holds a control character");
        return Err(Error::new(Kind::Invalid, what));
    }
    Ok(name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A"))
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} parts)", self.parts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_rfc_7578_has_it() {
        let form = Form::new().text("comment", "grüße").file(
            "file",
            "a \"b\"\r\nX: é.txt",
            "text/plain; charset=utf-8",
            Bytes::from_static(b"--wf-\r\n\0\xff"),
        );
        let (content_type, body) = form.encode().unwrap();
        let boundary =
            content_type.to_str().unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
        let want = [
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"comment\"\r\n\r\ngrüße\r\n"
            )
            .into_bytes(),
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; \
                 filename=\"a %22b%22%0D%0AX: é.txt\"\r\n\
                 content-type: text/plain; charset=utf-8\r\n\r\n"
            )
            .into_bytes(),
            b"--wf-\r\n\0\xff\r\n".to_vec(),
            format!("--{boundary}--\r\n").into_bytes(),
        ]
        .concat();
        assert_eq!(body, want);
        assert_ne!(form.encode().unwrap().0, content_type, "another boundary each time");
        assert!(!format!("{form:?}").contains("gr"));
    }

    #[test]
    fn what_would_break_out_of_a_head_is_refused() {
        let file = |name: &str, kind: &str| {
            Form::new().file("f", name, kind, Bytes::new()).encode().map(|_| ())
        };
        assert!(file("a.txt", "text/plain").is_ok());
        for (name, kind) in
            [("", "text/plain"), ("a\0", "text/plain"), ("a", "text/plain\r\nx: y"), ("a", "")]
        {
            assert_eq!(file(name, kind).unwrap_err().kind(), Kind::Invalid, "{name:?} {kind:?}");
        }
    }
}
