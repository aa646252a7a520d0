//! The identity of a quoting enclave (PCS API v4, version 2 of the document).

use super::levels::{IsvLevelSpec, SigningSpec, levels};
use super::text::{date, quoted, upper_hex};
use super::{Body, FakeTdx};

/// Everything in an enclave's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QeIdentitySpec {
    /// "TD_QE" or "QE".
    pub id: String,
    /// 2.
    pub version: u32,
    /// When it was issued.
    pub issued: u64,
    /// When the next one is due.
    pub next_update: u64,
    /// Grows with every recovery.
    pub evaluation: u32,
    /// MISCSELECT.
    pub misc_select: [u8; 4],
    /// Which of its bits count.
    pub misc_select_mask: [u8; 4],
    /// ATTRIBUTES.
    pub attributes: [u8; 16],
    /// Which of their bits count.
    pub attributes_mask: [u8; 16],
    /// MRSIGNER.
    pub mr_signer: [u8; 32],
    /// ISVPRODID.
    pub isv_prod_id: u16,
    /// Best first.
    pub levels: Vec<IsvLevelSpec>,
    /// Changes of the text, and who signs.
    pub signing: SigningSpec,
}

impl QeIdentitySpec {
    pub(super) fn new(machine: &FakeTdx) -> Self {
        let (issued, next_update) = machine.issued;
        let mut attributes = [0; 16];
        attributes[0] = 0x11;
        let mut attributes_mask = [0; 16];
        attributes_mask[..8].copy_from_slice(&[0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        let behind = IsvLevelSpec::new(1, 1_636_502_400, "OutOfDate", &["INTEL-SA-00615"]);
        let best = if machine.body == Body::Sgx { 8 } else { 4 };
        Self {
            id: if machine.body == Body::Sgx { "QE" } else { "TD_QE" }.to_owned(),
            version: 2,
            issued,
            next_update,
            evaluation: machine.evaluation,
            misc_select: [0; 4],
            misc_select_mask: [0xff; 4],
            attributes,
            attributes_mask,
            mr_signer: machine.body.qe_signer(),
            isv_prod_id: machine.body.qe_product(),
            levels: vec![IsvLevelSpec::new(best, 1_755_043_200, "UpToDate", &[]), behind],
            signing: SigningSpec::new(machine.vendor, machine.seed),
        }
    }

    /// The text that Intel signs, and both numbers of the signature.
    #[must_use]
    pub fn sign(&self) -> (String, Vec<u8>) {
        self.signing.sign(self.encode())
    }

    fn encode(&self) -> String {
        format!(
            "{{\"id\":{},\"version\":{},\"issueDate\":{},\"nextUpdate\":{},\"tcbEvaluationDataNumber\":{},\
             \"miscselect\":\"{}\",\"miscselectMask\":\"{}\",\"attributes\":\"{}\",\"attributesMask\":\"{}\",\
             \"mrsigner\":\"{}\",\"isvprodid\":{},\"tcbLevels\":[{}]}}",
            quoted(&self.id),
            self.version,
            quoted(&date(self.issued)),
            quoted(&date(self.next_update)),
            self.evaluation,
            upper_hex(&self.misc_select),
            upper_hex(&self.misc_select_mask),
            upper_hex(&self.attributes),
            upper_hex(&self.attributes_mask),
            upper_hex(&self.mr_signer),
            self.isv_prod_id,
            levels(&self.levels),
        )
    }
}
