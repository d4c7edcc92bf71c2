//! Users and groups of a Unix system, from its files. If a directory service knows
//! others, their numbers are shown instead of names.

/// Name and members of a group in the text of group(5).
pub fn group(text: &str, gid: u32) -> Option<(String, Vec<String>)> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number, members) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let members = members.split(',').map(str::to_owned).collect();
        (number.parse() == Ok(gid)).then(|| (name.to_owned(), members))
    })
}

/// The name of a user in the text of passwd(5).
pub fn user(text: &str, uid: u32) -> Option<String> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_users_are_found_by_number() {
        let text = "root:x:0:\ndocker:x:999:ann,ben\nodd line\nempty:x:7:\n";
        assert_eq!(group(text, 999), Some(("docker".into(), vec!["ann".into(), "ben".into()])));
        assert_eq!(group(text, 7), Some(("empty".into(), vec![String::new()])));
        assert_eq!(group(text, 5), None);
        assert_eq!(user("root:x:0:0:root:/root:/bin/sh\nben:x:1001:1001::/h:/bin/sh\n", 1001).as_deref(), Some("ben"));
    }
}
