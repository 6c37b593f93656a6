//! The twins answer as the recorded exchanges do.

mod transcripts;
