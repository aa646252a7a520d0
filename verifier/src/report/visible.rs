//! What may reach a screen: names in evidence are their author's.

/// A character as it may be shown: one that moves the cursor or turns the line round becomes a mark.
pub(crate) fn visible(character: char) -> char {
    match character {
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
        hidden if hidden.is_control() => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn letters_stay_and_what_moves_or_hides_text_is_marked() {
        for shown in ['a', 'é', '中', '𝛼', ' ', '<'] {
            assert_eq!(visible(shown), shown);
        }
        for hidden in ['\u{1b}', '\n', '\u{9b}', '\u{202e}', '\u{2066}', '\u{61c}', '\u{e0041}'] {
            assert_eq!(visible(hidden), '\u{fffd}', "{}", hidden.escape_unicode());
        }
    }
}
