//! Blocks: what is asked for, what the guard admits, and what becomes of it.
//!
//! Requested → parsed strictly ([`Target`]) → guarded ([`Guard::admit`]) → planned ([`Plan`]) →
//! applied ([`BlockBackend`]) → read back ([`Held`]) → expired. A backend takes only [`Admitted`]
//! requests, and only the guard makes one: an unguarded block does not compile.

mod admitted;
mod backend;
mod budget;
mod facts;
mod guard;
mod never;
mod plan;
mod refusal;
mod request;
mod settings;
mod target;
mod verdict;

pub use admitted::Admitted;
pub use backend::{BlockBackend, BlockCaps, Prefixes};
pub use facts::{Device, Facts};
pub use guard::Guard;
pub use never::NeverBlock;
pub use plan::{Basis, Plan, PlanParts};
pub use refusal::Refusal;
pub use request::{BlockRequest, Lease, Measure};
pub use settings::GuardConfig;
pub use target::{BadTarget, Target};
pub use verdict::{Applied, BlockVerdict, Held};
