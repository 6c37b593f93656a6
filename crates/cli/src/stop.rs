//! When somebody wants the program to end.

use std::future::{Future, pending};

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ready at Ctrl-C or SIGTERM. Both are listened for from this call on, not from the first poll.
#[cfg(unix)]
pub(crate) fn wanted() -> impl Future<Output = ()> + Send {
    async fn came(signal: Option<Signal>) {
        match signal {
            Some(mut signal) => drop(signal.recv().await),
            None => pending().await,
        }
    }
    let listen = |kind| signal(kind).ok();
    let (interrupt, terminate) = (listen(SignalKind::interrupt()), listen(SignalKind::terminate()));
    async {
        tokio::select! {
            () = came(interrupt) => {}
            () = came(terminate) => {}
        }
    }
}

/// Ready at Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn wanted() {
    if tokio::signal::ctrl_c().await.is_err() {
        pending::<()>().await;
    }
}
