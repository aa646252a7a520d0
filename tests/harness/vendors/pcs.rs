//! Intel's provisioning certification service, version 4, and the host of its root's revocation list.

use std::collections::HashMap;

use sealroom_forge::{Body, Fake, FakeTdx, TdxSpecs, tdx::SigningSpec};

use super::{
    document::{Document, Missing, Query, pem, pem_list},
    edition::Edition,
    fault::Variant,
    variant,
};

const LIST: &str = "application/pkix-crl";
const LIST_PEM: &str = "application/x-pem-file";
const TEXT: &str = "text/plain";
const JSON: &str = "application/json";

/// An environment that documents are about.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Tee {
    Sgx,
    Tdx,
}

/// An authority for the keys of platforms.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Authority {
    Processor,
    Platform,
}

/// Which of two documents of one time.
#[derive(Clone, Copy)]
enum Update {
    Standard,
    Early,
}

/// What the service knows: of each kind the latest machine that was named.
pub(super) struct Pcs {
    seed: [u8; 32],
    models: HashMap<(Tee, [u8; 6]), FakeTdx>,
    identities: HashMap<Tee, FakeTdx>,
    authorities: HashMap<Authority, FakeTdx>,
    latest: Option<FakeTdx>,
}

impl Pcs {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            models: HashMap::new(),
            identities: HashMap::new(),
            authorities: HashMap::new(),
            latest: None,
        }
    }

    pub(super) fn know(&mut self, machine: &FakeTdx) {
        let specs = machine.specs();
        let tee = if specs.tcb_info.id == "SGX" { Tee::Sgx } else { Tee::Tdx };
        let processor = specs.authority.subject.contains("Processor");
        let authority = if processor { Authority::Processor } else { Authority::Platform };
        self.models.insert((tee, specs.sgx.fmspc), machine.clone());
        self.identities.insert(tee, machine.clone());
        self.authorities.insert(authority, machine.clone());
        self.latest = Some(machine.clone());
    }

    pub(super) fn answer(
        &self,
        target: &str,
        edition: Edition,
        variant: Variant,
    ) -> Result<Document, Missing> {
        let (path, query) = Query::split(target)?;
        if path == "/IntelSGXRootCA.der" {
            query.finish()?;
            return Ok(Document::new(LIST, self.root_list(edition, variant)));
        }
        let (tee, rest) = path[1..].split_once("/certification/v4/").ok_or(Missing::Unknown)?;
        match (tee, rest) {
            ("sgx", "pckcrl") => self.pck_list(query, edition, variant),
            ("sgx", "rootcacrl") => {
                query.finish()?;
                Ok(Document::new(TEXT, hex::encode(self.root_list(edition, variant))))
            }
            ("sgx", "tcb") => self.tcb_info(Tee::Sgx, query, edition, variant),
            ("tdx", "tcb") => self.tcb_info(Tee::Tdx, query, edition, variant),
            ("sgx", "qe/identity") => self.identity(Tee::Sgx, query, edition, variant),
            ("tdx", "qe/identity") => self.identity(Tee::Tdx, query, edition, variant),
            _ => Err(Missing::Unknown),
        }
    }

    fn plain(&self) -> FakeTdx {
        Fake::tdx(self.seed)
    }

    fn root_list(&self, edition: Edition, variant: Variant) -> Vec<u8> {
        let machine = self.latest.clone().unwrap_or_else(|| self.plain());
        let specs = specs(machine, edition, Update::Standard, variant);
        let other = variant == Variant::OtherResource;
        variant::list(if other { specs.pck_crl } else { specs.root_crl }, variant)
    }

    fn pck_list(
        &self,
        mut query: Query<'_>,
        edition: Edition,
        variant: Variant,
    ) -> Result<Document, Missing> {
        let (authority, other) = match query.take("ca") {
            Some("processor") => (Authority::Processor, Authority::Platform),
            Some("platform") => (Authority::Platform, Authority::Processor),
            _ => return Err(Missing::Malformed("the ca is processor or platform")),
        };
        let encoding = query.take("encoding").unwrap_or("pem");
        query.finish()?;
        let authority = if variant == Variant::OtherResource { other } else { authority };
        let machine = self.authorities.get(&authority).cloned();
        let machine = machine.unwrap_or_else(|| match authority {
            Authority::Processor => self.plain().processor_ca(),
            Authority::Platform => self.plain(),
        });
        let specs = specs(machine, edition, Update::Standard, variant);
        let chain = pem(&[specs.authority.sign(), specs.root.sign()]);
        let list = variant::list(specs.pck_crl, variant);
        let document = match encoding {
            "der" => Document::new(LIST, list),
            "pem" => Document::new(LIST_PEM, pem_list(&list)),
            _ => return Err(Missing::Malformed("the encoding is pem or der")),
        };
        Ok(document.header("SGX-PCK-CRL-Issuer-Chain", url_encoded(&chain)))
    }

    fn tcb_info(
        &self,
        tee: Tee,
        mut query: Query<'_>,
        edition: Edition,
        variant: Variant,
    ) -> Result<Document, Missing> {
        let wrong = Missing::Malformed("the fmspc is six bytes in hexadecimal");
        let fmspc = query.take("fmspc").ok_or(wrong)?;
        let fmspc: [u8; 6] =
            hex::decode(fmspc).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(wrong)?;
        let update = update(query)?;
        let machine = self.model(tee, fmspc).ok_or(Missing::Unknown)?;
        let mut specs = specs(machine, edition, update, variant);
        if variant == Variant::OtherResource {
            specs.tcb_info.fmspc[0] ^= 1;
        }
        let chain = pem(&[specs.tcb_signer.sign(), specs.root.sign()]);
        let mut info = specs.tcb_info;
        otherwise_signed(&mut info.signing, variant);
        let body = document("tcbInfo", info.sign(), info.evaluation, variant);
        Ok(Document::new(JSON, body).header("TCB-Info-Issuer-Chain", url_encoded(&chain)))
    }

    /// A model that runs trust domains runs enclaves, too.
    fn model(&self, tee: Tee, fmspc: [u8; 6]) -> Option<FakeTdx> {
        if let Some(machine) = self.models.get(&(tee, fmspc)) {
            return Some(machine.clone());
        }
        let known = tee == Tee::Sgx && self.models.contains_key(&(Tee::Tdx, fmspc));
        known.then(|| self.plain().fmspc(fmspc).quote(3, Body::Sgx))
    }

    fn identity(
        &self,
        tee: Tee,
        query: Query<'_>,
        edition: Edition,
        variant: Variant,
    ) -> Result<Document, Missing> {
        let update = update(query)?;
        let tee = match (tee, variant == Variant::OtherResource) {
            (Tee::Sgx, false) | (Tee::Tdx, true) => Tee::Sgx,
            (Tee::Tdx, false) | (Tee::Sgx, true) => Tee::Tdx,
        };
        let machine = self.identities.get(&tee).cloned().unwrap_or_else(|| match tee {
            Tee::Sgx => self.plain().quote(3, Body::Sgx),
            Tee::Tdx => self.plain(),
        });
        let specs = specs(machine, edition, update, variant);
        let chain = pem(&[specs.tcb_signer.sign(), specs.root.sign()]);
        let mut identity = specs.qe_identity;
        otherwise_signed(&mut identity.signing, variant);
        let body = document("enclaveIdentity", identity.sign(), identity.evaluation, variant);
        let document = Document::new(JSON, body);
        Ok(document.header("SGX-Enclave-Identity-Issuer-Chain", url_encoded(&chain)))
    }
}

