//! The vendors' services on loopback: AMD's key distribution service, Intel's provisioning certification service, NVIDIA's
//! RIM service and its OCSP responder. They speak the vendors' protocols, sign with forged hierarchies, can be made to
//! fail in every way that a client must survive, and remember what was asked.
//!
//! Whatever they sign verifies beside evidence that was forged from the same seed. They run on threads of their own, so
//! that a test may block while they answer.

mod catalogue;
mod der;
mod document;
mod edition;
mod fault;
mod gzip;
mod http;
mod kds;
mod log;
mod ocsp;
mod pcs;
mod rims;
mod server;
mod variant;
mod wire;

use std::{
    io,
    sync::{Arc, Mutex},
};

use sealroom_attestation::UnixTime;
use sealroom_forge::{FakeGpu, FakeRim, FakeSnp, FakeTdx, gpu::CertificateStatus};
use tokio::runtime::{Builder, Runtime};

use catalogue::Catalogue;
use log::Log;
use server::{Server, Shared};

pub use edition::Edition;
pub use fault::Fault;
pub use log::Request;

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// AMD's key distribution service.
    Kds,
    /// Intel's provisioning certification service, and the host of its root's revocation list.
    Pcs,
    /// NVIDIA's service for reference integrity manifests.
    Rim,
    /// NVIDIA's OCSP responder.
    Ocsp,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 4] = [Self::Kds, Self::Pcs, Self::Rim, Self::Ocsp];
}

/// All services of one set of forged vendors. They end when this is dropped.
///
/// ```
/// use sealroom_attestation::UnixTime;
/// use sealroom_forge::Fake;
/// use sealroom_tests::vendors::{Fault, Service, Vendors};
/// let vendors = Vendors::start([7; 32], UnixTime(1_790_000_000))?;
/// vendors.knows_snp(&Fake::snp([7; 32]));
/// vendors.set(Service::Kds, Fault::TooManyRequests(30));
/// assert!(vendors.kds().starts_with("http://127.0.0.1:"));
/// assert_eq!(vendors.count(|request| request.service == Service::Kds), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Vendors {
    shared: Arc<Shared>,
    kds: Server,
    pcs: Server,
    rim: Server,
    ocsp: Server,
    runtime: Option<Runtime>,
}

impl Vendors {
    /// Starts all services, each on a free loopback port, with the edition of this time.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(seed: [u8; 32], now: UnixTime) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let catalogue = Mutex::new(Catalogue::new(seed, Edition::at(now)));
        let shared = Arc::new(Shared { catalogue, log: Log::default() });
        let server = |service| Server::start(service, &shared, runtime.handle());
        Ok(Self {
            kds: server(Service::Kds)?,
            pcs: server(Service::Pcs)?,
            rim: server(Service::Rim)?,
            ocsp: server(Service::Ocsp)?,
            runtime: Some(runtime),
            shared,
        })
    }

    const fn server(&self, service: Service) -> &Server {
        match service {
            Service::Kds => &self.kds,
            Service::Pcs => &self.pcs,
            Service::Rim => &self.rim,
            Service::Ocsp => &self.ocsp,
        }
    }

    /// Scheme, host and port of a service, without a slash at the end.
    #[must_use]
    pub fn url(&self, service: Service) -> String {
        format!("http://{}", self.server(service).address())
    }

    /// In place of `https://kdsintf.amd.com`.
    #[must_use]
    pub fn kds(&self) -> String {
        self.url(Service::Kds)
    }

    /// In place of `https://api.trustedservices.intel.com` and `https://certificates.trustedservices.intel.com`.
    #[must_use]
    pub fn pcs(&self) -> String {
        self.url(Service::Pcs)
    }

    /// In place of `https://rim.attestation.nvidia.com`.
    #[must_use]
    pub fn rim(&self) -> String {
        self.url(Service::Rim)
    }

    /// In place of `https://ocsp.ndis.nvidia.com`.
    #[must_use]
    pub fn ocsp(&self) -> String {
        self.url(Service::Ocsp)
    }

    /// From now on AMD certifies this chip at every TCB, and speaks as this machine's vendor does.
    pub fn knows_snp(&self, machine: &FakeSnp) {
        self.shared.catalogue().know_snp(machine);
    }

    /// From now on Intel has documents about this machine's model, and speaks as its vendor does.
    pub fn knows_tdx(&self, machine: &FakeTdx) {
        self.shared.catalogue().know_tdx(machine);
    }

    /// From now on NVIDIA has RIMs of what this GPU or switch runs, and answers for its certificates and the RIMs'.
    pub fn knows_gpu(&self, device: &FakeGpu) {
        self.shared.catalogue().know_gpu(device);
    }

    /// From now on NVIDIA has this RIM under this id, in place of any other.
    pub fn knows_rim(&self, id: &str, rim: &FakeRim) {
        self.shared.catalogue().know_rim(id, rim);
    }

    /// What the responder says of the certificates with this serial number; a hold is a revocation with reason 6.
    /// Without this it says that what it knows is good.
    pub fn says(&self, serial: &[u8], status: CertificateStatus) {
        self.shared.catalogue().say(serial, status);
    }

    /// From now on the responder signs when it is asked, by the machine's own clock.
    pub fn signs_on_demand(&self) {
        self.shared.catalogue().sign_on_demand();
    }

    /// What is published now.
    #[must_use]
    pub fn edition(&self) -> Edition {
        self.shared.catalogue().edition()
    }

    /// Publishes other dates and numbers.
    pub fn publish(&self, edition: Edition) {
        self.shared.catalogue().publish(edition);
    }

    /// From now on a service fails this way, on every path that no [`Vendors::set_for`] names.
    pub fn set(&self, service: Service, fault: Fault) {
        let listens = fault != Fault::Refused;
        let server = self.server(service);
        server.behaviour().set("", fault);
        server.listen(listens);
    }

    /// From now on a service fails this way where path and query begin so.
    pub fn set_for(&self, service: Service, beginning: &str, fault: Fault) {
        self.server(service).behaviour().set(beginning, fault);
    }

    /// From now on a service works.
    pub fn clear(&self, service: Service) {
        let server = self.server(service);
        server.behaviour().clear();
        server.listen(true);
    }

    /// What a service says with `Cache-Control`, in seconds; at first nothing.
    pub fn max_age(&self, service: Service, seconds: Option<u32>) {
        self.server(service).behaviour().max_age = seconds;
    }

    /// Every request that reached a service, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log.lines().clone()
    }

    /// How many requests are so.
    #[must_use]
    pub fn count(&self, matching: impl Fn(&Request) -> bool) -> usize {
        self.shared.log.lines().iter().filter(|request| matching(request)).count()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.log.lines().clear();
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        // Without waiting: this may be dropped inside another runtime, which must not block.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}
