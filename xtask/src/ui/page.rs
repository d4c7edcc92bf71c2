//! A block of lines that is redrawn in place on a terminal.

use console::{Term, truncate_str};

use super::terminal::can_redraw;

#[derive(Debug)]
pub struct Page {
    term: Term,
    drawn: usize,
}

impl Page {
    /// `None` if standard output is not a terminal, or one that cannot redraw.
    pub fn new() -> Option<Page> {
        let term = Term::buffered_stdout();
        (term.is_term() && can_redraw()).then_some(Page { term, drawn: 0 })
    }

    /// Draws `lines` over the previous ones, as many as fit.
    pub fn show(&mut self, lines: &[String]) {
        let (height, width) = self.term.size();
        let lines = fitting(lines, usize::from(height).saturating_sub(1), usize::from(width));
        // Errors mean that the terminal is gone.
        drop(self.term.clear_last_lines(self.drawn));
        for line in &lines {
            drop(self.term.write_line(line));
        }
        drop(self.term.flush());
        self.drawn = lines.len();
    }
}

/// Clips lines so that none wraps; the last one says how many are missing.
fn fitting(lines: &[String], height: usize, width: usize) -> Vec<String> {
    let cut = |line: &String| truncate_str(line, width, "…").into_owned();
    if lines.len() <= height {
        return lines.iter().map(cut).collect();
    }
    let shown = height.saturating_sub(1);
    let more = format!("… {} more lines", lines.len() - shown);
    lines[..shown].iter().map(cut).chain(std::iter::once(more)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_never_larger_than_the_terminal() {
        let lines: Vec<String> = ["one", "two and more", "three"].map(str::to_owned).into();
        assert_eq!(fitting(&lines, 3, 5), ["one", "two …", "three"]);
        assert_eq!(fitting(&lines, 2, 80), ["one", "… 2 more lines"]);
    }
}
