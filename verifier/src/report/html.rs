//! A verdict as one page: nothing is loaded, nothing runs, the same verdict gives the same bytes.

mod chains;
mod checks;
mod headline;
mod markup;
mod subject;
mod tables;
mod tcb;
mod times;

use crate::verdict::Verdict;
use markup::Html;

const HEAD: &str = concat!(
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
    "<meta name=\"referrer\" content=\"no-referrer\">\n<style>\n",
    include_str!("html/style.css"),
    "</style>\n<title>",
);

/// A verdict as a page for people: SIMULATED first, then the decision, what was judged, who certified it, until when,
/// and every check with its reason.
#[must_use]
pub fn html(verdict: &Verdict) -> String {
    let mut out = Html::default();
    out.raw(HEAD).text(headline::title(verdict)).raw("</title>\n</head>\n<body>\n");
    headline::banner(verdict, &mut out);
    out.raw("<main>\n");
    headline::decision(verdict, &mut out);
    subject::section(verdict, &mut out);
    chains::section(verdict, &mut out);
    tcb::section(verdict, &mut out);
    times::section(verdict, &mut out);
    checks::section(verdict, &mut out);
    checks::not_checked(verdict, &mut out);
    out.raw("</main>\n<footer><p>Made by sealroom-verifier. ");
    out.raw(
        "The JSON form of this verdict has every value whole.</p></footer>\n</body>\n</html>\n",
    );
    out.finish()
}
