//! What the demo shows: a story for people, or one JSON document for programs.

use std::{io::Write, net::SocketAddr};

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use sealroom_attestation::receipt::{Finish, Receipt};
use sealroom_tests::{attacks::Outcome, hardware::Platform};
use sealroom_verifier::{
    Verdict,
    report::{VerdictReport, summary},
};
use serde::Serialize;

use crate::run::Answer;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const TITLE: Style = Style::new().bold();

/// Where the story goes: standard output for people, nowhere but standard error beside JSON.
pub(crate) struct Screen {
    json: bool,
}

impl Screen {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Says what is being done, so that nobody waits before a silent terminal.
    pub(crate) fn step(&self, what: &str) {
        anstream::eprintln!("{QUIET}· {what}{QUIET:#}");
    }

    fn say(&self, text: &str) {
        if !self.json {
            anstream::print!("{text}");
            // A story that cannot be shown is no reason to fail.
            let _flushed = std::io::stdout().flush();
        }
    }

    pub(crate) fn verdict(&self, verdict: &Verdict) {
        self.say(&format!("\n{}", summary(verdict)));
    }

    pub(crate) fn prompt(&self, prompt: &str) {
        self.say(&format!("\n{TITLE}{prompt}{TITLE:#}\n\n"));
    }

    pub(crate) fn token(&self, text: &str) {
        self.say(text);
    }

    pub(crate) fn receipt(&self, answer: &Answer) {
        let receipt = answer.receipt.claims();
        let usage = receipt.usage;
        self.say(&format!(
            "\n\n{GOOD}receipt {}{GOOD:#} of boot {}…: {} prompt tokens, {} answered, {:.0} ms to the first, {:.1} tokens/s\n",
            receipt.sequence,
            receipt.boot_id.to_string().get(..16).unwrap_or_default(),
            usage.prompt,
            usage.completion,
            answer.first.as_secs_f64() * 1000.0,
            answer.rate(),
        ));
        for row in answer.receipt.ledger().findings() {
            self.say(&format!("  {:26} {GOOD}pass{GOOD:#}\n", row.check.id));
        }
        self.say("\n");
    }

    pub(crate) fn attack(&self, outcome: &Outcome) {
        let (control, refused) = (mark(outcome.control), mark(outcome.refused));
        let check = outcome.check.as_deref().unwrap_or("answered");
        let Outcome { name, problem, .. } = outcome;
        self.say(&format!("  {name:48} control answered {control}  refused {refused} {check}\n"));
        if let Some(problem) = problem {
            anstream::eprintln!("{BAD}{name}: {problem}{BAD:#}");
        }
    }

    pub(crate) fn finish(&self, report: &Report<'_>) -> Result<()> {
        if self.json {
            let mut out = std::io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, report)?;
            writeln!(out)?;
            return Ok(());
        }
        let all = report.attacks.len();
        let refused = report.attacks.iter().filter(|attack| attack.refused).count();
        let answered = report.attacks.iter().filter(|attack| attack.control).count();
        let style = if report.ok { GOOD } else { BAD };
        self.say(&format!("\n{style}{refused} of {all} attacks refused, {answered} of {all} controls answered{style:#}\n"));
        Ok(())
    }

    pub(crate) fn keep(&self, address: SocketAddr, model: &str) {
        let call = format!("client.chat.completions.create(model=\"{model}\", messages=[...])");
        anstream::eprintln!(
            "\nrunning until Ctrl-C. Any OpenAI SDK, for example:\n  from openai import OpenAI\n  \
             client = OpenAI(base_url=\"http://{address}/v1\", api_key=\"none\")\n  {call}\n\
             status: http://{address}/status"
        );
    }
}

fn mark(good: bool) -> String {
    if good { format!("{GOOD}✓{GOOD:#}") } else { format!("{BAD}✗{BAD:#}") }
}

/// The demo as programs read it.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    ok: bool,
    platform: String,
    verdict: VerdictReport<'a>,
    answer: AnswerReport,
    receipt: ReceiptReport,
    attacks: &'a [Outcome],
}

#[derive(Serialize)]
struct AnswerReport {
    tokens: u64,
    ttft_ms: f64,
    tokens_per_second: f64,
}

#[derive(Serialize)]
struct ReceiptReport {
    boot_id: String,
    sequence: u64,
    request_id: String,
    request_digest: String,
    kem_configuration: String,
    manifest: String,
    prompt_tokens: u64,
    completion_tokens: u64,
    total_us: u64,
    finish: &'static str,
    checks: Vec<&'static str>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(
        platform: Platform,
        verdict: &'a Verdict,
        answer: &Answer,
        attacks: &'a [Outcome],
    ) -> Self {
        let answered = AnswerReport {
            tokens: answer.tokens,
            ttft_ms: answer.first.as_secs_f64() * 1000.0,
            tokens_per_second: answer.rate(),
        };
        let findings = answer.receipt.ledger().findings();
        let checks = findings.iter().map(|row| row.check.id).collect();
        let receipt = ReceiptReport::new(answer.receipt.claims(), checks);
        let fought = attacks.iter().all(|attack| attack.control && attack.refused);
        let ok = answer.tokens > 0 && fought && !attacks.is_empty();
        let platform = platform.to_string();
        Self { ok, platform, verdict: verdict.into(), answer: answered, receipt, attacks }
    }

    pub(crate) const fn ok(&self) -> bool {
        self.ok
    }
}

impl ReceiptReport {
    fn new(receipt: &Receipt, checks: Vec<&'static str>) -> Self {
        Self {
            boot_id: receipt.boot_id.to_string(),
            sequence: receipt.sequence,
            request_id: hex::encode(receipt.request_id),
            request_digest: receipt.request_digest.to_string(),
            kem_configuration: receipt.kem.to_string(),
            manifest: receipt.manifest.to_string(),
            prompt_tokens: receipt.usage.prompt,
            completion_tokens: receipt.usage.completion,
            total_us: receipt.timing.total,
            finish: match receipt.finish {
                Finish::Stop => "stop",
                Finish::Length => "length",
                Finish::Tool => "tool",
                Finish::Cancelled => "cancelled",
                Finish::Error => "error",
            },
            checks,
        }
    }
}
