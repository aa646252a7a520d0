//! What can be changed about a device.

use std::sync::Arc;

use super::report::vbios;
use super::{Edit, FakeGpu, GpuClass};
use crate::certificate::CertificateSpec;
use crate::keys::Vendor;

impl FakeGpu {
    /// Of another kind.
    #[must_use]
    pub fn class(mut self, class: GpuClass) -> Self {
        self.class = class;
        self
    }

    /// Another device of the same kind below the same authorities.
    #[must_use]
    pub fn place(mut self, place: u8) -> Self {
        self.place = place;
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

    /// What the verifier asked to be signed.
    #[must_use]
    pub fn nonce(mut self, nonce: [u8; 32]) -> Self {
        self.nonce = nonce;
        self
    }

    /// One measurement, counted from 0.
    #[must_use]
    pub fn measurement(mut self, index: u8, digest: [u8; 48]) -> Self {
        self.blocks.push((index, digest));
        self
    }

    /// One field beside the measurements, by its number: in its place, or at the end.
    #[must_use]
    pub fn field(mut self, id: u16, value: &[u8]) -> Self {
        self.edits.push(Edit::Set(id, value.to_vec()));
        self
    }

    /// One field more at the end, even where there is one of this number.
    #[must_use]
    pub fn more_field(mut self, id: u16, value: &[u8]) -> Self {
        self.edits.push(Edit::Add(id, value.to_vec()));
        self
    }

    /// One field less.
    #[must_use]
    pub fn without_field(mut self, id: u16) -> Self {
        self.edits.push(Edit::Remove(id));
        self
    }

    /// The driver's version.
    #[must_use]
    pub fn driver(self, version: &str) -> Self {
        self.field(3, &[version.as_bytes(), &[0]].concat())
    }

    /// The version of VBIOS or BIOS, as `96.00.9F.00.01`.
    #[must_use]
    pub fn vbios(self, version: &str) -> Self {
        let value = vbios(self.class, version);
        self.field(6, &value)
    }

    /// Any bytes of the report, before it is signed.
    #[must_use]
    pub fn raw(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.raw.push((offset, bytes.to_vec()));
        self
    }

    /// Any bytes of the report, after it was signed.
    #[must_use]
    pub fn tamper(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.tampered.push((offset, bytes.to_vec()));
        self
    }

    /// Changes the certificate of the key that signs reports, before it is signed.
    #[must_use]
    pub fn leaf(mut self, change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static) -> Self {
        self.leaf = Some(Arc::new(change));
        self
    }

    /// Changes the certificate of the device's own key before it is signed.
    #[must_use]
    pub fn identity(
        mut self,
        change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static,
    ) -> Self {
        self.identity = Some(Arc::new(change));
        self
    }

    /// Changes the certificate of the authority for devices before it is signed.
    #[must_use]
    pub fn provisioner(
        mut self,
        change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static,
    ) -> Self {
        self.provisioner = Some(Arc::new(change));
        self
    }

    /// Changes the certificate of the authority for a family before it is signed.
    #[must_use]
    pub fn family(mut self, change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static) -> Self {
        self.family = Some(Arc::new(change));
        self
    }

    /// Changes the root before it is signed.
    #[must_use]
    pub fn root(mut self, change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static) -> Self {
        self.root = Some(Arc::new(change));
        self
    }
}
