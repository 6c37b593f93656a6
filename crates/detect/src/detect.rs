//! Lines in, events out; alerts at the end.

use std::borrow::Cow;

use watchfloor_core::mask::{Masker, Mode};
use watchfloor_core::{Alert, Count, Event, EventView, TenantId, Timestamp, cut};

use crate::detectors;
use crate::readers::{Context, access_json, combined, modsecurity};
use crate::seen::{Joined, Seen};
use crate::{BadLine, ClientConfig, Format, Spec, Thresholds};

/// How much of a bad line is shown, in characters.
const SHOWN: usize = 500;

/// Reads logs of one API, event by event, and finds the attacks in them.
///
/// The order of the logs does not matter to the alerts; an audit entry whose access line came first
/// also has the right client in its event.
#[derive(Debug)]
pub struct Detect {
    tenant: TenantId,
    client: ClientConfig,
    spec: Spec,
    masker: Masker,
    thresholds: Thresholds,
    joined: Joined,
}

/// Sets up a [`Detect`].
#[derive(Debug)]
#[must_use]
pub struct Builder(Detect);

impl Builder {
    /// Whose forwarding header is believed; loopback's by default.
    pub fn client(mut self, client: ClientConfig) -> Self {
        self.0.client = client;
        self
    }

    /// What the API is. What its documents mark as sensitive is masked too.
    pub fn spec(mut self, spec: Spec) -> Self {
        for name in spec.sensitive() {
            self.0.masker = self.0.masker.and_key(name);
        }
        self.0.spec = spec;
        self
    }

    /// From when on something is an attack.
    pub fn thresholds(mut self, thresholds: Thresholds) -> Self {
        self.0.thresholds = thresholds;
        self
    }

    /// Ready to read.
    pub fn build(self) -> Detect {
        self.0
    }
}

impl Detect {
    /// For one tenant; events and alerts are masked with this masker.
    pub fn builder(tenant: TenantId, masker: Masker) -> Builder {
        Builder(Self {
            tenant,
            masker,
            client: ClientConfig::default(),
            spec: Spec::new(),
            thresholds: Thresholds::default(),
            joined: Joined::default(),
        })
    }

    /// Reads one line, without its end. `None` for a blank one; an error costs this line alone.
    ///
    /// A line that is an OCSF event already comes out as it went in.
    pub fn push_line(
        &mut self,
        format: Format,
        number: u64,
        line: &[u8],
    ) -> Result<Option<Event>, BadLine> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        self.read(format, line).map(Some).map_err(|reason| {
            let text = String::from_utf8_lossy(line);
            // Cut twice: masking looks at no more than it must, and may make text longer.
            let text = cut(&text, 8 * SHOWN, Count::Chars);
            let text = cut(&self.masker.text(&text), SHOWN, Count::Chars).into_owned();
            BadLine { number, reason, text }
        })
    }

    fn read(&mut self, format: Format, line: &[u8]) -> Result<Event, String> {
        let text = || {
            std::str::from_utf8(line)
                .map_err(|e| format!("is not UTF-8 from byte {} on", e.valid_up_to()))
        };
        match format {
            Format::ModSecurity => {
                let mut view = modsecurity::read(line, &self.context())?;
                let known = view.request_id.as_deref().and_then(|id| self.joined.client(id));
                view.client = known.or(view.client);
                Ok(self.take(view, true))
            }
            Format::Nginx => {
                let view = combined::read(text()?, &self.context())?;
                Ok(self.take(view, false))
            }
            Format::Ocsf => self.take_ocsf(line),
            Format::Json if memchr::memmem::find(line, b"\"class_uid\"").is_some() => {
                self.take_ocsf(line)
            }
            Format::Json => {
                let view = access_json::read(text()?, &self.context())?;
                Ok(self.take(view, false))
            }
        }
    }

    fn context(&self) -> Context<'_> {
        Context { client: &self.client, masker: &self.masker }
    }

    /// Completes a view, writes its document, and remembers the request.
    fn take(&mut self, mut view: EventView<'static>, audit: bool) -> Event {
        let place = self.spec.place(
            view.method.as_deref().unwrap_or_default(),
            view.path.as_deref().unwrap_or_default(),
        );
        if self.masker.mode() == Mode::Drop {
            view.raw = None;
        }
        view.tenant = Some(Cow::Owned(self.tenant.as_str().to_owned()));
        view.operation = place.operation.as_deref().map(|o| Cow::Owned(o.to_owned()));
        if place.documented {
            view.url_group = Some(Cow::Owned(place.group.to_string()));
        }
        let event = view.to_event();
        self.joined.add(Seen::new(&view, &event, place, audit));
        event
    }

    fn take_ocsf(&mut self, line: &[u8]) -> Result<Event, String> {
        let event = Event::from_json(line.to_vec(), Timestamp::EPOCH).map_err(|e| e.to_string())?;
        // Its own time stands; without one it is not known when it happened.
        if event.time() == Timestamp::EPOCH {
            return Err("has no time in milliseconds or RFC 3339".to_owned());
        }
        let mut view = event.view().map_err(|e| e.to_string())?;
        // The document stays as it is; an alert is ours, and shows no secret of it.
        let text = [&mut view.path, &mut view.user, &mut view.host, &mut view.request_id];
        for text in text.into_iter().flatten() {
            if let Cow::Owned(masked) = self.masker.text(text) {
                *text = Cow::Owned(masked);
            }
        }
        let path = view.path.as_deref().unwrap_or_default();
        let place = self.spec.place(view.method.as_deref().unwrap_or_default(), path);
        let audit = view.log_name.as_deref() == Some("audit");
        let seen = Seen::new(&view, &event, place, audit);
        self.joined.add(seen);
        Ok(event)
    }

    /// The alerts of everything that was read, in the order of their first request. The same lines
    /// give the same alerts, whatever the order of the logs.
    pub fn finish(&mut self) -> Vec<Alert> {
        let seen = self.joined.take();
        let is_proxy = |ip| self.client.trusts(ip);
        detectors::alerts(&self.tenant, &seen, &self.thresholds, is_proxy)
    }
}
