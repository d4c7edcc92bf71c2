//! A mistake in labels.

use crate::model::{Place, Service};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub service: String,
    /// Where the label is written, if known.
    pub place: Option<Place>,
    /// What is wrong, and its effect.
    pub message: String,
    /// What to write instead.
    pub cure: String,
}

pub(super) fn finding(service: &Service, label: &str, message: impl Into<String>, cure: impl Into<String>) -> Finding {
    Finding {
        service: service.name.clone(),
        place: service.label_places.get(label).cloned(),
        message: message.into(),
        cure: cure.into(),
    }
}

pub(super) fn is_off(service: &Service) -> bool {
    !service.labels.iter().any(|(key, value)| key.eq_ignore_ascii_case("traefik.enable") && value == "true")
}
