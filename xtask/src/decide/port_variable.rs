//! The name of a variable for a published port.

/// `SERVICE_PORT`; if that is taken (by another port of the service)
/// `SERVICE_TARGET_PORT`; if that is taken too, with a number.
pub fn port_variable(service: &str, target: u16, is_taken: &dyn Fn(&str) -> bool) -> String {
    let word: String =
        service.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    // A variable's name cannot begin with a digit.
    let word = if word.starts_with(|c: char| c.is_ascii_digit()) { format!("_{word}") } else { word };
    let numbered = (2_u32..).map(|number| format!("{word}_{target}_PORT_{number}"));
    let mut names = [format!("{word}_PORT"), format!("{word}_{target}_PORT")].into_iter().chain(numbered);
    names.find(|name| !is_taken(name)).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_such_as_every_shell_takes() {
        let name = |service: &str, taken: &[&str]| port_variable(service, 80, &|name| taken.contains(&name));
        assert_eq!(name("web", &[]), "WEB_PORT");
        assert_eq!(name("web.app-2", &[]), "WEB_APP_2_PORT");
        assert_eq!(name("3proxy", &[]), "_3PROXY_PORT");
        assert_eq!(name("web", &["WEB_PORT"]), "WEB_80_PORT");
        assert_eq!(name("web", &["WEB_PORT", "WEB_80_PORT", "WEB_80_PORT_2"]), "WEB_80_PORT_3");
    }
}
