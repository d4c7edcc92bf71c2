//! The only place that prints.

/// A line for the person.
#[expect(clippy::print_stderr, reason = "this is the place")]
pub(crate) fn line(text: &str) {
    let clean: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    eprintln!("{clean}");
}
