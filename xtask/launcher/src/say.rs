//! The only place that prints.

/// Prints a line for the user.
#[expect(clippy::print_stderr, reason = "this is the place")]
pub(crate) fn line(text: &str) {
    let clean: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    eprintln!("{clean}");
}
