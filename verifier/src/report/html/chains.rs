//! The certificate chains as a picture: boxes from the root down, and what the lowest key signed.

use sealroom_attestation::{Outcome, x509::Certificate};

use super::markup::Html;
use crate::{
    report::provenance::{Chain, End, Root, chains},
    verdict::Verdict,
};

/// How many ends stand beside the chain.
const BESIDE: usize = 2;

/// The section.
pub(super) fn section(verdict: &Verdict, out: &mut Html) {
    out.raw("<section aria-labelledby=\"chains\">\n<h2 id=\"chains\">Who certified it</h2>\n");
    let chains = chains(verdict);
    if chains.iter().all(|chain| chain.links.is_empty()) {
        out.raw("<p>No certificate could be read.</p>\n");
    }
    for chain in chains.iter().filter(|chain| !chain.links.is_empty()) {
        out.element("<h3>", chain.title, "</h3>\n");
        picture(verdict, chain, out);
    }
    out.raw("</section>\n");
}

fn picture(verdict: &Verdict, chain: &Chain<'_>, out: &mut Html) {
    // A whole board does not fit beside its authorities: it goes below them.
    let many = chain.ends.len() > BESIDE;
    out.raw(if many { "<ol class=\"chain many\">\n" } else { "<ol class=\"chain\">\n" });
    if chain.root == Root::NotFound {
        out.raw("<li><div class=\"box open\"><b>Root</b><p>Nothing that is trusted stands above ");
        out.raw("the next certificate.</p></div></li>\n");
    }
    for (place, link) in chain.links.iter().enumerate() {
        let is_root = place == 0 && chain.root != Root::NotFound;
        out.raw("<li>");
        if place > 0 || chain.root == Root::NotFound {
            arrow(chain.signature, out);
        }
        out.raw("<div class=\"box").raw(if is_root { root_class(chain.root) } else { "" });
        out.raw("\">");
        let last = place.checked_add(1) == Some(chain.links.len());
        let word = match (is_root, last) {
            (true, _) => "Root",
            (false, true) if chain.ends.iter().all(|end| end.own.is_empty()) => "Signing key",
            (false, _) => "Authority",
        };
        certificate(verdict, word, link, out);
        if is_root {
            out.element("<p class=\"standing\">", root_words(chain.root), "</p>");
        }
        out.raw("</div></li>\n");
    }
    ends(verdict, &chain.ends, out);
    out.raw("</ol>\n");
}

fn ends(verdict: &Verdict, ends: &[End<'_>], out: &mut Html) {
    out.raw("<li>");
    let worst = ends.iter().map(|end| end.signature);
    let worst = worst.min_by_key(|one| crate::report::provenance::severity(*one));
    arrow(worst.unwrap_or(Outcome::Missing), out);
    out.raw("<div class=\"ends\">");
    for end in ends {
        out.raw("<div class=\"box end").raw(end_class(end.signature)).raw("\">");
        for own in &end.own {
            let word = if own.authority.is_some() { "Device's key" } else { "Attestation key" };
            certificate(verdict, word, own, out);
        }
        out.element("<b>", &end.name, "</b>");
        out.element("<p class=\"standing\">", signature_words(end.signature), "</p></div>");
    }
    out.raw("</div></li>\n");
}

fn certificate(verdict: &Verdict, word: &'static str, link: &Certificate, out: &mut Html) {
    out.element("<span class=\"kind\">", word, "</span>");
    out.element("<b>", link.subject.shown(), "</b>");
    out.raw("<p>").time(link.validity.from).raw(" to<br>").time(link.validity.until);
    if !link.validity.contains(verdict.at) {
        out.raw("<br><strong>does NOT count at the time of judgement</strong>");
    }
    let digest = hex::encode(link.sha256);
    let short = digest.get(..16).unwrap_or(&digest);
    out.element("</p><p>SHA-256 <code>", short, "…</code></p>");
}

fn arrow(signature: Outcome, out: &mut Html) {
    let words = match signature {
        Outcome::Pass => "signed",
        Outcome::Fail => "NOT signed",
        Outcome::Missing | Outcome::NotGiven | Outcome::Excepted => "signature not checked",
    };
    let class = match signature {
        Outcome::Pass => "<span class=\"arrow\">",
        Outcome::Fail => "<span class=\"arrow bad\">",
        Outcome::Missing | Outcome::NotGiven | Outcome::Excepted => "<span class=\"arrow open\">",
    };
    out.element(class, words, "</span>");
}

const fn signature_words(signature: Outcome) -> &'static str {
    match signature {
        Outcome::Pass => "signature verified",
        Outcome::Fail => "signature does NOT verify",
        Outcome::Missing | Outcome::NotGiven | Outcome::Excepted => "signature not checked",
    }
}

const fn end_class(signature: Outcome) -> &'static str {
    match signature {
        Outcome::Pass => " good",
        Outcome::Fail => " bad",
        Outcome::Missing | Outcome::NotGiven | Outcome::Excepted => " open",
    }
}

const fn root_class(root: Root) -> &'static str {
    match root {
        Root::Pinned => " good",
        Root::Simulated | Root::NotTrusted => " bad",
        Root::NotFound => " open",
    }
}

const fn root_words(root: Root) -> &'static str {
    match root {
        Root::Pinned => "pinned in this program",
        Root::Simulated => "SIMULATED: a test key that was accepted on purpose",
        Root::NotTrusted => "NOT trusted: anybody could have made it",
        Root::NotFound => "not found",
    }
}
