use super::budget::Permit;
use super::{BlockRequest, Refusal, Target};
use crate::ConnectorName;

/// A request that the guard of one connector has admitted.
///
/// Only [`Guard::admit`](super::Guard::admit) and [`Guard::renew`](super::Guard::renew) make one:
///
/// ```compile_fail,E0451
/// # use watchfloor_core::{BlockRequest, ConnectorName, block::Admitted};
/// fn unguarded(request: BlockRequest, connector: ConnectorName) -> Admitted {
///     Admitted { request, connector, permit: None }
/// }
/// ```
///
/// and it is spent once:
///
/// ```compile_fail,E0599
/// # use watchfloor_core::block::Admitted;
/// fn twice(admitted: Admitted) -> (Admitted, Admitted) {
///     (admitted.clone(), admitted)
/// }
/// ```
#[derive(Debug)]
#[must_use = "what is admitted holds a place in the guard's budget"]
pub struct Admitted {
    request: BlockRequest,
    connector: ConnectorName,
    /// None for a renewal, which takes no new place.
    permit: Option<Permit>,
}

impl Admitted {
    pub(super) fn new(
        request: BlockRequest,
        connector: ConnectorName,
        permit: Option<Permit>,
    ) -> Self {
        Self { request, connector, permit }
    }

    /// What was admitted.
    pub fn request(&self) -> &BlockRequest {
        &self.request
    }

    /// Its target.
    pub fn target(&self) -> Target {
        self.request.target
    }

    /// The connector whose guard admitted it.
    pub fn connector(&self) -> &ConnectorName {
        &self.connector
    }

    /// The request, for the backend that is about to carry it out.
    ///
    /// Refuses every connector but the one whose guard was asked. Taking it charges the hour's
    /// budget, once; what is dropped without being taken costs nothing.
    pub fn for_connector(&self, name: &ConnectorName) -> Result<&BlockRequest, Refusal> {
        if *name != self.connector {
            let why = format!("admitted for {}, not for {name}", self.connector);
            return Err(Refusal::new("other-connector", why));
        }
        if let Some(permit) = &self.permit {
            permit.spend();
        }
        Ok(&self.request)
    }

    pub(super) fn is_renewal(&self) -> bool {
        self.permit.is_none()
    }
}
