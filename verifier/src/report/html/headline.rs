//! The first thing that is read: SIMULATED where it is, then the decision, its reason, and what to do.

use crate::verdict::{Crypto, Decision, Verdict};

use super::markup::Html;

/// The title of the page: as in the tab of a browser.
pub(super) fn title(verdict: &Verdict) -> String {
    let simulated = if verdict.simulated() { "SIMULATED, " } else { "" };
    format!("{simulated}{}: verdict of {}", verdict.decision.name(), verdict.at)
}

/// Where a root is a test key, nothing else may be read first; then what the policy's owner lets break.
pub(super) fn banner(verdict: &Verdict, out: &mut Html) {
    if verdict.simulated() {
        out.raw("<div class=\"simulated\" role=\"note\"><strong>SIMULATED</strong> ");
        out.raw("The hardware root is a test key: this proves nothing about a machine.</div>\n");
    }
    for one in &verdict.exceptions {
        out.raw("<div class=\"danger\" role=\"note\"><strong>DANGER</strong> ");
        out.element("<code>", one.check.id, "</code> is excepted until ").time(one.until);
        out.element(" (", verdict.state(one), "): ").element("", &one.reason, "</div>\n");
    }
}

/// The decision.
pub(super) fn decision(verdict: &Verdict, out: &mut Html) {
    out.raw("<header class=\"").raw(class(verdict)).raw("\">\n");
    out.element("<h1>Verdict: ", verdict.decision.name(), "");
    out.raw(if verdict.simulated() { ", SIMULATED</h1>\n" } else { "</h1>\n" });
    out.element("<p class=\"reason\">", reason(verdict), "</p>\n");
    out.element("<p><b>What to do:</b> ", what_to_do(verdict), "</p>\n");
    out.element("<p><b>Genuine?</b> ", crypto(verdict), "</p>\n</header>\n");
}

/// What is simulated is never green.
fn class(verdict: &Verdict) -> &'static str {
    match verdict.decision {
        Decision::Accepted if verdict.simulated() || verdict.excepted() => "open",
        Decision::Accepted => "good",
        Decision::Refused => "bad",
        Decision::Undecided => "open",
    }
}

fn reason(verdict: &Verdict) -> String {
    match (verdict.decision, verdict.decisive()) {
        (Decision::Accepted, _) if verdict.excepted() => {
            "Everything that the policy asks was checked; what does not hold is excepted.".into()
        }
        (Decision::Accepted, _) => "Everything that the policy asks was checked and holds.".into(),
        (_, Some(row)) => {
            let about = row.subject.as_ref().map_or(String::new(), |name| format!(" ({name})"));
            let wanted = match row.expected.as_str() {
                "" => String::new(),
                expected => format!("; wanted: {expected}"),
            };
            format!("Because of {}{about}: {}{wanted}", row.check.id, row.found)
        }
        (_, None) => "No policy was asked: only whether the evidence is genuine.".into(),
    }
}

fn what_to_do(verdict: &Verdict) -> String {
    match (verdict.decision, verdict.decisive()) {
        (Decision::Accepted, _) if verdict.simulated() => {
            "use it for tests; never send it anything that must stay private".into()
        }
        (Decision::Accepted, _) => format!("rely on it until {}", verdict.valid_until()),
        (_, Some(row)) => row.check.fix.into(),
        (_, None) => "judge it again with a policy before you rely on it".into(),
    }
}

fn crypto(verdict: &Verdict) -> &'static str {
    match verdict.crypto {
        Crypto::Genuine if verdict.simulated() => "The evidence is a simulated vendor's.",
        Crypto::Genuine => "The evidence is genuinely the vendor's.",
        Crypto::Forged => "No: the evidence does not prove what it says.",
        Crypto::Undecided => "Whether the evidence is genuine could not be decided.",
    }
}
