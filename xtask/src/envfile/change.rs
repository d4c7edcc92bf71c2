//! Changes part of one value, and can restore the original bytes.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::scan::{Assignment, Style};
use super::{Document, Lookup};
use crate::error::Result;
use crate::parse::interpolate::interpolate;

/// How a variable was written before it was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WrittenForm {
    /// Its value as written, with its quotes and variables.
    Value(String),
    /// A line without `=`, whose value comes from the shell.
    Inherited,
    /// No line. The text is the line break that had to be added before the new line.
    Absent(String),
}

impl Document {
    /// How `name` is written in the file; `None` if that could not be restored.
    pub fn written_form(&self, name: &str) -> Option<WrittenForm> {
        let Some(found) = self.last(name) else { return Some(WrittenForm::Absent(self.end().1.to_owned())) };
        if found.style == Style::Inherited {
            return Some(WrittenForm::Inherited);
        }
        let raw = std::str::from_utf8(&self.bytes[found.value.clone()]).ok()?;
        // A value that looks like a comment would become a comment when changed.
        (found.style != Style::Plain || !raw.contains('#')).then(|| WrittenForm::Value(raw.to_owned()))
    }

    /// Sets `name` to `to`, changing only the text that differs: an address, a comment,
    /// quotes and variables around it stay as written. If that is not possible, it writes
    /// the whole value, like `set`.
    pub fn change(&mut self, name: &str, to: &str, shell: &Lookup<'_>, earlier: &Lookup<'_>) -> Result<()> {
        let value =
            |document: &Document| document.values(shell, earlier).ok()?.get(name).map(|found| found.value.clone());
        let found = self.last(name).filter(|found| found.style != Style::Inherited);
        if let (Some(found), Some(now)) = (found, value(self)) {
            if now == to {
                return Ok(());
            }
            let (old, new) = difference(&now, to);
            for place in self.places(found, old, shell, earlier) {
                let bytes = [&self.bytes[..place.start], new.as_bytes(), &self.bytes[place.end..]].concat();
                let Ok(changed) = Document::parse(bytes) else { continue };
                if changed.names() == self.names() && value(&changed).as_deref() == Some(to) {
                    *self = changed;
                    return Ok(());
                }
            }
        }
        self.set(name, to)
    }

    /// Undoes changes of `name`; `false` if the file does not allow it.
    pub fn put_back(&mut self, name: &str, was: &WrittenForm) -> bool {
        let Some(found) = self.last(name) else { return false };
        let (range, text) = match was {
            WrittenForm::Value(_) if found.style == Style::Inherited => return false,
            WrittenForm::Value(raw) => (found.value.clone(), raw.as_str()),
            WrittenForm::Inherited => (found.name.end..found.value.end, ""),
            WrittenForm::Absent(before) => (self.whole_line(found, before), ""),
        };
        let bytes = [&self.bytes[..range.start], text.as_bytes(), &self.bytes[range.end..]].concat();
        let Ok(changed) = Document::parse(bytes) else { return false };
        let others = |document: &Document| {
            let all = document.assigned().filter(|line| line.name != name);
            all.map(|line| (line.name, line.text)).collect::<Vec<_>>()
        };
        // At the end of a file, the line break before it is removed too.
        let same = changed.written_form(name).is_some_and(|now| match was {
            WrittenForm::Absent(_) => matches!(now, WrittenForm::Absent(_)),
            _ => now == *was,
        });
        let same = same && others(&changed) == others(self);
        if same {
            *self = changed;
        }
        same
    }

    /// Removes the line of `name`; with `after_break` also the line break that was added
    /// before it. `false` if the file does not allow it.
    pub fn remove_added(&mut self, name: &str, after_break: bool) -> bool {
        let Some(found) = self.last(name) else { return false };
        let before = &self.bytes[..self.lines_of(found).start];
        let line_break = ["\r\n", "\n"].into_iter().find(|end| before.ends_with(end.as_bytes()));
        let line_break = line_break.filter(|_| after_break).unwrap_or_default().to_owned();
        self.put_back(name, &WrittenForm::Absent(line_break))
    }

