//! Detect on the recorded attack.

mod recording;
mod robust;
