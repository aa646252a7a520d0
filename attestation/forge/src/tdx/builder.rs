//! What can be changed about a machine.

use std::sync::Arc;

use super::{
    Body, CertificationSpec, Event, FakeTdx, QeIdentitySpec, SgxSpec, TcbInfoSpec, replay,
};
use crate::certificate::CertificateSpec;
use crate::crl::{CrlIssue, CrlSpec};
use crate::keys::{Vendor, derive};

impl FakeTdx {
    /// Another platform of the same fleet, under the same Intel: keys and names of its own.
    #[must_use]
    pub fn platform(mut self, number: u32) -> Self {
        self.platform = derive(&self.seed, &format!("platform {number}"));
        self
    }

    /// With another quote version and another body: 3 and 4 have no field for the kind of body.
    #[must_use]
    pub fn quote(mut self, version: u16, body: Body) -> Self {
        (self.version, self.body) = (version, body);
        self
    }

    /// Under another vendor's keys, so under another root.
    #[must_use]
    pub fn other_vendor(mut self) -> Self {
        self.vendor = Vendor::Two;
        self
    }

    /// Certified by the Processor CA, which knows of one processor only.
    #[must_use]
    pub fn processor_ca(mut self) -> Self {
        self.processor = true;
        self
    }

    /// First and last second of every certificate and revocation list.
    #[must_use]
    pub fn window(mut self, from: u64, until: u64) -> Self {
        self.window = (from, until);
        self
    }

    /// When TCB information and the enclave's identity were issued, and when the next are due.
    #[must_use]
    pub fn issued(mut self, from: u64, until: u64) -> Self {
        self.issued = (from, until);
        self
    }

    /// The number of both revocation lists, and their own first and last second.
    #[must_use]
    pub fn list(mut self, number: u64, from: u64, until: u64) -> Self {
        self.list = Some(CrlIssue { number, window: (from, until) });
        self
    }

    /// Of another model: in the platform's certificate and in TCB information.
    #[must_use]
    pub fn fmspc(mut self, fmspc: [u8; 6]) -> Self {
        self.fmspc = fmspc;
        self
    }

    /// The number of TCB information and of the enclave's identity, which grows with every recovery.
    #[must_use]
    pub fn evaluation(mut self, number: u32) -> Self {
        self.evaluation = number;
        self
    }

    /// Any bytes of the quote's header, before it is signed.
    #[must_use]
    pub fn header(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.header.push((offset, bytes.to_vec()));
        self
    }

    /// Any bytes of the report of the TD or enclave, before it is signed.
    #[must_use]
    pub fn field(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.fields.push((offset, bytes.to_vec()));
        self
    }

    /// Any bytes of the quoting enclave's report, before it is signed.
    #[must_use]
    pub fn qe_report(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.qe_report.push((offset, bytes.to_vec()));
        self
    }

    /// Any bytes of the quote, after it was signed.
    #[must_use]
    pub fn tamper(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.tampered.push((offset, bytes.to_vec()));
        self
    }

    /// What the quoting enclave adds to its own report data.
    #[must_use]
    pub fn auth_data(mut self, bytes: &[u8]) -> Self {
        self.auth_data = bytes.to_vec();
        self
    }

    /// With an event log, and the registers that follow from it.
    #[must_use]
    pub fn event_log(mut self, events: Vec<Event>) -> Self {
        let registers = replay(&events);
        self.events = Some(events);
        (0..).zip(registers).fold(self, |machine, (index, value)| machine.rtmr(index, value))
    }

    /// The usual attributes, and the debug bit with them when asked for.
    #[must_use]
    pub fn debug(self, debug: bool) -> Self {
        self.attributes([u8::from(debug), 0, 0, 0x10, 0, 0, 0, 0])
    }

    /// Security versions of the TDX module and of what it runs on, at the TD's start and now.
    #[must_use]
    pub fn tee_tcb_svn(mut self, svn: [u8; 16]) -> Self {
        self.tee_tcb_svn = svn;
        self
    }

    /// One of the four registers.
    ///
    /// # Panics
    /// When there is none of that number.
    #[must_use]
    pub fn rtmr(self, index: usize, value: [u8; 48]) -> Self {
        assert!(index < 4, "there are four registers");
        self.field(328 + 48 * index, &value)
    }

    /// What the TD or enclave asked to be signed.
    #[must_use]
    pub fn report_data(self, report_data: [u8; 64]) -> Self {
        let offset = if self.body == Body::Sgx { 320 } else { 520 };
        self.field(offset, &report_data)
    }

    /// Measurement of the TDX module.
    #[must_use]
    pub fn mr_seam(self, mr_seam: [u8; 48]) -> Self {
        self.field(16, &mr_seam)
    }

