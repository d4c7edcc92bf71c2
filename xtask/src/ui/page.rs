//! Lines on a terminal that are drawn over themselves.

use console::{Term, truncate_str};

use super::terminal::can_redraw;

/// What was drawn last, and where.
#[derive(Debug)]
pub struct Page {
    term: Term,
    drawn: usize,
}

impl Page {
    /// `None` where standard output is no terminal, or one that knows lines alone.
    pub fn new() -> Option<Page> {
        let term = Term::buffered_stdout();
        (term.is_term() && can_redraw()).then_some(Page { term, drawn: 0 })
    }

    /// Draws `lines` in the place of those before, as many as there is room for.
    pub fn show(&mut self, lines: &[String]) {
        let (height, width) = self.term.size();
        let lines = fitting(lines, usize::from(height).saturating_sub(1), usize::from(width));
        // A terminal that is gone shows nothing.
        drop(self.term.clear_last_lines(self.drawn));
        for line in &lines {
            drop(self.term.write_line(line));
        }
        drop(self.term.flush());
        self.drawn = lines.len();
    }
}

/// Lines of a page: none is wrapped, and the last says how many are missing.
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
