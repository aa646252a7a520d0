//! AMD's key distribution service (KDS 57230): certificates of chips, their authorities and the revocation list.

use std::collections::HashMap;

use sealroom_forge::{Fake, FakeSnp, Generation};

use super::{
    document::{Document, Missing, Query, pem},
    edition::Edition,
    fault::Variant,
    variant,
};

const CERTIFICATE: &str = "application/pkix-cert";
const CHAIN: &str = "application/x-pem-file";
const LIST: &str = "application/pkix-crl";

/// What the service knows. Every product has authorities; only chips that were named have certificates.
pub(super) struct Kds {
    seed: [u8; 32],
    chips: HashMap<(Generation, Vec<u8>), FakeSnp>,
    /// The latest machine of a product, whose authorities are everybody's; with a VCEK and with a VLEK.
    products: HashMap<(Generation, Key), FakeSnp>,
}

/// Which key of a chip is certified.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Vcek,
    Vlek,
}

impl Kds {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, chips: HashMap::new(), products: HashMap::new() }
    }

    /// A VLEK is the provider's own affair: of such a machine only the authorities are known.
    pub(super) fn know(&mut self, machine: &FakeSnp) {
        let (product, chip) = (machine.product(), machine.chip_id());
        let provider = machine.specs().vek.subject == "SEV-VLEK";
        let key = if provider { Key::Vlek } else { Key::Vcek };
        self.products.insert((product, key), machine.clone());
        if !provider {
            // The forge remembers RSA signatures: no request waits for this one, which takes hundredths of a second.
            let _made = machine.specs().vek.sign();
            let hwid = chip[..hwid_length(product)].to_vec();
            self.chips.insert((product, hwid), machine.clone());
        }
    }

    pub(super) fn answer(
        &self,
        target: &str,
        edition: Edition,
        variant: Variant,
    ) -> Result<Document, Missing> {
        let (path, query) = Query::split(target)?;
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let [key, "v1", name, last] = parts[..] else { return Err(Missing::Unknown) };
        let key = match key {
            "vcek" => Key::Vcek,
            "vlek" => Key::Vlek,
            _ => return Err(Missing::Unknown),
        };
        let product = product(name)?;
        match (key, last) {
            (_, "cert_chain" | "crl") => {
                query.finish()?;
                let machine = self.authorities(product, key, edition, variant);
                Ok(if last == "crl" {
                    list(&machine, variant)
                } else {
                    chain(&machine, edition, variant)
                })
            }
            (Key::Vcek, hwid) => self.chip(product, hwid, query, edition, variant),
            (Key::Vlek, _) => Err(Missing::Unknown),
        }
    }

    /// A machine of this product, as its authorities are.
    fn authorities(
        &self,
        product: Generation,
        key: Key,
        edition: Edition,
        variant: Variant,
    ) -> FakeSnp {
        let product = if variant == Variant::OtherResource { neighbour(product) } else { product };
        let machine = self.products.get(&(product, key)).cloned().unwrap_or_else(|| {
            let plain = self.products.get(&(product, Key::Vcek)).cloned();
            let plain = plain.unwrap_or_else(|| Fake::snp(self.seed).generation(product));
            if key == Key::Vlek { plain.vlek() } else { plain }
        });
        dressed(machine, edition, variant)
    }

    fn chip(
        &self,
        product: Generation,
        hwid: &str,
        query: Query<'_>,
        edition: Edition,
        variant: Variant,
    ) -> Result<Document, Missing> {
        let hwid =
            hex::decode(hwid).map_err(|_| Missing::Malformed("the hwid is not hexadecimal"))?;
        if hwid.len() != hwid_length(product) {
            return Err(Missing::Malformed("the hwid has another length"));
        }
        let tcb = tcb(product, query)?;
        let machine = self.chips.get(&(product, hwid)).ok_or(Missing::Unknown)?.clone();
        let machine =
            if variant == Variant::OtherResource { machine.chip(u32::MAX) } else { machine };
        let vek = dressed(machine.tcb(tcb), edition, variant).specs().vek;
        Ok(Document::new(CERTIFICATE, variant::certificate(vek, variant, edition)))
    }
}

/// With the list's dates and number, and under the vendor that the variant asks for.
fn dressed(machine: FakeSnp, edition: Edition, variant: Variant) -> FakeSnp {
    let edition = edition.under(variant);
    let (from, until) = edition.dates();
    let machine = machine.list(edition.crl, from, until);
    if variant == Variant::OtherVendor { machine.other_vendor() } else { machine }
}

/// ASK or ASVK, then ARK. The root is never changed: another one would be just another root.
fn chain(machine: &FakeSnp, edition: Edition, variant: Variant) -> Document {
    let specs = machine.specs();
    let authority = variant::certificate(specs.authority, variant, edition);
    Document::new(CHAIN, pem(&[authority, specs.root.sign()]))
}

fn list(machine: &FakeSnp, variant: Variant) -> Document {
    Document::new(LIST, variant::list(machine.specs().crl, variant))
}

fn product(name: &str) -> Result<Generation, Missing> {
    match name {
        "Milan" => Ok(Generation::Milan),
        "Genoa" => Ok(Generation::Genoa),
        "Turin" => Ok(Generation::Turin),
        _ => Err(Missing::Unknown),
    }
}

const fn neighbour(product: Generation) -> Generation {
    match product {
        Generation::Milan | Generation::Turin | Generation::Venice => Generation::Genoa,
        Generation::Genoa => Generation::Turin,
    }
}

const fn hwid_length(product: Generation) -> usize {
    match product {
        Generation::Milan | Generation::Genoa => 64,
        Generation::Turin | Generation::Venice => 8,
    }
}

/// The TCB that the parameters name (KDS 57230 §3.1): each once, all of them, no others.
fn tcb(product: Generation, mut query: Query<'_>) -> Result<[u8; 8], Missing> {
    let mut level = |name| {
        let text = query.take(name).ok_or(Missing::Malformed("a parameter is missing"))?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u8>().ok().filter(|_| digits);
        number.ok_or(Missing::Malformed("a parameter is no number below 256"))
    };
    let (boot, tee) = (level("blSPL")?, level("teeSPL")?);
    let (firmware, microcode) = (level("snpSPL")?, level("ucodeSPL")?);
    let tcb = match product {
        Generation::Milan | Generation::Genoa => [boot, tee, 0, 0, 0, 0, firmware, microcode],
        Generation::Turin | Generation::Venice => {
            [level("fmcSPL")?, boot, tee, firmware, 0, 0, 0, microcode]
        }
    };
    query.finish()?;
    Ok(tcb)
}
