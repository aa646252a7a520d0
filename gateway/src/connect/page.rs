//! The status page: one file without scripts and without anything loaded from elsewhere.

use std::fmt::{self, Write};

use sealroom_attestation::claims::{Finding, Outcome};
use sealroom_verifier::Verdict;

use super::status::{Known, key_name};
use crate::session::{Session, SessionError};

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sealroom status</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
.simulated{background:#b00020;color:#fff;font-weight:bold;padding:.75rem 1rem;border-radius:.25rem}
h1{font-size:1.5rem}.accepted,.pass{color:#0a6b2d}.refused,.fail{color:#b00020;font-weight:bold}.undecided,.open{color:#8a5a00}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ddd}
td{overflow-wrap:anywhere}td:first-child{white-space:nowrap}code{font-size:.875rem}.why{color:#555;font-size:.875rem}
dt{font-weight:bold}dd{margin:0 0 .5rem;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}.accepted,.pass{color:#5fd38a}.refused,.fail{color:#ff7b8a}.undecided,.open{color:#e0b060}.why{color:#aaa}th,td{border-color:#444}}
</style></head><body>
"#;

/// The page for what is known now.
pub(super) fn render(known: &Known) -> String {
    let mut page = String::from(HEAD);
    write(known, &mut page).expect("writing to a string");
    page
}

fn write(known: &Known, out: &mut String) -> fmt::Result {
    let verdict = known.verdict();
    if verdict.is_some_and(Verdict::simulated) {
        let text = "the hardware root is a test key; this proves nothing about a machine";
        writeln!(out, "<p class=\"simulated\">SIMULATED: {text}</p>")?;
    }
    let (state, node) = (known.state(), Escaped(&known.node));
    let class = match state {
        "verified" => "accepted",
        "refused" => "refused",
        _ => "undecided",
    };
    writeln!(out, "<h1><span class=\"{class}\">{state}</span>: {node}</h1>")?;
    if let Some(session) = known.session() {
        about_session(session, out)?;
    }
    if let Some(error) = known.error() {
        about_error(error, out)?;
    }
    if let Some(verdict) = verdict {
        table(verdict, out)?;
    }
    out.write_str(
        "<p class=\"why\">The same as JSON: <code>/status.json</code></p></body></html>\n",
    )
}

fn about_session(session: &Session, out: &mut String) -> fmt::Result {
    let model = Escaped(&session.accepted().claims().manifest.name);
    let (boot_id, key, left) =
        (session.boot_id(), key_name(session), session.remaining().as_secs());
    writeln!(
        out,
        "<dl><dt>Model</dt><dd>{model}</dd><dt>Boot</dt><dd><code>{boot_id}</code></dd>"
    )?;
    writeln!(out, "<dt>Prompts are sealed to</dt><dd>an attested {key} key</dd>")?;
    writeln!(out, "<dt>Verified again within</dt><dd>{left} s</dd></dl>")
}

fn about_error(error: &SessionError, out: &mut String) -> fmt::Result {
    let (check, text) = (error.reason(), error.to_string());
    writeln!(out, "<p class=\"fail\">{}: {}</p>", check.id, Escaped(&text))?;
    writeln!(out, "<p>{} What to do: {}.</p>", Escaped(check.why), Escaped(check.fix))
}

fn table(verdict: &Verdict, out: &mut String) -> fmt::Result {
    for one in &verdict.exceptions {
        let (id, reason) = (one.check.id, Escaped(&one.reason));
        let state = verdict.state(one);
        writeln!(
            out,
            "<p class=\"fail\">DANGER: <code>{id}</code> is excepted until {} ({state}): {reason}</p>",
            one.until
        )?;
    }
    out.write_str("<table><tr><th>Check</th><th>Result</th><th>Found</th></tr>\n")?;
    for row in verdict.ledger.findings() {
        line(row, out)?;
    }
    out.write_str("</table>\n")
}

fn line(row: &Finding, out: &mut String) -> fmt::Result {
    let (class, word) = match row.outcome {
        Outcome::Pass => ("pass", "pass"),
        Outcome::Fail => ("fail", "FAIL"),
        Outcome::Missing => ("open", "not checked, needed"),
        Outcome::NotGiven => ("why", "not checked"),
        Outcome::Excepted => ("fail", "EXCEPTED"),
    };
    let (id, found) = (row.check.id, Escaped(&row.found));
    write!(out, "<tr><td><code>{id}</code></td><td class=\"{class}\">{word}</td><td>{found}")?;
    if matches!(row.outcome, Outcome::Fail | Outcome::Excepted) {
        let (expected, why) = (Escaped(&row.expected), Escaped(row.check.why));
        let fix = Escaped(row.check.fix);
        write!(out, "<br>expected: {expected}<div class=\"why\">{why}<br>What to do: {fix}</div>")?;
    }
    out.write_str("</td></tr>\n")
}

/// Text of others as text: it never becomes markup.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            // Controls and marks of direction change how the rest of a line reads.
            '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => f.write_char('\u{fffd}'),
            other => f.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealroom_attestation::{Ledger, checks};
    use sealroom_verifier::{Crypto, Decision};

    #[test]
    fn text_of_others_never_becomes_markup() {
        let text = Escaped("<script>alert('&\"')</script>\u{202e}\u{1b}").to_string();
        let expected = "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;\u{fffd}\u{fffd}";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_refused_row_says_what_was_found_expected_and_to_be_done() {
        let mut ledger = Ledger::new();
        ledger.fail(&checks::STATEMENT_LEAF, "<b>", "another");
        let (decision, crypto) = (Decision::Refused, Crypto::Forged);
        let at = sealroom_attestation::UnixTime(0);
        let (exceptions, receipt, until) = (Vec::new(), None, at);
        let claims = None;
        let verdict = Verdict { decision, crypto, at, claims, exceptions, receipt, until, ledger };
        let mut out = String::new();
        table(&verdict, &mut out).expect("writing to a string");
        assert!(out.contains("statement.leaf") && out.contains("FAIL"), "{out}");
        assert!(out.contains("&lt;b&gt;<br>expected: another"), "{out}");
        assert!(out.contains(checks::STATEMENT_LEAF.fix), "{out}");
    }

    #[test]
    fn the_page_loads_nothing() {
        for word in ["<script", "http:", "https:", "<link", "<img", "@import", "url("] {
            assert!(!HEAD.contains(word), "{word}");
        }
    }
}
