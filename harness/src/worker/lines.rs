//! The lines of a pipe, each of bounded length: whoever writes without a line break must not fill
//! the memory of whoever reads.

use std::io::{BufRead, ErrorKind};

/// Longest line that is kept, in bytes. The longest mark that makes sense, `done` with dozens of
/// quality metrics, is a tenth of it.
pub const LONGEST_LINE: usize = 1 << 16;

/// One line of a pipe, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The whole line.
    Whole(Vec<u8>),
    /// The beginning of a line that is longer than [`LONGEST_LINE`]; the rest was read over.
    Cut(Vec<u8>),
}

impl Line {
    /// As text, with a mark in the place of bytes that are none, and without blanks at its ends.
    pub fn text(&self) -> String {
        let (Self::Whole(bytes) | Self::Cut(bytes)) = self;
        String::from_utf8_lossy(bytes).trim().to_owned()
    }
}

/// Splits a pipe into lines; ends at its end, or where it cannot be read any more.
#[derive(Debug)]
pub struct Lines<R>(R);

impl<R: BufRead> Lines<R> {
    /// The lines of a pipe.
    pub const fn of(pipe: R) -> Self {
        Self(pipe)
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let mut kept = Vec::new();
        let (mut is_cut, mut is_empty) = (false, true);
        loop {
            let piece = match self.0.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return None,
            };
            if piece.is_empty() {
                break;
            }
            is_empty = false;
            let end = piece.iter().position(|byte| *byte == b'\n');
            let text = &piece[..end.unwrap_or(piece.len())];
            let room = LONGEST_LINE - kept.len();
            is_cut |= text.len() > room;
            kept.extend_from_slice(&text[..text.len().min(room)]);
            let read = text.len() + usize::from(end.is_some());
            self.0.consume(read);
            if end.is_some() {
                break;
            }
        }
        if is_empty {
            return None;
        }
        Some(if is_cut {
            Line::Cut(kept)
        } else {
            Line::Whole(kept)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read, repeat};

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Line> {
        // A small buffer, so that lines lie across its end.
        Lines::of(BufReader::with_capacity(7, bytes)).collect()
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_those_between_the_breaks() {
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n"), [whole("")]);
        assert_eq!(
            lines(b"one\ntwo, which is longer\n\nlast"),
            [
                whole("one"),
                whole("two, which is longer"),
                whole(""),
                whole("last")
            ]
        );
        assert_eq!(whole(" mark\r").text(), "mark");
        assert_eq!(Line::Whole(vec![b'a', 0xff]).text(), "a\u{fffd}");
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_the_next_is_whole() {
        let longest = vec![b'x'; LONGEST_LINE];
        let mut bytes = longest.clone();
        bytes.extend_from_slice(b"\nnext");
        assert_eq!(lines(&bytes), [Line::Whole(longest.clone()), whole("next")]);
        bytes.insert(0, b'x');
        assert_eq!(lines(&bytes), [Line::Cut(longest), whole("next")]);
    }

    #[test]
    fn a_gibibyte_without_a_break_is_read_over() {
        let flood = BufReader::new(repeat(b'x').take(1 << 30));
        let lines: Vec<Line> = Lines::of(flood).collect();
        assert_eq!(lines, [Line::Cut(vec![b'x'; LONGEST_LINE])]);
    }
}
