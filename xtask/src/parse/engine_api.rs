//! The engine API.
