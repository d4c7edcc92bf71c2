//! The project on disk: env files and compose files.
