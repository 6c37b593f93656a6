//! The calls, one request each.

use bytes::Bytes;
use watchfloor_core::{Call, Health, Kind, Result, Stage};
use watchfloor_http::{Attempts, Client, Repeat, Reply, segment};

use crate::map::OpType;
use crate::wire::{FILTER_PATH, HasPrivileges, IndexPrivileges, Privileges};

#[derive(Debug)]
pub(crate) struct Cluster {
    http: Client,
    target: String,
    operation: OpType,
}

impl Cluster {
    pub(crate) fn new(http: Client, target: String, operation: OpType) -> Self {
        Self { http, target, operation }
    }

    pub(crate) fn attempts(&self, call: &Call) -> Attempts {
        self.http.attempts(call)
    }

    /// Sends operations. Keyed: with our ids a second arrival has no effect, with `index`
    /// none that shows in the document.
    pub(crate) async fn bulk(&self, body: Bytes, attempts: &mut Attempts) -> Result<Reply> {
        self.http
            .post(&format!("{}/_bulk", segment(&self.target)), "elastic.bulk", Repeat::Keyed)
            .query("filter_path", FILTER_PATH)
            .header("accept", "application/json")
            .body("application/x-ndjson", body)
            .send_on(attempts)
            .await
    }

    /// Who we are, and whether we may create documents in the target.
    pub(crate) async fn check(&self, call: &Call) -> Health {
        self.http.health(self.look(call).await)
    }

    async fn look(&self, call: &Call) -> Health {
        let privilege = self.operation.privilege();
        let grant = format!("grant {privilege} and auto_configure on {}", self.target);
        let who =
            self.http.get("_security/_authenticate", "elastic.check").send(call).await.map(drop);
        match who {
            Ok(()) => {}
            // A cluster without security, and OpenSearch, have no such call: they did answer.
            Err(e) if matches!(e.kind(), Kind::NotFound | Kind::Invalid) => {
                return Health::new()
                    .good(Stage::Reachable, "a cluster answered")
                    .unknown(Stage::Authenticated, "this product cannot be asked who we are")
                    .unknown(Stage::Authorised, "only a write can tell");
            }
            Err(e) => return Health::of_error(&e, &grant),
        }
        let health = Health::new()
            .good(Stage::Reachable, "a cluster answered")
            .good(Stage::Authenticated, "the credential is accepted");
        match self.may_create(call).await {
            Ok(true) => {
                health.good(Stage::Authorised, format!("may create documents in {}", self.target))
            }
            Ok(false) => {
                let why = format!("may not create documents in {}", self.target);
                health.bad(Stage::Authorised, why, grant)
            }
            Err(e) => health.unknown(Stage::Authorised, e.to_string()),
        }
    }

    async fn may_create(&self, call: &Call) -> Result<bool> {
        let privileges = [self.operation.privilege()];
        let ask = HasPrivileges { index: [IndexPrivileges { names: [&self.target], privileges }] };
        let answer: Privileges = self
            .http
            .post("_security/user/_has_privileges", "elastic.check", Repeat::Harmless)
            .json(&ask)
            .read(call)
            .await?;
        Ok(answer.has_all_requested)
    }
}
