#![doc = include_str!("../README.md")]

mod answer;
mod auth;
mod classify;
mod client;
mod clock;
mod deadline;
mod egress;
mod endpoint;
mod factory;
mod layer;
mod limit;
mod multipart;
mod redact;
mod request;
mod settings;
mod transport;
mod urls;

pub mod observe;
pub mod page;
pub mod retry;

pub use answer::Answer;
pub use auth::{Assertion, Auth, ClientAuth, OAuth2};
pub use classify::{ByStatus, Classify, Reach, Resend, Verdict, by_status};
pub use client::Client;
pub use clock::SystemClock;
pub use egress::segment;
pub use factory::{Env, Factory, Ports};
pub use http::{HeaderMap, Method, StatusCode};
pub use layer::Layer;
pub use multipart::Form;
pub use request::{Reply, Request};
pub use retry::after::Hint;
pub use retry::{Attempts, Repeat};
pub use settings::Settings;
pub use transport::{Proxy, Tls};
pub use urls::{base_url, base_urls};