    /// Who signed the TDX module; zero is Intel.
    #[must_use]
    pub fn mr_signer_seam(self, mr_signer_seam: [u8; 48]) -> Self {
        self.field(64, &mr_signer_seam)
    }

    /// Attributes of the TDX module.
    #[must_use]
    pub fn seam_attributes(self, seam_attributes: [u8; 8]) -> Self {
        self.field(112, &seam_attributes)
    }

    /// Attributes of the TD.
    #[must_use]
    pub fn attributes(self, attributes: [u8; 8]) -> Self {
        self.field(120, &attributes)
    }

    /// Extended features of the TD.
    #[must_use]
    pub fn xfam(self, xfam: [u8; 8]) -> Self {
        self.field(128, &xfam)
    }

    /// Measurement of the TD as it was built.
    #[must_use]
    pub fn mr_td(self, mr_td: [u8; 48]) -> Self {
        self.field(136, &mr_td)
    }

    /// The host's name for the configuration.
    #[must_use]
    pub fn mr_config_id(self, mr_config_id: [u8; 48]) -> Self {
        self.field(184, &mr_config_id)
    }

    /// The host's name for the owner.
    #[must_use]
    pub fn mr_owner(self, mr_owner: [u8; 48]) -> Self {
        self.field(232, &mr_owner)
    }

    /// The host's name for the owner's configuration.
    #[must_use]
    pub fn mr_owner_config(self, mr_owner_config: [u8; 48]) -> Self {
        self.field(280, &mr_owner_config)
    }

    /// Security versions now, when the TDX module was updated under the TD: from TDX 1.5 on.
    #[must_use]
    pub fn tee_tcb_svn2(self, tee_tcb_svn2: [u8; 16]) -> Self {
        self.field(584, &tee_tcb_svn2)
    }

    /// Hash of the service TDs: from TDX 1.5 on.
    #[must_use]
    pub fn mr_service_td(self, mr_service_td: [u8; 48]) -> Self {
        self.field(600, &mr_service_td)
    }

    /// Changes what the quote carries to certify its quoting enclave, before lengths are written.
    #[must_use]
    pub fn certification(
        mut self,
        change: impl Fn(&mut CertificationSpec) + Send + Sync + 'static,
    ) -> Self {
        self.certification = Some(Arc::new(change));
        self
    }

    /// Changes what the platform's certificate says about the platform.
    #[must_use]
    pub fn sgx(mut self, change: impl Fn(&mut SgxSpec) + Send + Sync + 'static) -> Self {
        self.sgx = Some(Arc::new(change));
        self
    }

    /// Changes the platform's certificate before it is signed.
    #[must_use]
    pub fn pck(mut self, change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static) -> Self {
        self.pck = Some(Arc::new(change));
        self
    }

    /// Changes the Platform or Processor CA before it is signed.
    #[must_use]
    pub fn authority(
        mut self,
        change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static,
    ) -> Self {
        self.authority = Some(Arc::new(change));
        self
    }

    /// Changes the root before it is signed.
    #[must_use]
    pub fn root(mut self, change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static) -> Self {
        self.root = Some(Arc::new(change));
        self
    }

    /// Changes the certificate of the TCB signer before it is signed.
    #[must_use]
    pub fn tcb_signer(
        mut self,
        change: impl Fn(&mut CertificateSpec) + Send + Sync + 'static,
    ) -> Self {
        self.tcb_signer = Some(Arc::new(change));
        self
    }

    /// Changes the root's revocation list before it is signed.
    #[must_use]
    pub fn root_crl(mut self, change: impl Fn(&mut CrlSpec) + Send + Sync + 'static) -> Self {
        self.root_crl = Some(Arc::new(change));
        self
    }

    /// Changes the authority's revocation list before it is signed.
    #[must_use]
    pub fn pck_crl(mut self, change: impl Fn(&mut CrlSpec) + Send + Sync + 'static) -> Self {
        self.pck_crl = Some(Arc::new(change));
        self
    }

    /// Changes TCB information before it is signed.
    #[must_use]
    pub fn tcb_info(mut self, change: impl Fn(&mut TcbInfoSpec) + Send + Sync + 'static) -> Self {
        self.tcb_info = Some(Arc::new(change));
        self
    }

    /// Changes the quoting enclave's identity before it is signed.
    #[must_use]
    pub fn qe_identity(
        mut self,
        change: impl Fn(&mut QeIdentitySpec) + Send + Sync + 'static,
    ) -> Self {
        self.qe_identity = Some(Arc::new(change));
        self
    }
}
