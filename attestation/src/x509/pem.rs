//! Text around DER (RFC 7468), in its strict form: nothing but blocks, and one text for one block's bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One block of a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemBlock<'a> {
    /// What stands between `BEGIN` and the dashes.
    pub label: &'a str,
    /// The bytes inside.
    pub der: Vec<u8>,
}

/// Why text is not a list of PEM blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// Something other than blocks and empty lines.
    #[error("line {line} is not part of a PEM block")]
    Outside {
        /// Counted from 1.
        line: usize,
    },
    /// A block without its end, or with the end of another.
    #[error("the block that begins in line {line} does not end as it began")]
    Unclosed {
        /// Counted from 1.
        line: usize,
    },
    /// The text inside is not canonical base64.
    #[error("the block that begins in line {line} is not base64")]
    Base64 {
        /// Counted from 1.
        line: usize,
    },
}

/// Every block of a PEM file, in order. Empty lines between blocks are allowed, other text is not.
///
/// # Errors
/// When anything is not a closed block of canonical base64.
pub fn blocks(text: &str) -> Result<Vec<PemBlock<'_>>, PemError> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let at = index.saturating_add(1);
        if line.trim_end().is_empty() {
            continue;
        }
        let label = bracketed(line, "-----BEGIN ").ok_or(PemError::Outside { line: at })?;
        let mut body = String::new();
        loop {
            let (_, line) = lines.next().ok_or(PemError::Unclosed { line: at })?;
            if line.starts_with("-----") {
                if bracketed(line, "-----END ") != Some(label) {
                    return Err(PemError::Unclosed { line: at });
                }
                break;
            }
            body.push_str(line.trim_end());
        }
        let der = STANDARD.decode(body).map_err(|_| PemError::Base64 { line: at })?;
        blocks.push(PemBlock { label, der });
    }
    Ok(blocks)
}

/// The one text of a list of blocks with this label: lines of 64 characters, each ended by a line feed.
#[must_use]
pub fn canonical<'a>(label: &str, blocks: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for der in blocks {
        text.push_str(&format!("-----BEGIN {label}-----\n"));
        let encoded = STANDARD.encode(der);
        let mut rest = encoded.as_str();
        while let Some((line, left)) =
            rest.split_at_checked(64).filter(|(_, left)| !left.is_empty())
        {
            text.push_str(line);
            text.push('\n');
            rest = left;
        }
        text.push_str(rest);
        text.push_str(&format!("\n-----END {label}-----\n"));
    }
    text
}

fn bracketed<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    line.trim_end().strip_prefix(before)?.strip_suffix("-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_several_blocks_with_either_line_end() {
        let text = "-----BEGIN A-----\r\nAQI=\r\n-----END A-----\r\n\n-----BEGIN B C-----\nAw==\n-----END B C-----";
        let expected =
            [PemBlock { label: "A", der: vec![1, 2] }, PemBlock { label: "B C", der: vec![3] }];
        assert_eq!(blocks(text).as_deref(), Ok(&expected[..]));
    }

    #[test]
    fn the_canonical_text_is_read_back_and_breaks_lines_at_64() {
        let text = canonical("A", [&[7; 48][..], &[8; 49], &[]]);
        let bodies = [vec![7; 48], vec![8; 49], Vec::new()];
        let expected = bodies.map(|der| PemBlock { label: "A", der });
        assert_eq!(blocks(&text).as_deref(), Ok(&expected[..]));
        assert_eq!(text.lines().map(str::len).max(), Some(64));
        assert!(text.ends_with("-----END A-----\n"));
    }

    #[test]
    fn refuses_text_outside_and_blocks_that_do_not_close() {
        assert_eq!(blocks("hello\n"), Err(PemError::Outside { line: 1 }));
        assert_eq!(blocks("\n-----BEGIN A-----\nAQI=\n"), Err(PemError::Unclosed { line: 2 }));
        let other = "-----BEGIN A-----\nAQI=\n-----END B-----\n";
        assert_eq!(blocks(other), Err(PemError::Unclosed { line: 1 }));
        let loose = "-----BEGIN A-----\nAQJ=\n-----END A-----\n";
        assert_eq!(blocks(loose), Err(PemError::Base64 { line: 1 }));
    }
}
