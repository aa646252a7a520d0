//! What a verdict rests on: who certified whom, who signed what, and when each of them counts.

use std::collections::BTreeMap;

use sealroom_attestation::{
    Outcome, Window,
    gpu::{self, GpuClaims, rim::Rim},
    node::HardwareClaims,
    snp::{self, SnpClaims},
    tdx::{self, TdxClaims},
    x509::Certificate,
};

use crate::verdict::{Claims, Verdict};

/// What is known of the end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// Its digest is in this program.
    Pinned,
    /// A test key that the reader accepted on purpose.
    Simulated,
    /// It was given, and nobody trusts it.
    NotTrusted,
    /// Nothing stands at the end.
    NotFound,
}

/// What a chain signs at its lower end: a report, a quote, a document.
#[derive(Debug)]
pub(super) struct End<'v> {
    pub(super) name: String,
    /// Certificates of this one's own, the higher first.
    pub(super) own: Vec<&'v Certificate>,
    pub(super) signature: Outcome,
}

/// Certificates from the root down, and everything that they sign.
#[derive(Debug)]
pub(super) struct Chain<'v> {
    pub(super) title: &'static str,
    pub(super) root: Root,
    pub(super) links: Vec<&'v Certificate>,
    pub(super) signature: Outcome,
    pub(super) ends: Vec<End<'v>>,
}

/// Every chain of a verdict. Devices and manifests whose authorities are the same share one.
pub(super) fn chains(verdict: &Verdict) -> Vec<Chain<'_>> {
    let mut chains = Vec::new();
    match verdict.claims.as_ref().and_then(Claims::hardware) {
        Some(HardwareClaims::Snp(claims)) => chains.push(of_snp(verdict, claims)),
        Some(HardwareClaims::Tdx(claims)) => of_tdx(verdict, claims, &mut chains),
        None => {}
    }
    let devices = devices(verdict);
    for (label, device) in &devices {
        of_device(verdict, label.as_deref(), device, &mut chains);
    }
    for rim in devices.first().map_or(&[][..], |(_, device)| &device.endorsed.rims) {
        of_rim(rim, &mut chains);
    }
    chains
}

/// The devices of a verdict, each under the name that its rows have; one alone has none.
pub(super) fn devices(verdict: &Verdict) -> Vec<(Option<String>, &GpuClaims)> {
    match &verdict.claims {
        Some(Claims::Gpu(gpu)) => vec![(None, &**gpu)],
        Some(Claims::Node(node)) => {
            let set = node.gpus.iter().flat_map(|set| set.named());
            set.map(|(label, device)| (Some(label), device)).collect()
        }
        Some(Claims::Bare(_)) | None => Vec::new(),
    }
}

fn of_snp<'v>(verdict: &'v Verdict, claims: &'v SnpClaims) -> Chain<'v> {
    let pinned: Vec<_> = snp::pinned_roots().into_iter().map(|(_, digest)| digest).collect();
    let links = down(&claims.chain);
    let name = format!("SEV-SNP report, version {}", claims.report.version);
    let signature = outcome(verdict, "snp.report.signature", None);
    Chain {
        title: "AMD: the processor's report",
        root: root(links.first().copied(), &pinned, claims.simulated),
        links,
        signature: outcome(verdict, "snp.chain.signature", None),
        ends: vec![End { name, own: Vec::new(), signature }],
    }
}

fn of_tdx<'v>(verdict: &'v Verdict, claims: &'v TdxClaims, chains: &mut Vec<Chain<'v>>) {
    let links = down(&claims.chain);
    let top = links.first().copied().filter(|top| top.is_self_issued());
    let standing = root(top, &[tdx::pinned_root()], claims.simulated);
    let tee = match claims.quote.tee {
        tdx::Tee::Tdx => "TDX",
        tdx::Tee::Sgx => "SGX",
    };
    let end = |name: String, id| {
        let signature = outcome(verdict, id, None);
        End { name, own: Vec::new(), signature }
    };
    let quote = format!("{tee} quote, version {}", claims.quote.version);
    let enclave = "quoting enclave's report, which names the attestation key".to_owned();
    chains.push(Chain {
        title: "Intel: the platform's quote",
        root: standing,
        links,
        signature: outcome(verdict, "tdx.pck.signature", None),
        ends: vec![
            end(enclave, "tdx.qe.signature"),
            end(format!("{quote}, by that key"), "tdx.quote.signature"),
        ],
    });
    for signer in &claims.signers {
        chains.push(Chain {
            title: "Intel: what it says of the platform",
            root: standing,
            links: top.into_iter().chain([&**signer]).collect(),
            signature: outcome(verdict, "tdx.signer.signature", None),
            ends: vec![
                end("TCB info".to_owned(), "tdx.tcb_info.signature"),
                end("QE identity".to_owned(), "tdx.qe_identity.signature"),
            ],
        });
    }
}

/// Certificates that a device shares with its neighbours: all but its own two.
const SHARED: usize = 3;

