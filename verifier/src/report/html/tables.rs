//! Tables that a screen reader understands at any width: on a phone every cell stands under its own name, and the
//! roles say that it is still a table.

use std::fmt::Display;

use super::markup::Html;

/// Begins a table: its caption and the names of its columns.
pub(super) fn begin(out: &mut Html, caption: &'static str, columns: &[&'static str]) {
    out.element("<table role=\"table\"><caption>", caption, "</caption>");
    out.raw("<thead role=\"rowgroup\"><tr role=\"row\">");
    for column in columns {
        out.element("<th role=\"columnheader\" scope=\"col\">", column, "</th>");
    }
    out.raw("</tr></thead>\n<tbody role=\"rowgroup\">\n");
}

/// Begins a row of this class with its name.
pub(super) fn row(out: &mut Html, class: &'static str, name: impl Display) {
    out.raw("<tr role=\"row\" class=\"").raw(class).raw("\">");
    out.element("<th role=\"rowheader\" scope=\"row\">", name, "</th>");
}

/// One cell of the column of this name.
pub(super) fn cell(out: &mut Html, column: &'static str, text: impl Display) {
    out.raw("<td role=\"cell\" data-name=\"").raw(column).element("\">", text, "</td>");
}

/// Ends a row.
pub(super) fn end_row(out: &mut Html) {
    out.raw("</tr>\n");
}

/// Ends a table.
pub(super) fn end(out: &mut Html) {
    out.raw("</tbody></table>\n");
}
