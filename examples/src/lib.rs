//! Runnable examples of Watchfloor; each runs offline against the twins.
