//! Where vendors publish: a pinned table, and the mirrors that the user names. A mirror is trusted as little as a vendor's
//! own service: what comes from it is believed for its signatures.

use std::collections::BTreeMap;

use sealroom_attestation::snp::VekKind;

use super::{
    base::Base,
    resource::{Resource, Standing, authority_name, tee_name},
};

/// Which service has a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// AMD's key distribution service (57230).
    Amd,
    /// Intel's provisioning certification service, version 4, or a cache of it.
    Intel,
    /// The host of Intel's root's own list.
    IntelCertificates,
    /// NVIDIA's RIM service.
    NvidiaRim,
    /// NVIDIA's OCSP responder.
    NvidiaOcsp,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 5] =
        [Self::Amd, Self::Intel, Self::IntelCertificates, Self::NvidiaRim, Self::NvidiaOcsp];

    /// As the command line and messages spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amd => "amd",
            Self::Intel => "intel",
            Self::IntelCertificates => "intel-certificates",
            Self::NvidiaRim => "nvidia-rim",
            Self::NvidiaOcsp => "nvidia-ocsp",
        }
    }

    /// The vendor's own address.
    #[must_use]
    pub const fn vendor(self) -> &'static str {
        match self {
            Self::Amd => "https://kdsintf.amd.com",
            Self::Intel => "https://api.trustedservices.intel.com",
            Self::IntelCertificates => "https://certificates.trustedservices.intel.com",
            Self::NvidiaRim => "https://rim.attestation.nvidia.com",
            Self::NvidiaOcsp => "https://ocsp.ndis.nvidia.com",
        }
    }
}

/// What to ask of which service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who has it.
    pub service: Service,
    /// Path and query, from `/` on.
    pub path: String,
    /// The body of a POST and its type; a GET where there is none.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// The header in which the signer's certificates come, where they do not come in the body.
    pub chain_header: Option<&'static str>,
    /// The longest answer that is read, bytes.
    pub longest: usize,
}

/// The longest list: a million bytes of serials and more.
const LONGEST_LIST: usize = 4 << 20;
/// The longest document or manifest.
const LONGEST_DOCUMENT: usize = 512 << 10;
/// The longest certificate or chain.
const LONGEST_CHAIN: usize = 32 << 10;

impl Request {
    /// What has to be asked for a resource.
    #[must_use]
    pub fn of(resource: &Resource) -> Self {
        let ask = |service, path, chain_header, longest| Self {
            service,
            path,
            body: None,
            chain_header,
            longest,
        };
        match resource {
            Resource::AmdChain { generation, kind } => {
                let path = format!("/{}/v1/{generation}/cert_chain", key_name(*kind));
                ask(Service::Amd, path, None, LONGEST_CHAIN)
            }
            Resource::AmdList { generation } => {
                ask(Service::Amd, format!("/vcek/v1/{generation}/crl"), None, LONGEST_LIST)
            }
            Resource::AmdKey { generation, hwid, tcb } => {
                let tcb = tcb.components(*generation);
                let parameters = format!(
                    "blSPL={:02}&teeSPL={:02}&snpSPL={:02}&ucodeSPL={:02}",
                    tcb.boot_loader, tcb.tee, tcb.snp, tcb.microcode
                );
                let parameters = match tcb.fmc {
                    Some(fmc) => format!("fmcSPL={fmc:02}&{parameters}"),
                    None => parameters,
                };
                let hwid = hex::encode(hwid);
                let path = format!("/vcek/v1/{generation}/{hwid}?{parameters}");
                ask(Service::Amd, path, None, LONGEST_CHAIN)
            }
            Resource::IntelRootList => {
                let path = "/IntelSGXRootCA.der".to_owned();
                ask(Service::IntelCertificates, path, None, LONGEST_LIST)
            }
            Resource::IntelList { authority } => {
                let authority = authority_name(*authority);
                let path = format!("/sgx/certification/v4/pckcrl?ca={authority}&encoding=der");
                ask(Service::Intel, path, Some("sgx-pck-crl-issuer-chain"), LONGEST_LIST)
            }
            Resource::TcbInfo { tee, fmspc, update } => {
                let (tee, fmspc, update) = (tee_name(*tee), hex::encode(fmspc.0), update.name());
                let path = format!("/{tee}/certification/v4/tcb?fmspc={fmspc}&update={update}");
                ask(Service::Intel, path, Some("tcb-info-issuer-chain"), LONGEST_DOCUMENT)
            }
            Resource::QeIdentity { tee, update } => {
                let (tee, update) = (tee_name(*tee), update.name());
                let path = format!("/{tee}/certification/v4/qe/identity?update={update}");
                let header = Some("sgx-enclave-identity-issuer-chain");
                ask(Service::Intel, path, header, LONGEST_DOCUMENT)
            }
            Resource::Rim { id } => {
                let path = format!("/v1/rim/{}", id.as_str());
                ask(Service::NvidiaRim, path, None, LONGEST_DOCUMENT)
            }
            Resource::Standing(Standing { request, .. }) => {
                let body = Some(("application/ocsp-request", request.clone()));
                Self { body, ..ask(Service::NvidiaOcsp, "/".to_owned(), None, LONGEST_CHAIN) }
            }
        }
    }
}

