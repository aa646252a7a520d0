//! What stands under which key: docs/wire-formats.md as lists.

/// How an item's content is shown.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// By its own kind.
    Plain,
    /// Seconds since 1970.
    Time,
    /// Bytes that are text.
    Text,
    /// Numbers with words.
    Named(&'static [(u64, &'static str)]),
}

impl Form {
    pub(super) fn word(self, number: u64) -> String {
        let names = match self {
            Self::Named(names) => names,
            Self::Plain | Self::Time | Self::Text => &[],
        };
        let name = names.iter().find(|(known, _)| *known == number).map(|(_, name)| *name);
        format!("{number} ({})", name.unwrap_or("not known"))
    }
}

/// Place by keys and indices, of which one may be any (`*`); name, form and meaning.
pub(super) type Names = &'static [(&'static str, &'static str, Form, &'static str)];

use Form::{Named, Plain, Text, Time};

pub(super) const BUNDLE: Names = &[
    ("", "bundle", Plain, "everything that a node shows"),
    ("1", "version", Plain, "version of the bundle"),
    ("2", "statement", Plain, "what the node commits to; explained below"),
    ("4", "GPU entries", Plain, "GPUs and switches"),
    ("4/*", "GPU *", Plain, "one device"),
    ("4/*/1", "GPU * class", Named(CLASSES), "family of devices with one layout"),
    ("4/*/2", "GPU * report", Plain, "measurement report; explained below"),
    ("4/*/3", "GPU * chain", Text, "certificates, PEM"),
    ("5", "key configurations", Plain, "application/ohttp-keys, RFC 9458 §3"),
    ("6", "manifest", Plain, "which model; explained below"),
    ("7", "configuration", Plain, "with which settings; explained below"),
    ("8", "binder", Plain, "ties it to one session; null: cached"),
    ("8/0", "binder kind", Named(BINDERS), "how"),
    ("8/1", "binder value", Plain, "signature, or place of the leaf"),
    ("8/2", "audit path", Plain, "from the leaf up, RFC 9162 §2.1.3"),
    ("8/2/*", "audit path *", Plain, "a sibling's hash"),
];

pub(super) const SNP: Names = &[
    ("3", "hardware", Plain, "what the CPU shows"),
    ("3/0", "hardware kind", Named(KINDS), "which CPU"),
    ("3/1", "hardware report", Plain, "attestation report; explained below"),
    ("3/2", "certificate table", Plain, "what the host gave: GHCB 56421 §4.1.8.1"),
];

pub(super) const TDX: Names = &[
    ("3", "hardware", Plain, "what the CPU shows"),
    ("3/0", "hardware kind", Named(KINDS), "which CPU"),
    ("3/1", "hardware quote", Plain, "quote; explained below"),
    ("3/2", "event log", Plain, "CC event log, replayed against the RTMRs"),
];

pub(super) const VTPM: Names = &[
    ("3", "hardware", Plain, "what the CPU shows"),
    ("3/0", "hardware kind", Named(KINDS), "which CPU"),
    ("3/1", "HCL report", Plain, "report over a vTPM's key; not explained"),
    ("3/2", "TPMS_ATTEST", Plain, "TPM 2.0 part 2, 10.12.8"),
    ("3/3", "vTPM signature", Plain, "by the vTPM's key"),
    ("3/4", "certificates", Plain, "of the chip"),
];

pub(super) const STATEMENT: Names = &[
    ("", "statement", Plain, "what the node commits to"),
    ("1", "version", Plain, "version of the statement"),
    ("2", "role", Named(&[(1, "node")]), "who speaks"),
    ("3", "identity", Plain, "Ed25519 key that signs binders"),
    ("4", "receipt key", Plain, "Ed25519 key that signs receipts"),
    ("5", "TLS leaf", Plain, "SHA-256 of its SubjectPublicKeyInfo"),
    ("6", "key configurations", Plain, "SHA-256 of the bundle's"),
    ("7", "KEM epoch", Plain, "how often keys changed since boot"),
    ("8", "GPUs", Plain, "hash of the GPU entries; null: none"),
    ("9", "GPU seed", Plain, "from which the GPUs' nonce follows"),
    ("10", "manifest", Plain, "hash of the manifest"),
    ("11", "configuration", Plain, "hash of the configuration"),
    ("12", "freshness", Plain, "what the quote proves of time"),
    ("12/0", "freshness kind", Named(&[(1, "challenge"), (2, "tree of sessions")]), "how"),
    ("12/1", "freshness value", Plain, "the verifier's nonce, or the tree's root"),
    ("12/2", "tree size", Plain, "how many sessions wait"),
    ("13", "issued at", Time, "by the guest's clock"),
    ("14", "expires at", Time, "at most an hour later"),
];

pub(super) const MANIFEST: Names = &[
    ("", "manifest", Plain, "what decides a model's answers"),
    ("1", "version", Plain, "version of the manifest"),
    ("2", "model", Plain, "public name"),
    ("3", "files", Plain, "files of the model"),
    ("3/*", "file *", Plain, "one file"),
    ("3/*/0", "file * name", Plain, "without folders"),
    ("3/*/1", "file * size", Plain, "bytes"),
    ("3/*/2", "file * digest", Plain, "SHA-256"),
    ("4", "tokenizer", Plain, "its digest"),
    ("5", "template", Plain, "digest of the chat template"),
    ("6", "engine", Plain, "what computes"),
    ("6/0", "engine kind", Plain, "which engine"),
    ("6/1", "engine build", Plain, "which build of it"),
    ("7", "parameters", Plain, "what else changes answers"),
    ("7/*", "parameter *", Plain, "its value"),
    ("8", "adapters", Plain, "their digests"),
    ("8/*", "adapter *", Plain, "SHA-256"),
];

pub(super) const CONFIGURATION: Names = &[
    ("", "configuration", Plain, "the node's settings"),
    ("1", "version", Plain, "version of the configuration"),
    ("2", "settings", Plain, "every accepted setting"),
    ("2/*", "setting *", Plain, "its value"),
];

const CLASSES: &[(u64, &str)] = &[(1, "Hopper"), (2, "Blackwell"), (3, "LS10")];
const KINDS: &[(u64, &str)] = &[(1, "SEV-SNP"), (2, "TDX"), (3, "SEV-SNP behind Azure's vTPM")];
const BINDERS: &[(u64, &str)] = &[(1, "signature"), (2, "leaf of a tree")];
