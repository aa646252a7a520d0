//! When it counts: a line for everything that has a beginning and an end, around the time of judgement.

use std::fmt::Write as _;

use sealroom_attestation::{UnixTime, Window};

use super::markup::Html;
use crate::{
    report::provenance::{Span, spans},
    verdict::{Claims, Verdict},
};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Marks on the scale, to both sides.
const MARKS: [(u64, &str); 4] =
    [(DAY, "1 d"), (30 * DAY, "1 m"), (365 * DAY, "1 y"), (3_652 * DAY, "10 y")];

/// The section, where anything has dates.
pub(super) fn section(verdict: &Verdict, out: &mut Html) {
    let spans = spans(verdict);
    if spans.is_empty() {
        return;
    }
    let all = verdict.claims.as_ref().map_or(Window::ALWAYS, Claims::validity);
    let scale = Scale::of(verdict.at, &spans);
    out.raw("<section aria-labelledby=\"times\">\n<h2 id=\"times\">When it counts</h2>\n");
    out.element(
        "<p>Judged at ",
        verdict.at,
        ", in the middle of every line. Near times take more ",
    );
    out.raw("room than far ones: the marks are a day (d), a month (m), a year (y) and ten years ");
    out.raw("before and after.</p>\n");
    scale.axis(out);
    out.raw("<ul class=\"times\">\n");
    line(&scale, "all", &["All of it together".to_owned()], all, out);
    for span in &spans {
        line(&scale, "one", &span.names, span.window, out);
    }
    out.raw("</ul>\n</section>\n");
}

fn line(scale: &Scale, class: &'static str, names: &[String], window: Window, out: &mut Html) {
    let words = words(window, scale.at);
    out.raw("<li class=\"").raw(class);
    out.raw(if window.contains(scale.at) { "\">" } else { " bad\">" });
    out.element("<b>", names.join(", "), "</b> ");
    if window.from <= window.until {
        out.raw("<span>").time(window.from).raw(" to ").time(window.until).raw("</span> ");
    }
    out.element("<span class=\"standing\">", &words, "</span>\n");
    out.raw("<svg class=\"bar\" role=\"img\" width=\"100%\" height=\"14\" aria-label=\"");
    out.text(&words).raw("\"><rect class=\"ground\" x=\"0\" y=\"5\" width=\"100%\" height=\"4\"/>");
    if window.from <= window.until {
        let (from, until) = (scale.place(window.from), scale.place(window.until));
        out.element("<rect class=\"span\" x=\"", Percent(from), "\" y=\"2\" width=\"");
        // What lasts less than the picture can show is still to be seen.
        let width = until.saturating_sub(from).max(4);
        out.text(Percent(width)).raw("\" height=\"10\"/>");
    }
    out.raw("<line class=\"now\" x1=\"50%\" x2=\"50%\" y1=\"0\" y2=\"14\"/></svg></li>\n");
}

fn words(window: Window, at: UnixTime) -> String {
    if window.from > window.until {
        return "there is no time at which all of it counts".to_owned();
    }
    if at < window.from {
        return format!("does NOT count yet: begins {} later", lasting(window.from.0 - at.0));
    }
    if at > window.until {
        return format!("does NOT count any more: ended {} before", lasting(at.0 - window.until.0));
    }
    match window.until {
        UnixTime(u64::MAX) => "counts, and has no end".to_owned(),
        until => format!("counts for {} more", lasting(until.0 - at.0)),
    }
}

/// A length of time, in the largest unit of which there are two.
fn lasting(seconds: u64) -> String {
    let units = [(365 * DAY, "years"), (DAY, "days"), (HOUR, "hours"), (60, "minutes")];
    let unit = units.into_iter().find(|(length, _)| seconds / length >= 2);
    unit.map_or_else(
        || format!("{seconds} seconds"),
        |(length, name)| format!("{} {name}", seconds / length),
    )
}

/// Thousandths of a picture's width, as SVG writes them.
struct Percent(u64);

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}%", self.0 / 10, self.0 % 10)
    }
}

/// Where a time stands: by the logarithm of its distance, so that an hour and a century fit on one line.
struct Scale {
    at: UnixTime,
    farthest: u64,
}

impl Scale {
    fn of(at: UnixTime, spans: &[Span]) -> Self {
        let ends = spans.iter().flat_map(|span| [span.window.from, span.window.until]);
        let farthest = ends.map(|end| end.0.abs_diff(at.0)).max().unwrap_or(0);
        // A certificate without an end must not push everything else into the middle.
        Self { at, farthest: farthest.clamp(DAY, 400 * 365 * DAY) }
    }

    fn place(&self, time: UnixTime) -> u64 {
        let away = self.away(time.0.abs_diff(self.at.0));
        if time < self.at { 500 - away } else { 500 + away }
    }

    /// Thousandths of the width from the middle: 0 to 500.
    fn away(&self, seconds: u64) -> u64 {
        logarithm(seconds.min(self.farthest)) * 500 / logarithm(self.farthest)
    }

    fn axis(&self, out: &mut Html) {
        out.raw("<svg class=\"axis\" aria-hidden=\"true\" width=\"100%\" height=\"20\">");
        let marks = MARKS.iter().filter(|(length, _)| *length < self.farthest);
        for (length, name) in marks {
            let away = self.away(*length);
            for (place, sign) in [(500 - away, "−"), (500 + away, "+")] {
                let mut label = String::new();
                write!(label, "{sign}{name}").expect("writing to a string");
                out.element("<text x=\"", Percent(place), "\" y=\"15\">")
                    .text(label)
                    .raw("</text>");
            }
        }
        out.raw("<text x=\"50%\" y=\"15\">judged</text></svg>\n");
    }
}

/// Of so many seconds and an hour over an hour, to the base of two, in thousandths; between powers of two a straight
/// line. Whole numbers give the same page on every machine.
const fn logarithm(seconds: u64) -> u64 {
    const fn scaled(number: u64) -> u64 {
        let power = number.ilog2();
        power as u64 * 1000 + (number - (1 << power)) * 1000 / (1 << power)
    }
    scaled(HOUR + seconds) - scaled(HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: u64, until: u64) -> Window {
        Window { from: UnixTime(from), until: UnixTime(until) }
    }

    #[test]
    fn says_in_words_whether_it_counts_up_to_both_ends() {
        let at = UnixTime(1_000_000);
        assert_eq!(words(window(at.0, at.0), at), "counts for 0 seconds more");
        assert_eq!(
            words(window(0, at.0 - 1), at),
            "does NOT count any more: ended 1 seconds before"
        );
        let later = words(window(at.0 + 3 * DAY, u64::MAX), at);
        assert_eq!(later, "does NOT count yet: begins 3 days later");
        assert_eq!(words(window(0, u64::MAX), at), "counts, and has no end");
        assert_eq!(words(window(5, 4), at), "there is no time at which all of it counts");
    }

    #[test]
    fn places_grow_with_time_and_never_leave_the_picture() {
        let at = UnixTime(1_000_000_000);
        let span = Span { names: Vec::new(), window: window(at.0 - 10 * DAY, at.0 + 400 * DAY) };
        let scale = Scale::of(at, &[span]);
        let times = [0, at.0 - DAY, at.0, at.0 + 1, at.0 + HOUR, at.0 + 400 * DAY, u64::MAX];
        let places = times.map(|time| scale.place(UnixTime(time)));
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!((places[0], places[2], places[5], places[6]), (0, 500, 1000, 1000));
    }
}
