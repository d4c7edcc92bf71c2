//! Aligned columns.

use console::measure_text_width;

/// Alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Formats rows: columns are two spaces apart, without trailing spaces. Colours do not count as
/// width.
pub fn table(columns: &[Column], rows: &[Vec<String>]) -> Vec<String> {
    let width =
        |i: usize| rows.iter().filter_map(|row| row.get(i)).map(|cell| measure_text_width(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for ((cell, column), width) in row.iter().zip(columns).zip(&widths) {
            let pad = " ".repeat(width.saturating_sub(measure_text_width(cell)));
            let (first, second) = match column {
                Column::Left => (cell.as_str(), pad.as_str()),
                Column::Right => (pad.as_str(), cell.as_str()),
            };
            line.extend([first, second, "  "]);
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows =
            vec![vec!["backend".into(), "8000".into(), "free".into()], vec!["db".into(), "80".into(), String::new()]];
        assert_eq!(
            table(&[Column::Left, Column::Right, Column::Left], &rows),
            ["backend  8000  free", "db         80"]
        );
    }
}
