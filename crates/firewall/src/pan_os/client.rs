use watchfloor_core::{Call, Error, Health, Kind, Outcome, Result};
use watchfloor_http::{Client, Repeat};

use super::wire::{BadReply, Reply, Section, Update, show_registered};

/// The calls of the XML API that are used, each a POST of a form to `/api/`.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    vsys: String,
}

impl Api {
    pub(crate) fn new(client: Client, vsys: String) -> Self {
        Self { client, vsys }
    }

    /// A check's health with what the connection showed.
    pub(crate) fn health(&self, found: Health) -> Health {
        self.client.health(found)
    }

    /// Registers or unregisters addresses.
    pub(crate) async fn update(
        &self,
        call: &Call,
        update: &Update<'_>,
        repeat: Repeat,
    ) -> Result<Reply> {
        let operation = match update.section {
            Section::Register => "pan_os.register",
            Section::Unregister => "pan_os.unregister",
        };
        self.command(call, operation, "user-id", &update.to_xml(), repeat).await
    }

    /// One page of the addresses that are registered with a tag; `start` counts from one.
    pub(crate) async fn registered(
        &self,
        call: &Call,
        tag: &str,
        limit: usize,
        start: usize,
    ) -> Result<Reply> {
        let show = show_registered(tag, limit, start);
        self.command(call, "pan_os.list", "op", &show, Repeat::Harmless).await
    }

    async fn command(
        &self,
        call: &Call,
        operation: &'static str,
        kind: &str,
        cmd: &str,
        repeat: Repeat,
    ) -> Result<Reply> {
        let form = [("type", kind), ("vsys", self.vsys.as_str()), ("cmd", cmd)];
        let request = self.client.post("api/", operation, repeat);
        let request = request.header("accept", "application/xml").form(&form);
        let answer = request.send(call).await?;
        Reply::from_xml(&answer.body).map_err(|BadReply(why)| {
            Error::new(Kind::Protocol, why)
                .with_outcome(Outcome::Unknown)
                .with_operation(operation)
                .with_connector(self.client.name())
        })
    }
}
