//! The error answer of every endpoint.

use serde::Deserialize;

/// The text of `{"message": …}`; anything else unchanged.
pub fn error_message(json: &[u8]) -> String {
    #[derive(Deserialize)]
    struct ApiError {
        message: String,
    }
    serde_json::from_slice::<ApiError>(json)
        .map_or_else(|_| String::from_utf8_lossy(json).trim().to_owned(), |error| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_proxy_is_kept_as_it_is() {
        assert_eq!(error_message(br#"{"message":"no such container"}"#), "no such container");
        assert_eq!(error_message(b"<html> "), "<html>");
    }
}
