//! Forged reference integrity manifests: the text as NVIDIA writes it, signed over a canonical form of the forge's own.

mod chain;
mod text;

use std::sync::Arc;

use sha2::{Digest as _, Sha256, Sha384};

use super::{Change, GpuClass, changed, measurement};
use crate::certificate::CertificateSpec;
use crate::keys::{Role, Vendor, sign_fixed};

/// What a RIM is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RimKind {
    /// A GPU's driver.
    Driver,
    /// A GPU's own firmware.
    Vbios,
    /// A switch's firmware.
    SwitchBios,
}

/// An attribute or a namespace declaration.
pub(super) type Attribute = (String, String);

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceSpec {
    /// Counted from 0.
    pub index: u16,
    /// "True" or "False".
    pub active: String,
    /// Any of them is good.
    pub hashes: Vec<[u8; 48]>,
    /// Attributes to add at the end.
    pub extra: Vec<(String, String)>,
}

/// Everything that a RIM says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RimSpec {
    /// Of the root element, namespaces first.
    pub identity: Vec<(String, String)>,
    /// Of who made it.
    pub entity: Vec<(String, String)>,
    /// Of what it is about.
    pub meta: Vec<(String, String)>,
    /// The measurements.
    pub resources: Vec<ResourceSpec>,
    /// Writes the canonical form itself instead of NVIDIA's spelling.
    pub canonical: bool,
    /// The digest to sign, when it is not the document's.
    pub digest: Option<[u8; 48]>,
    /// Whose key signs.
    pub signer: (Vendor, Role),
    /// Changes one bit of the signature after signing.
    pub broken_signature: bool,
}

/// A RIM, and what its vendor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RimEvidence {
    /// The file.
    pub xml: Vec<u8>,
    /// In DER: signer, authorities, root.
    pub certificates: [Vec<u8>; 4],
    /// What a verifier names to accept this root. It is the forged devices' root, too.
    pub root_sha256: [u8; 32],
}

/// A RIM to be: what is not changed is as NVIDIA's.
#[derive(Clone)]
pub struct FakeRim {
    seed: [u8; 32],
    vendor: Vendor,
    kind: RimKind,
    class: GpuClass,
    version: String,
    tag_version: u32,
    signer: Role,
    window: (u64, u64),
    signer_window: Option<(u64, u64)>,
    spec: Change<RimSpec>,
    certificates: [Change<CertificateSpec>; 4],
    order: Change<Vec<Vec<u8>>>,
}

impl RimSpec {
    /// The value of one attribute of root, entity or meta element, to be changed.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn attribute(&mut self, name: &str) -> &mut String {
        let mut all = self.meta.iter_mut().chain(&mut self.entity).chain(&mut self.identity);
        &mut all.find(|(known, _)| known == name).expect("the RIM has this attribute").1
    }

    /// The measurement of one index, to be changed.
    ///
    /// # Panics
    /// When there is none.
    pub fn resource(&mut self, index: u16) -> &mut ResourceSpec {
        let mut all = self.resources.iter_mut();
        all.find(|one| one.index == index).expect("the RIM has this index")
    }
}

impl FakeRim {
    /// The years 2020 to 2049.
    const WINDOW: (u64, u64) = (1_577_836_800, 2_524_607_999);

    pub(crate) fn new(seed: [u8; 32], kind: RimKind) -> Self {
        let class = match kind {
            RimKind::Driver | RimKind::Vbios => GpuClass::Hopper,
            RimKind::SwitchBios => GpuClass::Ls10,
        };
        Self {
            seed,
            vendor: Vendor::One,
            kind,
            class,
            version: version(kind, class).to_owned(),
            tag_version: 0,
            signer: Role::RimSigner,
            window: Self::WINDOW,
            signer_window: None,
            spec: None,
            certificates: [None, None, None, None],
            order: None,
        }
    }

    /// For a Blackwell GPU instead of a Hopper.
    #[must_use]
    pub fn blackwell(mut self) -> Self {
        self.class = GpuClass::Blackwell;
        self.version = version(self.kind, self.class).to_owned();
        self
    }

    /// For another version.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }

    /// Grows whenever reference values of the same version are published anew.
    #[must_use]
    pub fn tag_version(mut self, number: u32) -> Self {
        self.tag_version = number;
        self
    }

    /// Signed by the key of somebody else of the same vendor, below the same certificates.
    #[must_use]
    pub fn signed_by(mut self, role: Role) -> Self {
        self.signer = role;
        self
    }

    /// Under another vendor's keys, so under another root.
    #[must_use]
    pub fn other_vendor(mut self) -> Self {
        self.vendor = Vendor::Two;
        self
    }

    /// First and last second of every certificate.
    #[must_use]
    pub fn window(mut self, from: u64, until: u64) -> Self {
        self.window = (from, until);
        self
    }

