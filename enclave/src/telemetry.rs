//! Logs that cannot hold a prompt or a key, at any level.
//!
//! A field is written only when its name is on the list below, whoever logs it. Of other crates' events
//! nothing but the level and the origin is written: some of them print the bytes they handle at trace
//! level. No environment variable changes any of this; the level is a setting, and settings are attested.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Names of fields that are written. Each is a decision, a count or a public name.
const FIELDS: [&str; 13] = [
    "boot_id",
    "count",
    "epoch",
    "load_ms",
    "locked",
    "message",
    "model",
    "ms",
    "read_ms",
    "reason",
    "seconds",
    "self_test_ms",
    "status",
];
/// The crates whose messages are literals of this repository.
const OURS: &str = "sealroom_";

/// Writes one line per event to `writer`, from `level` upwards.
pub fn subscriber<W: Write + Send + 'static>(
    level: Level,
    writer: W,
) -> impl Subscriber + Send + Sync {
    Lines { level, writer: Mutex::new(writer) }
}

/// Makes every panic of this process one line that names its place and nothing else. The message that is
/// printed otherwise can quote a prompt: a slice at a wrong byte prints the text that it was to cut.
pub fn hide_panics() {
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => tracing::error!(reason = %place, "panicked"),
        None => tracing::error!("panicked"),
    }));
}

struct Lines<W> {
    level: Level,
    writer: Mutex<W>,
}

impl<W: Write + Send + 'static> Subscriber for Lines<W> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Of other crates only what they call a warning or worse is worth a line.
        let ours = metadata.target().starts_with(OURS);
        metadata.is_event()
            && *metadata.level() <= self.level.min(if ours { Level::TRACE } else { Level::WARN })
    }

    fn new_span(&self, _attributes: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = format!("{:5} {}", metadata.level().as_str(), metadata.target());
        if metadata.target().starts_with(OURS) {
            event.record(&mut Allowed(&mut line));
        }
        line.push('\n');
        // A log that cannot be written must not stop the node.
        drop(self.writer.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()));
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// Writes fields on the list, one line whatever they hold.
struct Allowed<'a>(&'a mut String);

impl Visit for Allowed<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if !FIELDS.contains(&field.name()) {
            return;
        }
        let text: String = format!("{value:?}").chars().map(printable).collect();
        let written = if field.name() == "message" {
            write!(self.0, " {text}")
        } else {
            write!(self.0, " {}={text}", field.name())
        };
        written.expect("writing to a string cannot fail");
    }
}

/// No character may start a line of its own or speak to a terminal.
const fn printable(c: char) -> char {
    match c {
        ' '..='~' => c,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: Level, log: impl FnOnce()) -> String {
        let memory = Memory::default();
        tracing::subscriber::with_default(subscriber(level, memory.clone()), log);
        let bytes = memory.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn writes_fields_on_the_list_and_no_other() {
        let lines = logged(Level::TRACE, || {
            tracing::trace!(status = 404, prompt = "canary", "refused");
        });
        assert_eq!(lines, "TRACE sealroom_enclave::telemetry::tests refused status=404\n");
    }

    #[test]
    fn of_other_crates_it_writes_the_origin_of_warnings_alone() {
        let lines = logged(Level::TRACE, || {
            tracing::trace!(target: "h2::codec", "canary");
            tracing::warn!(target: "h2::codec", reason = "canary", "canary");
        });
        assert_eq!(lines, "WARN  h2::codec\n");
    }

    #[test]
    fn a_value_cannot_begin_a_line_or_an_escape() {
        let lines = logged(Level::INFO, || {
            tracing::info!(reason = %"a\nERROR forged\u{1b}[31m", "note");
        });
        assert_eq!(lines.lines().count(), 1);
        assert!(!lines.contains('\u{1b}'));
    }

    #[test]
    fn a_panic_shows_its_place_and_not_its_message() {
        let before = std::panic::take_hook();
        hide_panics();
        let lines = logged(Level::INFO, || {
            let text = String::from("\u{e9} canary");
            let cut = std::panic::catch_unwind(|| text[1..].len());
            assert_eq!(cut.ok(), None, "inside a character");
        });
        std::panic::set_hook(before);
        let line = "ERROR sealroom_enclave::telemetry panicked reason=enclave/src/telemetry.rs:";
        assert!(lines.starts_with(line) && lines.lines().count() == 1, "{lines}");
        assert!(!lines.contains("canary"), "{lines}");
    }

    #[test]
    fn keeps_to_its_level() {
        assert_eq!(logged(Level::INFO, || tracing::debug!("quiet")), "");
    }
}
