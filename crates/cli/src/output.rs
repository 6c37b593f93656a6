//! Standard output: lines of JSON, or a table for people.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use crate::args::{Form, Output};

/// Where data goes. A reader that has gone away is no error: what it did not want is not written.
pub(crate) struct Out<W: Write> {
    to: BufWriter<W>,
    gone: bool,
}

impl Out<io::Stdout> {
    pub(crate) fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write> Out<W> {
    fn new(to: W) -> Self {
        Self { to: BufWriter::new(to), gone: false }
    }

    /// One item as a line of JSON.
    pub(crate) fn json(&mut self, item: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(item)?;
        line.push(b'\n');
        self.write(&line)
    }

    /// A table with a header; each column is as wide as its widest cell.
    pub(crate) fn table(&mut self, header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
        let header = header.iter().map(|h| (*h).to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(&header)
            .chain(rows)
            .map(|row| row.iter().map(|cell| plain(cell)).collect())
            .collect();
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..header.len()).map(|i| width(i).unwrap_or(0)).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).map(|(cell, w)| format!("{cell:<w$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            self.write(format!("{}\n", line.trim_end()).as_bytes())?;
        }
        Ok(())
    }

    /// Text for people, as it is.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.write(text.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        let written = self.to.write_all(bytes);
        self.noted(written)
    }

    /// Writes out what is held.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        let written = self.to.flush();
        self.noted(written)
    }

    fn noted(&mut self, written: io::Result<()>) -> io::Result<()> {
        match written {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(())
            }
            other => other,
        }
    }
}

impl Output {
    /// The form that was asked for, else the one that fits standard output.
    pub(crate) fn form(&self) -> Form {
        let fitting = || if io::stdout().is_terminal() { Form::Table } else { Form::Json };
        self.output.unwrap_or_else(fitting)
    }
}

/// A line for people, on standard error; nobody has to read it.
pub(crate) fn tell(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Text of others for a terminal: without characters that steer it.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_controls_are_gone() {
        let mut out = Out::new(Vec::new());
        let rows = [vec!["a\x1b[2J".into(), "ü".into()], vec!["longer".into(), String::new()]];
        out.table(&["name", "x"], &rows).unwrap();
        let text = String::from_utf8(out.to.into_inner().unwrap()).unwrap();
        assert_eq!(text, "name    x\na\u{fffd}[2J   ü\nlonger\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Out::new(Gone);
        out.json(&1).unwrap();
        out.flush().unwrap();
        assert!(out.gone);
        out.json(&2).unwrap();
    }
}
