//! The extension of a PCK certificate that says which platform it is for (SGX PCK certificate specification §1.3).

use crate::der;

/// The extension's own identifier; everything in it is below.
pub(super) const ARC: &str = "1.2.840.113741.1.13.1";

/// What the extension says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SgxSpec {
    /// The name of the platform's key.
    pub ppid: [u8; 16],
    /// Security versions of the platform's sixteen components.
    pub components: [u8; 16],
    /// Security version of the provisioning certification enclave.
    pub pce_svn: u16,
    /// The same sixteen components as the processor reports them.
    pub cpu_svn: [u8; 16],
    /// The provisioning certification enclave.
    pub pce_id: [u8; 2],
    /// Family, model, stepping, platform type and custom SKU.
    pub fmspc: [u8; 6],
    /// 0 standard, 1 scalable, 2 scalable with integrity.
    pub sgx_type: u8,
    /// The platform's instance, in certificates by the Platform CA.
    pub platform_instance: Option<[u8; 16]>,
    /// Dynamic platform, cached keys, SMT: in certificates by the Platform CA.
    pub configuration: Option<[Option<bool>; 3]>,
    /// More elements, DER, at the end.
    pub extra: Vec<u8>,
}

impl SgxSpec {
    pub(super) fn encode(&self) -> Vec<u8> {
        let [pce_high, pce_low] = self.pce_svn.to_be_bytes();
        let mut tcb: Vec<u8> = (1_u8..)
            .zip(self.components)
            .flat_map(|(number, svn)| entry(&format!("2.{number}"), &der::integer(&[svn])))
            .collect();
        tcb.extend(entry("2.17", &der::integer(&[pce_high, pce_low])));
        tcb.extend(entry("2.18", &der::octet_string(&self.cpu_svn)));
        let instance = self
            .platform_instance
            .map_or(Vec::new(), |instance| entry("6", &der::octet_string(&instance)));
        let configuration = self
            .configuration
            .map_or(Vec::new(), |flags| entry("7", &der::element(0x30, &configured(flags))));
        der::sequence(&[
            &entry("1", &der::octet_string(&self.ppid)),
            &entry("2", &der::element(0x30, &tcb)),
            &entry("3", &der::octet_string(&self.pce_id)),
            &entry("4", &der::octet_string(&self.fmspc)),
            &entry("5", &der::element(0x0a, &[self.sgx_type])),
            &instance,
            &configuration,
            &self.extra,
        ])
    }
}

fn configured(flags: [Option<bool>; 3]) -> Vec<u8> {
    let flag = |(number, flag): (u8, Option<bool>)| {
        let content = if flag? { 0xff } else { 0 };
        Some(entry(&format!("7.{number}"), &der::element(1, &[content])))
    };
    (1..).zip(flags).filter_map(flag).flatten().collect()
}

fn entry(number: &str, value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(&format!("{ARC}.{number}")), value])
}