/// Everything about a machine at this time, under the vendor that the variant asks for.
fn specs(machine: FakeTdx, edition: Edition, update: Update, variant: Variant) -> TdxSpecs {
    let edition = edition.under(variant);
    let (from, until) = edition.dates();
    let evaluation = match update {
        Update::Standard => edition.standard,
        Update::Early => edition.early,
    };
    let machine = machine.issued(from, until).list(edition.crl, from, until).evaluation(evaluation);
    if variant == Variant::OtherVendor { machine.other_vendor().specs() } else { machine.specs() }
}

fn update(mut query: Query<'_>) -> Result<Update, Missing> {
    let update = match query.take("update") {
        None | Some("standard") => Update::Standard,
        Some("early") => Update::Early,
        Some(_) => return Err(Missing::Malformed("the update is standard or early")),
    };
    query.finish()?;
    Ok(update)
}

fn otherwise_signed(signing: &mut SigningSpec, variant: Variant) {
    if variant == Variant::OtherKey {
        signing.signer.1 = variant::other(signing.signer.1);
    }
}

/// The signed text with its signature; of a tampered one the evaluation number is higher than what was signed.
fn document(
    name: &str,
    (mut text, signature): (String, Vec<u8>),
    evaluation: u32,
    variant: Variant,
) -> String {
    if variant == Variant::Tampered {
        let number = |number: u32| format!("\"tcbEvaluationDataNumber\":{number}");
        text = text.replacen(&number(evaluation), &number(evaluation + 1), 1);
    }
    format!("{{\"{name}\":{text},\"signature\":\"{}\"}}", hex::encode(signature))
}

/// Everything but letters, digits and four marks as two digits (RFC 3986 §2).
fn url_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let encode = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
