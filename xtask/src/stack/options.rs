//! How the process environment is looked at.

/// Looks a variable of the process environment up.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;