fn of_device<'v>(
    verdict: &'v Verdict,
    label: Option<&str>,
    device: &'v GpuClaims,
    chains: &mut Vec<Chain<'v>>,
) {
    let mut links = down(&device.chain);
    let own = links.split_off(links.len().min(SHARED));
    let name = match (label, &device.identity) {
        (Some(label), Some(identity)) => format!("{label}: report of {}", identity.model),
        (Some(label), None) => format!("{label}: report"),
        (None, Some(identity)) => format!("report of {}", identity.model),
        (None, None) => "report".to_owned(),
    };
    let end = End { name, own, signature: outcome(verdict, "gpu.report.signature", label) };
    let signature = outcome(verdict, "gpu.chain.signature", label);
    // The claims' own flag may be a RIM's: whether this root was accepted its row says.
    let accepted = outcome(verdict, "gpu.chain.root", label) == Outcome::Pass;
    let root = root(links.first().copied(), &[gpu::pinned_device_root()], accepted);
    let title = "NVIDIA: the devices' reports";
    join(Chain { title, root, links, signature, ends: vec![end] }, chains);
}

fn of_rim<'v>(rim: &'v Rim, chains: &mut Vec<Chain<'v>>) {
    let links: Vec<_> = rim.chain.iter().rev().collect();
    let root = root(links.first().copied(), &[gpu::pinned_rim_root()], rim.simulated);
    // Only verified manifests are among the claims.
    let signature = Outcome::Pass;
    let ends = vec![End { name: format!("RIM: {rim}"), own: Vec::new(), signature }];
    join(Chain { title: "NVIDIA: reference values", root, links, signature, ends }, chains);
}

/// Below the same authorities, with the same result: one chain with several ends.
fn join<'v>(chain: Chain<'v>, chains: &mut Vec<Chain<'v>>) {
    let same = |other: &&mut Chain<'v>| {
        other.title == chain.title
            && other.signature == chain.signature
            && other
                .links
                .iter()
                .map(|link| link.sha256)
                .eq(chain.links.iter().map(|link| link.sha256))
    };
    match chains.iter_mut().find(same) {
        Some(known) => known.ends.extend(chain.ends),
        None => chains.push(chain),
    }
}

fn down<T: std::ops::Deref<Target = Certificate>>(up: &[T]) -> Vec<&Certificate> {
    up.iter().rev().map(|link| &**link).collect()
}

fn root(first: Option<&Certificate>, pinned: &[[u8; 32]], accepted: bool) -> Root {
    match first.filter(|first| first.is_self_issued()) {
        None => Root::NotFound,
        Some(root) if pinned.contains(&root.sha256) => Root::Pinned,
        Some(_) if accepted => Root::Simulated,
        Some(_) => Root::NotTrusted,
    }
}

/// The worst that any row of this name says; a check without a row did not run.
fn outcome(verdict: &Verdict, id: &str, label: Option<&str>) -> Outcome {
    let rows = verdict.ledger.findings().iter();
    let own = rows.filter(|row| row.check.id == id && row.subject.as_deref() == label);
    own.map(|row| row.outcome).min_by_key(|outcome| severity(*outcome)).unwrap_or(Outcome::Missing)
}

/// The worst first, as tables list them.
pub(super) const fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Fail => 0,
        Outcome::Excepted => 1,
        Outcome::Missing => 2,
        Outcome::NotGiven => 3,
        Outcome::Pass => 4,
    }
}

/// A span of time, and everything that counts in exactly this one.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) names: Vec<String>,
    pub(super) window: Window,
}

/// Every window of a verdict by its end, what ends first first.
pub(super) fn spans(verdict: &Verdict) -> Vec<Span> {
    let mut spans = BTreeMap::<_, Vec<String>>::new();
    let mut add = |name: String, window: Window| {
        let names = spans.entry((window.until, window.from)).or_default();
        if !names.contains(&name) {
            names.push(name);
        }
    };
    for chain in chains(verdict) {
        let own = chain.ends.iter().flat_map(|end| &end.own);
        for certificate in chain.links.iter().chain(own) {
            add(certificate.subject.shown().to_owned(), certificate.validity);
        }
    }
    match verdict.claims.as_ref().and_then(Claims::hardware) {
        Some(HardwareClaims::Snp(claims)) => {
            claims.lists.iter().for_each(|list| add(list.name.clone(), list.validity));
        }
        Some(HardwareClaims::Tdx(claims)) => {
            claims.documents.iter().for_each(|one| add(one.name.clone(), one.validity));
        }
        None => {}
    }
    if let Some((_, device)) = devices(verdict).first() {
        for one in &device.endorsed.standings {
            if let Some(window) = one.validity {
                add(format!("OCSP response about {}", one.name), window);
            }
        }
        for opinion in &device.endorsed.opinions {
            add("token of NVIDIA's attestation service".to_owned(), opinion.validity);
        }
    }
    if let Some(node) = verdict.claims.as_ref().and_then(Claims::node) {
        let (from, until) = (node.statement.issued_at, node.statement.expires_at);
        add("the node's statement".to_owned(), Window { from, until });
    }
    let spans = spans.into_iter();
    spans.map(|((until, from), names)| Span { names, window: Window { from, until } }).collect()
}
