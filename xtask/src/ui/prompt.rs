//! Questions, asked on stderr and only if a user can answer.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether a user can see a question and answer it.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The letter to type.
    pub key: char,
    pub label: String,
}

/// Asks until one of the letters is typed; Enter and the end of input mean `default`.
pub fn choose(question: &str, choices: &[Choice], default: char) -> char {
    ask_choice(&mut terminal(), question, choices, default)
}

/// Asks yes or no; Enter means no.
pub fn confirm(question: &str) -> bool {
    ask_yes(&mut terminal(), question)
}

struct Asker<I, O> {
    input: I,
    output: O,
    /// Discards what was typed before the question.
    discard: fn(),
}

fn terminal() -> Asker<io::StdinLock<'static>, io::Stderr> {
    Asker { input: io::stdin().lock(), output: io::stderr(), discard: super::typed_ahead::discard }
}

fn ask_choice<I: BufRead, O: Write>(
    asker: &mut Asker<I, O>,
    question: &str,
    choices: &[Choice],
    default: char,
) -> char {
    loop {
        let line = |choice: &Choice| {
            let mark = if choice.key == default { " (default)" } else { "" };
            format!("  {}) {}{mark}\n", choice.key, choice.label)
        };
        let lines: String = choices.iter().map(line).collect();
        let keys: Vec<String> = choices.iter().map(|choice| choice.key.to_string()).collect();
        let text = format!("{question}\n{lines}[{}] ", keys.join("/"));
        let Some(answer) = read(asker, &text) else { return default };
        let mut letters = answer.chars();
        match (letters.next().map(|c| c.to_ascii_lowercase()), letters.next()) {
            (None, _) => return default,
            (Some(key), None) if choices.iter().any(|choice| choice.key == key) => return key,
            _ => {}
        }
    }
}

fn ask_yes<I: BufRead, O: Write>(asker: &mut Asker<I, O>, question: &str) -> bool {
    let answer = read(asker, &format!("{question} [y/N] "));
    answer.is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// `None` at the end of input.
fn read<I: BufRead, O: Write>(asker: &mut Asker<I, O>, text: &str) -> Option<String> {
    let Asker { input, output, discard } = asker;
    discard();
    // If the terminal is gone, reading fails below.
    let text = super::text::sieve(text, console::colors_enabled_stderr());
    drop(output.write_all(text.as_bytes()).and_then(|()| output.flush()));
    let mut line = String::new();
    match input.read_line(&mut line) {
        Ok(1..) => Some(line.trim().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(input: &str) -> Asker<&[u8], Vec<u8>> {
        Asker { input: input.as_bytes(), output: Vec::new(), discard: || {} }
    }

    fn choice(input: &str) -> (char, String) {
        let choices = [('s', "stop it"), ('o', "other ports"), ('l', "leave")]
            .map(|(key, label)| Choice { key, label: label.into() });
        let mut asker = asker(input);
        let key = ask_choice(&mut asker, "what now?", &choices, 'l');
        (key, String::from_utf8(asker.output).unwrap())
    }

    #[test]
    fn a_letter_chooses_and_nothing_means_the_default() {
        assert_eq!(choice("o\n").0, 'o');
        assert_eq!(choice("S\n").0, 's');
        assert_eq!(choice("\n").0, 'l');
        assert_eq!(choice("").0, 'l');
    }

    #[test]
    fn another_word_asks_again() {
        let (key, output) = choice("yes please\ns\n");
        assert_eq!(key, 's');
        assert_eq!(output.matches("what now?").count(), 2);
    }

    #[test]
    fn only_yes_is_yes() {
        for (input, want) in
            [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("no\n", false), ("ye\n", false)]
        {
            assert_eq!(ask_yes(&mut asker(input), "sure?"), want, "{input:?}");
        }
    }
}
