//! What was given once, beside what was published since: an old statement must not refuse what a newer one allows.

use crate::gpu::{ocsp, rim::Document};
use crate::time::UnixTime;
use crate::x509::Crl;

use super::Endorsements;

impl Endorsements {
    /// The same without lists, RIMs and responses of which these others have newer ones of the same issuer, tag or
    /// certificates. The others must have been verified: whoever could make up a newer one would hide what an older one says.
    #[must_use]
    pub fn without_superseded(&self, by: &Self) -> Self {
        let mut left = self.clone();
        lists(&mut left.snp.crls, &by.snp.crls);
        lists(&mut left.tdx.crls, &by.tdx.crls);
        rims(&mut left.gpu.rims, &by.gpu.rims);
        left.gpu.ocsp.retain(|given| !ocsp::is_superseded(given, &by.gpu.ocsp));
        left
    }
}

/// How new a list is: by its number, then by its date.
fn edition(list: &Crl) -> (usize, &[u8], UnixTime) {
    let number = list.number.as_deref().unwrap_or_default();
    (number.len(), number, list.validity.from)
}

fn lists(given: &mut Vec<Vec<u8>>, by: &[Vec<u8>]) {
    let by: Vec<_> = by.iter().filter_map(|der| Crl::decode(der).ok()).collect();
    given.retain(|der| {
        // What cannot be read is told by whoever verifies it.
        let Ok(list) = Crl::decode(der) else { return true };
        let mut same = by.iter().filter(|one| one.issuer.der == list.issuer.der);
        !same.any(|one| edition(one) > edition(&list))
    });
}

/// A RIM that is issued anew under the same version has a signer that counts for longer.
fn rims(given: &mut Vec<Vec<u8>>, by: &[Vec<u8>]) {
    let read = |bytes: &Vec<u8>| Document::decode(bytes).ok();
    let by: Vec<_> = by.iter().map(|bytes| (bytes, read(bytes))).collect();
    given.retain(|bytes| {
        let Some(document) = read(bytes) else { return true };
        let (id, version) = document.edition();
        let newer = |found: &Document| found.edition().0 == id && found.edition().1 >= version;
        !by.iter().any(|(other, found)| *other != bytes && found.as_ref().is_some_and(newer))
    });
}