    /// First and last second of the signer's certificate.
    #[must_use]
    pub fn signer_window(mut self, from: u64, until: u64) -> Self {
        self.signer_window = Some((from, until));
        self
    }

    /// Changes what the RIM says before it is signed.
    #[must_use]
    pub fn spec(mut self, change: impl Fn(&mut RimSpec) + Send + Sync + 'static) -> Self {
        self.spec = Some(Arc::new(change));
        self
    }

    /// Changes one certificate before it is signed: 0 is the signer, 3 the root.
    ///
    /// # Panics
    /// When there is none of that number.
    #[must_use]
    pub fn certificate(
        mut self,
        place: usize,
        change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static,
    ) -> Self {
        let slot = self.certificates.get_mut(place).expect("there are four certificates");
        *slot = Some(Arc::new(change));
        self
    }

    /// Changes which certificates the file brings, in which order.
    #[must_use]
    pub fn order(mut self, change: impl Fn(&mut Vec<Vec<u8>>) + Send + Sync + 'static) -> Self {
        self.order = Some(Arc::new(change));
        self
    }

    /// The certificates before they are signed: signer, authorities, root.
    #[must_use]
    pub fn specs(&self) -> [CertificateSpec; 4] {
        let mut specs = [Role::RimSigner, Role::RimAuthority, Role::RimProduct, Role::GpuRoot]
            .map(|role| chain::certificate(self, role));
        for (spec, change) in specs.iter_mut().zip(&self.certificates) {
            *spec = changed(spec.clone(), change);
        }
        specs
    }

    /// Signs everything. The same RIM gives the same bytes.
    #[must_use]
    pub fn sign(&self) -> RimEvidence {
        let certificates = self.specs().map(|spec| spec.sign());
        let [.., root] = &certificates;
        let spec = changed(self.genuine(), &self.spec);
        let brought = changed(certificates.to_vec(), &self.order);
        let digest = Sha384::digest(text::canonical(&spec)).into();
        let info = spec.digest.unwrap_or(digest);
        let mut signature =
            sign_fixed(spec.signer, &self.seed, text::signed_info(&info).as_bytes());
        if spec.broken_signature {
            signature.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        let signature = text::signature(&info, &signature, &brought);
        RimEvidence {
            xml: text::file(&spec, &signature).into_bytes(),
            root_sha256: Sha256::digest(root).into(),
            certificates,
        }
    }

    /// Which indices count.
    fn counts(&self, index: u8) -> bool {
        match (self.kind, self.class) {
            (RimKind::SwitchBios, _) => index < 31,
            (RimKind::Vbios, GpuClass::Blackwell) => index <= 20 && index != 14,
            (RimKind::Vbios, _) => index <= 12 && index != 7,
            (RimKind::Driver, GpuClass::Blackwell) => index == 14 || (21..=40).contains(&index),
            (RimKind::Driver, _) => index == 7 || (21..=40).contains(&index),
        }
    }

    fn genuine(&self) -> RimSpec {
        let product = product(self.class);
        let edition = if self.kind == RimKind::SwitchBios { "SWITCH" } else { "GPU" };
        let id: [u8; 48] = Sha384::new()
            .chain_update(format!("{:?} {product} {}", self.kind, self.version))
            .finalize()
            .into();
        let resource = |index: u8| ResourceSpec {
            index: index.into(),
            active: if self.counts(index) { "True" } else { "False" }.to_owned(),
            hashes: if self.counts(index) {
                // NVIDIA gives some measurements several values.
                let other = [measurement(self.class, index), [index; 48]];
                other.into_iter().take(if index == 9 { 2 } else { 1 }).collect()
            } else {
                vec![[0; 48]]
            },
            extra: Vec::new(),
        };
        RimSpec {
            identity: text::identity(product, &crate::tdx::text::hex(&id), self.tag_version),
            entity: text::entity(),
            meta: text::meta(product, edition, &self.version),
            resources: (0..64).map(resource).collect(),
            canonical: false,
            digest: None,
            signer: (self.vendor, self.signer),
            broken_signature: false,
        }
    }
}

const fn product(class: GpuClass) -> &'static str {
    match class {
        GpuClass::Hopper => "GH100",
        GpuClass::Blackwell => "GB100",
        GpuClass::Ls10 => "LS10",
    }
}

/// What the forged devices run.
const fn version(kind: RimKind, class: GpuClass) -> &'static str {
    match (kind, class) {
        (RimKind::SwitchBios, _) => "96.10.73.00.01",
        (RimKind::Driver, GpuClass::Blackwell) => "575.32",
        (RimKind::Driver, _) => "550.90.07",
        (RimKind::Vbios, GpuClass::Blackwell) => "97.00.88.00.0F",
        (RimKind::Vbios, _) => "96.00.9F.00.01",
    }
}
