//! A world of a port over a twin.

use std::fmt;
use std::sync::Arc;

use watchfloor_core::{Event, EventSink, Scope, async_trait};

use super::{Held, Setup, World, sink::SinkWorld};
use crate::{Answer, Fault, Server, TestClock, Twin};

/// A port over a twin on a loopback port: the world that most connectors are tested in.
pub struct TwinWorld<T, P: ?Sized> {
    server: Server<T>,
    setup: Setup,
    scope: Scope,
    port: Arc<P>,
    held: fn(&T) -> Vec<Held>,
    secrets: Vec<String>,
    failure: Option<Answer>,
    refused: Option<fn(usize) -> Event>,
    never_doubles: Option<bool>,
    gives_up: bool,
}

impl<T: Twin, P: ?Sized> TwinWorld<T, P> {
    /// Starts the twin; `port` makes the port from its URL. `held` is everything that it holds.
    ///
    /// # Panics
    /// If loopback has no port left.
    pub async fn start(
        setup: Setup,
        twin: T,
        held: fn(&T) -> Vec<Held>,
        port: impl FnOnce(&str, &Setup) -> Arc<P>,
    ) -> Self {
        let clock = Arc::new(setup.clock.clone());
        let server = Server::start(twin, clock).await.expect("a port on loopback");
        let (scope, port) = (setup.scope(), port(&server.url(), &setup));
        Self {
            server,
            setup,
            scope,
            port,
            held,
            secrets: Vec::new(),
            failure: None,
            refused: None,
            never_doubles: None,
            gives_up: false,
        }
    }

    /// The twin.
    pub fn server(&self) -> &Server<T> {
        &self.server
    }

    /// A secret of the connection.
    pub fn secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    /// A failure that the product answers with a success's status.
    pub fn fails_inside(mut self, answer: Answer) -> Self {
        self.failure = Some(answer);
        self
    }
}

impl<T: Twin> TwinWorld<T, dyn EventSink> {
    /// The `n`th of the events that this product refuses, each with an id of its own.
    pub fn refuses(mut self, event: fn(usize) -> Event) -> Self {
        self.refused = Some(event);
        self
    }

    /// Whatever its capabilities say of repeats, this sink makes none where that could double.
    pub fn never_doubles(mut self) -> Self {
        self.never_doubles = Some(true);
        self
    }

    /// This sink does not try again.
    pub fn gives_up(mut self) -> Self {
        self.gives_up = true;
        self
    }
}

#[async_trait]
impl<T: Twin, P: ?Sized + Send + Sync + 'static> World for TwinWorld<T, P> {
    type Port = P;

    fn port(&self) -> Arc<P> {
        self.port.clone()
    }

    fn scope(&self) -> Scope {
        self.scope.clone()
    }

    fn clock(&self) -> &TestClock {
        &self.setup.clock
    }

    fn requests(&self) -> u64 {
        self.server.log().count() as u64
    }

    fn inject(&self, nth: u64, fault: Fault) -> bool {
        self.server.script().on("*", nth, fault);
        true
    }

    async fn held(&self) -> Vec<Held> {
        (self.held)(&self.server)
    }

    fn secrets(&self) -> Vec<String> {
        self.secrets.clone()
    }

    fn failure_in_success(&self) -> Option<Answer> {
        self.failure.clone()
    }

    fn on_the_way(&self) -> Vec<u8> {
        crate::leak::on_the_way(self.server.log())
    }
}

impl<T: Twin> SinkWorld for TwinWorld<T, dyn EventSink> {
    fn refused(&self, n: usize) -> Option<Event> {
        self.refused.map(|event| event(n))
    }

    fn never_doubles(&self) -> bool {
        self.never_doubles.unwrap_or_else(|| super::sink::ignores_repeats(&*self.port))
    }

    fn tries_again(&self) -> bool {
        !self.gives_up
    }
}

impl<T: Twin, P: ?Sized> fmt::Debug for TwinWorld<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwinWorld").field("server", &self.server).finish_non_exhaustive()
    }
}
