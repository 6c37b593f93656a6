//! The controller against a device in memory, and PAN-OS against its twin and against exact shapes.

mod controller;
mod device;
mod factory;
mod pan_os;
mod twin;