    /// The lines of an assignment with their line break; for the last line also the line
    /// break before it, if that was added.
    fn whole_line(&self, found: &Assignment, before: &str) -> Range<usize> {
        let mut range = self.lines_of(found);
        if range.start == 0 && self.bytes.starts_with(b"\xEF\xBB\xBF") {
            range.start = 3;
        }
        let rest = &self.bytes[range.end..];
        range.end += [&b"\r\n"[..], b"\n"].iter().find(|end| rest.starts_with(end)).map_or(0, |end| end.len());
        if range.end == self.bytes.len() && !before.is_empty() && self.bytes[..range.start].ends_with(before.as_bytes())
        {
            range.start -= before.len();
        }
        range
    }

    /// Byte ranges that `old` may come from: the text itself, or a variable.
    fn places(&self, found: &Assignment, old: &str, shell: &Lookup<'_>, earlier: &Lookup<'_>) -> Vec<Range<usize>> {
        let Ok(raw) = std::str::from_utf8(&self.bytes[found.value.clone()]) else { return Vec::new() };
        let start = found.value.start;
        if old.is_empty() {
            // Something is appended, within the quotes.
            let end = found.value.end;
            return [end - 1..end - 1, end..end].into_iter().filter(|place| place.start >= start).collect();
        }
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let whole = |at: usize| {
            let before = at.checked_sub(1).and_then(|before| raw.as_bytes().get(before));
            !is_digit(before) && !is_digit(raw.as_bytes().get(at + old.len()))
        };
        let mut places: Vec<Range<usize>> = raw
            .match_indices(old)
            .filter(|(at, _)| whole(*at))
            .map(|(at, _)| start + at..start + at + old.len())
            .collect();
        // With escapes the text differs from what is interpolated.
        if found.style != Style::Single && !raw.contains('\\') {
            let known = self.values(shell, earlier).unwrap_or_default();
            let lookup = |name: &str| {
                let value = shell(name).or_else(|| known.get(name).map(|found| found.value.clone()));
                value.or_else(|| earlier(name)).map(|value| (value, ()))
            };
            let uses = interpolate(raw, &lookup).map(|done| done.uses).unwrap_or_default();
            let outer = uses.into_iter().filter(|used| !used.nested);
            places.extend(outer.map(|used| start + used.range.start..start + used.range.end));
        }
        places
    }
}

