//! A forged Intel: root, authorities, platforms, TCB information, and the quotes their enclaves sign.

mod builder;
mod chain;
mod event_log;
mod evidence;
mod levels;
mod qe_identity;
mod quote;
mod sgx;
mod specs;
mod tcb_info;
pub(crate) mod text;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::certificate::CertificateSpec;
use crate::crl::{CrlIssue, CrlSpec};
use crate::keys::{Vendor, derive};

pub use event_log::{Event, encode as encode_event_log, replay};
pub use evidence::TdxEvidence;
pub use levels::{IsvLevelSpec, SigningSpec};
pub use qe_identity::QeIdentitySpec;
pub use quote::{CertificationSpec, Offsets};
pub use sgx::SgxSpec;
pub use specs::TdxSpecs;
pub use tcb_info::{ModuleIdentitySpec, ModuleSpec, TcbInfoSpec, TcbLevelSpec};

/// A product of the fifth generation of Xeon.
const FMSPC: [u8; 6] = [0xb0, 0xc0, 0x6f, 0, 0, 0];
/// How many recoveries there were before Intel's documents.
const EVALUATION: u32 = 20;

type Change<T> = Option<Arc<dyn Fn(&mut T) + Send + Sync>>;

/// What a quote is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// An enclave.
    Sgx,
    /// A trust domain of TDX 1.0.
    Td10,
    /// A trust domain of TDX 1.5.
    Td15,
    /// A trust domain of TDX 1.5 with the extended report.
    Td15Ex,
}

impl Body {
    const fn number(self) -> u16 {
        match self {
            Self::Sgx => 1,
            Self::Td10 => 2,
            Self::Td15 => 3,
            Self::Td15Ex => 4,
        }
    }

    const fn qe_product(self) -> u16 {
        match self {
            Self::Sgx => 1,
            Self::Td10 | Self::Td15 | Self::Td15Ex => 2,
        }
    }

    /// Who signs Intel's quoting enclave for it.
    fn qe_signer(self) -> [u8; 32] {
        match self {
            Self::Sgx => Sha256::digest(b"signs the QE").into(),
            Self::Td10 | Self::Td15 | Self::Td15Ex => Sha256::digest(b"signs the TD QE").into(),
        }
    }
}

/// A machine to be: what is not changed is as on genuine hardware.
#[derive(Clone)]
pub struct FakeTdx {
    seed: [u8; 32],
    /// What the platform's own keys and names follow from.
    platform: [u8; 32],
    vendor: Vendor,
    processor: bool,
    version: u16,
    body: Body,
    window: (u64, u64),
    issued: (u64, u64),
    list: Option<CrlIssue>,
    fmspc: [u8; 6],
    evaluation: u32,
    tee_tcb_svn: [u8; 16],
    auth_data: Vec<u8>,
    events: Option<Vec<Event>>,
    header: Vec<(usize, Vec<u8>)>,
    fields: Vec<(usize, Vec<u8>)>,
    qe_report: Vec<(usize, Vec<u8>)>,
    tampered: Vec<(usize, Vec<u8>)>,
    certification: Change<CertificationSpec>,
    sgx: Change<SgxSpec>,
    pck: Change<CertificateSpec>,
    authority: Change<CertificateSpec>,
    root: Change<CertificateSpec>,
    tcb_signer: Change<CertificateSpec>,
    root_crl: Change<CrlSpec>,
    pck_crl: Change<CrlSpec>,
    tcb_info: Change<TcbInfoSpec>,
    qe_identity: Change<QeIdentitySpec>,
}

impl FakeTdx {
    /// The years 2020 to 2049.
    const WINDOW: (u64, u64) = (1_577_836_800, 2_524_607_999);

    /// TDX module 1, of version 11, and microcode 4.
    const TEE_TCB_SVN: [u8; 16] = [11, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            platform: seed,
            vendor: Vendor::One,
            processor: false,
            version: 4,
            body: Body::Td10,
            window: Self::WINDOW,
            issued: Self::WINDOW,
            list: None,
            fmspc: FMSPC,
            evaluation: EVALUATION,
            tee_tcb_svn: Self::TEE_TCB_SVN,
            auth_data: (0..32).collect(),
            events: None,
            header: Vec::new(),
            fields: Vec::new(),
            qe_report: Vec::new(),
            tampered: Vec::new(),
            certification: None,
            sgx: None,
            pck: None,
            authority: None,
            root: None,
            tcb_signer: None,
            root_crl: None,
            pck_crl: None,
            tcb_info: None,
            qe_identity: None,
        }
    }

    /// What the platform's certificate says about it, but for changes.
    fn extensions(&self) -> SgxSpec {
        let components = [4, 4, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
        SgxSpec {
            ppid: self.ppid(),
            components,
            pce_svn: 11,
            cpu_svn: components,
            pce_id: [0; 2],
            fmspc: self.fmspc,
            sgx_type: u8::from(!self.processor),
            platform_instance: (!self.processor).then(|| self.platform_instance()),
            configuration: (!self.processor).then_some([Some(false), Some(false), Some(true)]),
            extra: Vec::new(),
        }
    }

    /// The name of the platform's key.
    #[must_use]
    pub fn ppid(&self) -> [u8; 16] {
        derive(&self.platform, "PPID")
    }

    /// The name of the platform's instance.
    #[must_use]
    pub fn platform_instance(&self) -> [u8; 16] {
        derive(&self.platform, "platform instance")
    }

    /// Signs everything. The same machine gives the same bytes.
    #[must_use]
    pub fn sign(&self) -> TdxEvidence {
        let specs = self.specs();
        let [pck, authority, root, tcb_signer] =
            [specs.pck, specs.authority, specs.root, specs.tcb_signer].map(|one| one.sign());
        let (tcb_info, tcb_info_signature) = specs.tcb_info.sign();
        let (qe_identity, qe_identity_signature) = specs.qe_identity.sign();
        let pck_crl_issuer_chain = text::pem(&authority) + &text::pem(&root);
        let issuer_chain = text::pem(&tcb_signer) + &text::pem(&root);
        let pck_chain = text::pem(&pck) + &pck_crl_issuer_chain;
        let chain = [pck_chain.as_bytes(), &[0]].concat();
        let certification =
            changed(CertificationSpec { outer: 6, kind: 5, chain }, &self.certification);
        let mut quote = quote::encode(self, &certification);
        self.tampered
            .iter()
            .for_each(|(offset, bytes)| quote::put(&mut quote.bytes, *offset, bytes));
        TdxEvidence {
            quote: quote.bytes,
            offsets: quote.offsets,
            event_log: self.events.as_deref().map(event_log::encode),
            root_sha256: Sha256::digest(&root).into(),
            pck,
            authority,
            root,
            tcb_signer,
            pck_chain,
            pck_crl_issuer_chain,
            root_crl: specs.root_crl.sign(),
            pck_crl: specs.pck_crl.sign(),
            tcb_info_issuer_chain: issuer_chain.clone(),
            tcb_info,
            tcb_info_signature,
            qe_identity_issuer_chain: issuer_chain,
            qe_identity,
            qe_identity_signature,
        }
    }
}

fn changed<T>(mut spec: T, change: &Change<T>) -> T {
    if let Some(change) = change {
        change(&mut spec);
    }
    spec
}
