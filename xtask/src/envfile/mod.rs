//! The lossless `.env` document.
