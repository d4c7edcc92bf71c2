//! Access to the process environment.

/// Looks up a variable of the process environment.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;
