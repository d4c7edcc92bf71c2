//! This machine: one facade, a file per system.
