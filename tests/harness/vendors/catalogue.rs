//! Everything that the services have, signed when it is asked for and kept until something changes.

use std::collections::HashMap;

use sealroom_forge::{FakeGpu, FakeRim, FakeSnp, FakeTdx, gpu::CertificateStatus};

use crate::clock;

use super::{
    Service,
    document::{Document, Missing},
    edition::Edition,
    fault::Variant,
    http::Call,
    kds::Kds,
    ocsp::{self, Ocsp},
    pcs::Pcs,
    rims::Rims,
};

pub(super) struct Catalogue {
    edition: Edition,
    kds: Kds,
    pcs: Pcs,
    rims: Rims,
    ocsp: Ocsp,
    /// OCSP responses are signed when somebody asks, and dated so.
    on_demand: bool,
    made: HashMap<(Service, String, Variant), Document>,
}

impl Catalogue {
    pub(super) fn new(seed: [u8; 32], edition: Edition) -> Self {
        Self {
            edition,
            kds: Kds::new(seed),
            pcs: Pcs::new(seed),
            rims: Rims::new(seed),
            ocsp: Ocsp::default(),
            on_demand: false,
            made: HashMap::new(),
        }
    }

    pub(super) const fn edition(&self) -> Edition {
        self.edition
    }

    pub(super) fn publish(&mut self, edition: Edition) {
        self.edition = edition;
        self.made.clear();
    }

    pub(super) fn know_snp(&mut self, machine: &FakeSnp) {
        self.kds.know(machine);
        self.made.clear();
    }

    pub(super) fn know_tdx(&mut self, machine: &FakeTdx) {
        self.pcs.know(machine);
        self.made.clear();
    }

    pub(super) fn know_gpu(&mut self, device: &FakeGpu) {
        self.rims.know_device(device);
        self.ocsp.know_device(device);
        self.made.clear();
    }

    pub(super) fn know_rim(&mut self, id: &str, rim: &FakeRim) {
        self.rims.know(id, rim);
        self.ocsp.know(rim);
        self.made.clear();
    }

    pub(super) fn say(&mut self, serial: &[u8], status: CertificateStatus) {
        self.ocsp.say(serial, status);
    }

    pub(super) const fn sign_on_demand(&mut self) {
        self.on_demand = true;
    }

    /// What a service has for a request, in one variant.
    pub(super) fn answer(
        &mut self,
        service: Service,
        call: &Call,
        variant: Variant,
    ) -> Result<Document, Missing> {
        match (service, call.method.as_str()) {
            (Service::Ocsp, "POST") => self.respond(call, variant),
            (Service::Kds | Service::Pcs | Service::Rim, "GET") => {
                self.find(service, &call.target, variant)
            }
            (Service::Ocsp | Service::Kds | Service::Pcs | Service::Rim, _) => Err(Missing::Method),
        }
    }

    fn respond(&self, call: &Call, variant: Variant) -> Result<Document, Missing> {
        if call.target != "/" {
            return Err(Missing::Unknown);
        }
        if call.header("content-type") != Some(ocsp::REQUEST) {
            return Err(Missing::Malformed("the body is no OCSP request by its type"));
        }
        let mut edition = self.edition;
        if self.on_demand {
            edition.window.from = clock::present();
        }
        Ok(self.ocsp.answer(&call.body, edition, variant))
    }

    fn find(
        &mut self,
        service: Service,
        target: &str,
        variant: Variant,
    ) -> Result<Document, Missing> {
        let name = (service, target.to_owned(), variant);
        if let Some(document) = self.made.get(&name) {
            return Ok(document.clone());
        }
        let document = match service {
            Service::Kds => self.kds.answer(target, self.edition, variant)?,
            Service::Pcs => self.pcs.answer(target, self.edition, variant)?,
            Service::Rim => self.rims.answer(target, self.edition, variant)?,
            Service::Ocsp => return Err(Missing::Method),
        };
        self.made.insert(name, document.clone());
        Ok(document)
    }
}