/// The parts in which two texts differ; numbers are never split.
fn difference<'a>(old: &'a str, new: &'a str) -> (&'a str, &'a str) {
    let (a, b) = (old.as_bytes(), new.as_bytes());
    let shorter = a.len().min(b.len());
    let mut start = (0..shorter).find(|at| a[*at] != b[*at]).unwrap_or(shorter);
    let mut end = (0..shorter - start).find(|at| a[a.len() - 1 - at] != b[b.len() - 1 - at]).unwrap_or(shorter - start);
    while start > 0 && (a[start - 1].is_ascii_digit() || !old.is_char_boundary(start)) {
        start -= 1;
    }
    while end > 0 && (a[a.len() - end].is_ascii_digit() || !old.is_char_boundary(a.len() - end)) {
        end -= 1;
    }
    (&old[start..old.len() - end], &new[start..new.len() - end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::properties::lines;
    use super::*;

    const NOTHING: &Lookup<'static> = &|_| None;

    fn earlier(name: &str) -> Option<String> {
        (name == "E").then(|| "127.0.0.1".to_owned())
    }

    #[test]
    fn only_what_differs_is_changed_and_goes_back() {
        for (before, to, after) in [
            ("P=8000\n", "8010", "P=8010\n"),
            ("P=127.0.0.1:8000 # why\r\n", "127.0.0.1:8010", "P=127.0.0.1:8010 # why\r\n"),
            ("export P = \"[::1]:8000\"", "[::1]:8010", "export P = \"[::1]:8010\""),
            ("P='8000:8000/udp'\n", "18000:8000/udp", "P='18000:8000/udp'\n"),
            ("P=8000:80\n", "80:80", "P=80:80\n"),
            ("H=127.0.0.1\nP=${H}:8000\n", "127.0.0.1:8010", "H=127.0.0.1\nP=${H}:8010\n"),
            ("P=$E:8000\n", "127.0.0.1:8010", "P=$E:8010\n"),
            ("Q=8000\nP=\"${H:-[::1]}:$Q\" # why\n", "[::1]:8010", "Q=8000\nP=\"${H:-[::1]}:8010\" # why\n"),
            ("P=${H:-8000}\n", "8010", "P=${H:-8010}\n"),
            ("W=1.2.3.4:8000\nP=$W\n", "1.2.3.4:8010", "W=1.2.3.4:8000\nP=1.2.3.4:8010\n"),
            ("P=80${T:-00}\n", "8010", "P=8010\n"),
            ("P=1\nP=8000-8009\n", "8010-8019", "P=1\nP=8010-8019\n"),
            ("P=a.yml;b.yml # why\n", "a.yml;b.yml;c.yml", "P=a.yml;b.yml;c.yml # why\n"),
            ("export P=\"$E.yml\" # why\n", "127.0.0.1.yml:c.yml", "export P=\"$E.yml:c.yml\" # why\n"),
            ("P='a b:c'", "a b:c:d", "P='a b:c:d'"),
            ("P=\n", "8010", "P=8010\n"),
            ("P\nQ=1", "8010", "P=8010\nQ=1"),
            ("Q=1", "127.0.0.1:8010", "Q=1\nP=127.0.0.1:8010\n"),
            ("Q=1\r\nR", "8010", "Q=1\r\nP=8010\r\nR"),
            ("\u{feff}A", "8010", "\u{feff}P=8010\nA"),
            ("Q=1\n\u{b}A", "8010", "Q=1\nP=8010\n\u{b}A"),
            ("", "8010", "P=8010\n"),
        ] {
            let mut document = Document::parse(before).unwrap();
            let was = document.written_form("P").unwrap();
            document.change("P", to, NOTHING, &earlier).unwrap();
            assert_eq!(String::from_utf8_lossy(document.render()), after, "{before:?}");
            assert_eq!(document.values(NOTHING, &earlier).unwrap()["P"].value, to, "{before:?}");
            assert!(document.put_back("P", &was), "{before:?}");
            assert_eq!(String::from_utf8_lossy(document.render()), before);
        }
    }

    #[test]
    fn lines_that_came_later_stay() {
        let mut document = Document::parse("A=1").unwrap();
        let was = document.written_form("P").unwrap();
        document.set("P", "8010").unwrap();
        document.set("Q", "2").unwrap();
        assert!(document.put_back("P", &was));
        assert_eq!(document.render(), b"A=1\nQ=2\n");
        assert!(!document.put_back("P", &was));
    }

    #[test]
    fn an_added_line_goes_without_a_trace() {
        for (before, after_break) in [
            ("", false),
            ("A=1\n", false),
            ("A=1", true),
            ("A=1\r\nB=2", true),
            ("# c\r\n", false),
            ("A=1\nDROPPED", false),
        ] {
            let mut document = Document::parse(before).unwrap();
            let added = document.written_form("P").unwrap();
            assert_eq!(added != WrittenForm::Absent(String::new()), after_break, "{before:?}");
            document.set("P", "a:b").unwrap();
            assert!(document.remove_added("P", after_break), "{before:?}");
            assert_eq!(String::from_utf8_lossy(document.render()), before);
            assert!(!document.remove_added("P", after_break));
        }
    }

    proptest! {
        #[test]
        fn whatever_the_file_the_way_back_leads_to_the_same_bytes(
            bytes in lines(), name in "[A-E]", to in "(127\\.0\\.0\\.1:|\\[::1\\]:)?[1-9][0-9]{0,4}(:80(/udp)?)?"
        ) {
            let Ok(before) = Document::parse(bytes) else { return Ok(()) };
            prop_assume!(before.values(NOTHING, NOTHING).is_ok());
            let mut after = before.clone();
            let Some(was) = before.written_form(&name) else { return Ok(()) };
            after.change(&name, &to, NOTHING, NOTHING).unwrap();
            prop_assert_eq!(&after.values(NOTHING, NOTHING).unwrap()[&name].value, &to);
            // An assignment that shares its line with others may have to stay.
            if after != before && after.put_back(&name, &was) {
                prop_assert_eq!(String::from_utf8_lossy(after.render()), String::from_utf8_lossy(before.render()));
            }
        }
    }
}
