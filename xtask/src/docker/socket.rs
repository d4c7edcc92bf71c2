//! Sends a request over a Unix socket and reads the answer.

use std::path::Path;
use std::time::Duration;

use super::EngineError;
#[cfg(unix)]
use crate::exec;

/// A sent request whose answer was not read yet.
#[cfg(unix)]
pub(super) struct Asked {
    stream: socket2::Socket,
    limit: Duration,
}

#[cfg(unix)]
impl Asked {
    pub(super) fn send(socket: &Path, request: &[u8], limit: Duration) -> Result<Asked, EngineError> {
        use std::io::Write;

        let failed = |error| of_socket(&error, limit);
        let address = socket2::SockAddr::unix(socket).map_err(failed)?;
        let mut stream = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).map_err(failed)?;
        stream.connect_timeout(&address, limit).map_err(failed)?;
        stream.set_write_timeout(Some(limit)).map_err(failed)?;
        stream.write_all(request).map_err(failed)?;
        Ok(Asked { stream, limit })
    }

    pub(super) fn answer(mut self) -> Result<Vec<u8>, EngineError> {
        use std::io::{ErrorKind, Read};
        use std::time::Instant;

        let failed = |error| of_socket(&error, self.limit);
        let deadline = Instant::now() + self.limit;
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            // The limit is for the whole answer, not for each read.
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(EngineError::Hanging(self.limit));
            }
            self.stream.set_read_timeout(Some(left)).map_err(failed)?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(bytes),
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

#[cfg(unix)]
fn of_socket(error: &std::io::Error, limit: Duration) -> EngineError {
    use std::io::ErrorKind;

    match error.kind() {
        ErrorKind::NotFound if exec::find("docker").is_none() => EngineError::Absent,
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => EngineError::NotRunning,
        ErrorKind::PermissionDenied => EngineError::Denied,
        // Returned at once if the backlog is full because nobody accepts.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => EngineError::Hanging(limit),
        _ => EngineError::Other(error.to_string()),
    }
}

#[cfg(unix)]
pub(super) fn over_socket(socket: &Path, request: &[u8], limit: Duration) -> Result<Vec<u8>, EngineError> {
    Asked::send(socket, request, limit)?.answer()
}

/// Rust's standard library has no Unix sockets on Windows; there Docker uses named pipes, which the
/// CLI opens.
#[cfg(not(unix))]
pub(super) fn over_socket(_socket: &Path, _request: &[u8], _limit: Duration) -> Result<Vec<u8>, EngineError> {
    Err(EngineError::NotRunning)
}