const fn key_name(kind: VekKind) -> &'static str {
    match kind {
        VekKind::Vcek => "vcek",
        VekKind::Vlek => "vlek",
    }
}

/// Whom to ask: the vendors, or the mirrors that the user named in their place.
#[derive(Clone, Debug, Default)]
pub struct Services {
    mirrors: BTreeMap<Service, Base>,
}

impl Services {
    /// Asks a mirror in place of a vendor.
    #[must_use]
    pub fn with_mirror(mut self, service: Service, mirror: Base) -> Self {
        self.mirrors.insert(service, mirror);
        self
    }

    /// Whom to ask of this service.
    #[must_use]
    pub fn base(&self, service: Service) -> Base {
        let vendor = || Base::from_url(service.vendor()).expect("a test reads every address");
        self.mirrors.get(&service).cloned().unwrap_or_else(vendor)
    }

    /// Whom to ask for this, and the path to ask for. A cache of Intel's service has the root's list too, under a path of
    /// its own.
    pub(super) fn place(&self, request: &Request) -> (Base, String) {
        match self.cache_for(request.service) {
            Some(cache) => (cache.clone(), "/sgx/certification/v4/rootcacrl".to_owned()),
            None => (self.base(request.service), request.path.clone()),
        }
    }

    /// Who is asked in truth: a cache of Intel's service for the root's list, too.
    #[must_use]
    pub fn asked(&self, service: Service) -> Base {
        self.cache_for(service).cloned().unwrap_or_else(|| self.base(service))
    }

    fn cache_for(&self, service: Service) -> Option<&Base> {
        let own = self.mirrors.contains_key(&service);
        let cache = self.mirrors.get(&Service::Intel);
        cache.filter(|_| service == Service::IntelCertificates && !own)
    }
}

#[cfg(test)]
mod tests {
    use sealroom_attestation::{
        snp::{Generation, Tcb},
        tdx::{Fmspc, PckAuthority, Tee},
    };

    use super::*;
    use crate::endorsements::{RimId, Update};

    /// Paths as the vendors' documents give them.
    #[test]
    fn every_resource_is_asked_for_as_its_vendor_says() {
        let genoa = Generation::Genoa;
        let early = |tee| Resource::TcbInfo { tee, fmspc: Fmspc([0xa0; 6]), update: Update::Early };
        let key = |generation, hwid, tcb| Resource::AmdKey { generation, hwid, tcb: Tcb(tcb) };
        let driver = RimId::new("NV_GPU_DRIVER_GH100_550.90.07").expect("an id");
        for (resource, service, path) in [
            (
                Resource::AmdChain { generation: genoa, kind: VekKind::Vlek },
                Service::Amd,
                "/vlek/v1/Genoa/cert_chain",
            ),
            (Resource::AmdList { generation: genoa }, Service::Amd, "/vcek/v1/Genoa/crl"),
            (
                key(genoa, vec![0xab; 2], [10, 0, 0, 0, 0, 0, 23, 84]),
                Service::Amd,
                "/vcek/v1/Genoa/abab?blSPL=10&teeSPL=00&snpSPL=23&ucodeSPL=84",
            ),
            (
                key(Generation::Turin, vec![1; 8], [1, 2, 3, 4, 0, 0, 0, 70]),
                Service::Amd,
                "/vcek/v1/Turin/0101010101010101?fmcSPL=01&blSPL=02&teeSPL=03&snpSPL=04&ucodeSPL=70",
            ),
            (Resource::IntelRootList, Service::IntelCertificates, "/IntelSGXRootCA.der"),
            (
                Resource::IntelList { authority: PckAuthority::Platform },
                Service::Intel,
                "/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
            ),
            (
                early(Tee::Tdx),
                Service::Intel,
                "/tdx/certification/v4/tcb?fmspc=a0a0a0a0a0a0&update=early",
            ),
            (
                Resource::QeIdentity { tee: Tee::Sgx, update: Update::Standard },
                Service::Intel,
                "/sgx/certification/v4/qe/identity?update=standard",
            ),
            (
                Resource::Rim { id: driver },
                Service::NvidiaRim,
                "/v1/rim/NV_GPU_DRIVER_GH100_550.90.07",
            ),
        ] {
            let request = Request::of(&resource);
            assert_eq!((request.service, &*request.path), (service, path));
            let (base, asked) = Services::default().place(&request);
            assert_eq!((base.to_string(), &*asked), (service.vendor().to_owned(), path));
        }
    }

    #[test]
    fn a_cache_of_intels_is_asked_for_the_roots_list_too() {
        let cache = Base::from_url("http://127.0.0.1:8081").expect("an address");
        let services = Services::default().with_mirror(Service::Intel, cache.clone());
        assert_eq!(services.asked(Service::IntelCertificates), cache);
        let (base, path) = services.place(&Request::of(&Resource::IntelRootList));
        assert_eq!((base, &*path), (cache, "/sgx/certification/v4/rootcacrl"));
        let (base, _) =
            services.place(&Request::of(&Resource::AmdList { generation: Generation::Milan }));
        assert_eq!(base.to_string(), Service::Amd.vendor());
    }
}
