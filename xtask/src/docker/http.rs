//! One request and its answer over any connection, with HTTP/1.0: the engine closes the
//! connection after the answer and sends no chunks.

use std::fmt::Write;

pub(super) fn request(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n")
        .into_bytes()
}

/// A request with a JSON body.
pub(super) fn post(path: &str, json: &serde_json::Value) -> Vec<u8> {
    let body = json.to_string();
    format!(
        "POST {path} HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Status and body; `None` if it is not HTTP.
pub(super) fn answer(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    Some((status, &bytes[end + 4..]))
}

/// What the `Server` header says: `Docker/28.5.2 (linux)`, `Libpod/6.1.1 (linux)`.
pub(super) fn server(bytes: &[u8]) -> Option<&str> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&bytes[..end]).ok()?.lines();
    lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("server").then(|| value.trim())
    })
}

/// Escapes a query value: everything except letters, digits and `-_.~`.
pub(super) fn escape(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        assert_eq!(answer(b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n[]"), Some((200, b"[]".as_slice())));
        assert_eq!(answer(b"HTTP/1.1 404 Not Found\r\n\r\n"), Some((404, b"".as_slice())));
        assert_eq!(
            server(b"HTTP/1.0 200 OK\r\nserver: Libpod/6.1.1 (linux)\r\n\r\nServer: x"),
            Some("Libpod/6.1.1 (linux)")
        );
        assert_eq!((server(b"HTTP/1.0 200 OK\r\n\r\nServer: x\r\n\r\n"), server(b"")), (None, None));
        assert_eq!(answer(b"SSH-2.0-OpenSSH"), None);
        assert_eq!(answer(b""), None);
    }

    #[test]
    fn a_value_is_escaped() {
        assert_eq!(escape(r#"{"label":["a=b"]}"#), "%7B%22label%22%3A%5B%22a%3Db%22%5D%7D");
    }
}
