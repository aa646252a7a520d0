//! The elements of a RIM: names with their prefixes, namespaces and attributes, exactly as NVIDIA writes them.

use super::error::DecodeError;
use super::xml::{Attribute, Start};

/// ISO/IEC 19770-2: the default namespace and the one of prefix `ns0`.
const SWID: &str = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
/// Where the digests of a resource live.
const HASHES: &str = "http://www.w3.org/2001/04/xmlenc#sha384";
const TCG: &str = "https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/";
const XML_SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Every namespace in scope inside the signature, in the order of inclusive canonicalisation: the default one first.
pub(super) const IN_SCOPE: &[(&str, &str)] =
    &[("xmlns", SWID), ("xmlns:ds", XML_SIGNATURE), ("xmlns:ns0", SWID), ("xmlns:ns2", HASHES)];

/// One kind of element: what its start tag must hold, no less and no more.
pub(super) struct Shape {
    pub(super) name: &'static str,
    /// What it declares, in canonical order.
    pub(super) namespaces: &'static [(&'static str, &'static str)],
    attributes: &'static [&'static str],
    /// Attributes of this name and a number from 0.
    pub(super) series: Option<&'static str>,
}

impl Shape {
    const fn plain(name: &'static str) -> Self {
        Self::with(name, &[])
    }

    const fn with(name: &'static str, attributes: &'static [&'static str]) -> Self {
        Self { name, namespaces: &[], attributes, series: None }
    }
}

pub(super) const IDENTITY: Shape = Shape {
    name: "SoftwareIdentity",
    namespaces: &[("xmlns", SWID), ("xmlns:ns0", SWID), ("xmlns:ns2", HASHES)],
    attributes: &["corpus", "name", "patch", "supplemental", "tagId", "tagVersion", "version"],
    series: None,
};
pub(super) const ENTITY: Shape = Shape::with("ns0:Entity", &["name", "role"]);
pub(super) const META: Shape = Shape {
    name: "ns0:Meta",
    namespaces: &[("xmlns:ns1", TCG)],
    attributes: &[
        "PayloadType",
        "colloquialVersion",
        "edition",
        "product",
        "revision",
        "ns1:BindingSpec",
        "ns1:BindingSpecVersion",
        "ns1:FirmwareManufacturer",
        "ns1:FirmwareManufacturerId",
        "ns1:PlatformManufacturerId",
        "ns1:PlatformManufacturerStr",
        "ns1:PlatformModel",
    ],
    series: None,
};
pub(super) const PAYLOAD: Shape = Shape {
    name: "ns0:Payload",
    namespaces: &[("xmlns:SHA384", HASHES)],
    attributes: &[],
    series: None,
};
pub(super) const RESOURCE: Shape = Shape {
    name: "ns0:Resource",
    namespaces: &[],
    attributes: &["active", "alternatives", "index", "name", "size", "type"],
    series: Some("ns2:Hash"),
};
pub(super) const SIGNATURE: Shape = Shape {
    name: "ds:Signature",
    namespaces: &[("xmlns:ds", XML_SIGNATURE)],
    attributes: &[],
    series: None,
};
pub(super) const SIGNED_INFO: Shape = Shape::plain("ds:SignedInfo");
pub(super) const CANONICALIZATION_METHOD: Shape =
    Shape::with("ds:CanonicalizationMethod", &["Algorithm"]);
pub(super) const SIGNATURE_METHOD: Shape = Shape::with("ds:SignatureMethod", &["Algorithm"]);
pub(super) const REFERENCE: Shape = Shape::with("ds:Reference", &["URI"]);
pub(super) const TRANSFORMS: Shape = Shape::plain("ds:Transforms");
pub(super) const TRANSFORM: Shape = Shape::with("ds:Transform", &["Algorithm"]);
pub(super) const DIGEST_METHOD: Shape = Shape::with("ds:DigestMethod", &["Algorithm"]);
pub(super) const DIGEST_VALUE: Shape = Shape::plain("ds:DigestValue");
pub(super) const SIGNATURE_VALUE: Shape = Shape::plain("ds:SignatureValue");
pub(super) const KEY_INFO: Shape = Shape::plain("ds:KeyInfo");
pub(super) const X509_DATA: Shape = Shape::plain("ds:X509Data");
pub(super) const X509_CERTIFICATE: Shape = Shape::plain("ds:X509Certificate");

impl Shape {
    /// The attributes of a start tag, in canonical order; namespace declarations must be this element's own.
    pub(super) fn attributes<'a>(
        &self,
        start: &Start<'a>,
    ) -> Result<Vec<Attribute<'a>>, DecodeError> {
        let element = self.name;
        let (declared, mut attributes): (Vec<_>, Vec<_>) =
            start.attributes.iter().partition(|one| is_declaration(one.name));
        let known = |one: &Attribute<'_>| self.namespaces.contains(&(one.name, one.value));
        if let Some(other) = declared.iter().find(|one| !known(one)) {
            return Err(DecodeError::Namespace { element, name: other.name.to_owned() });
        }
        if let Some(other) = attributes.iter().find(|one| !self.has(one.name)) {
            return Err(DecodeError::Attribute { element, name: other.name.to_owned() });
        }
        let names = self.namespaces.iter().map(|(name, _)| name).chain(self.attributes);
        let present = |name: &&&str| start.attributes.iter().any(|one| one.name == **name);
        if let Some(name) = { names }.find(|name| !present(name)) {
            return Err(DecodeError::Missing { element, name });
        }
        attributes.sort_by_key(|one| order(one.name));
        Ok(attributes)
    }

    fn has(&self, name: &str) -> bool {
        let number = self.series.and_then(|series| name.strip_prefix(series));
        let numbered =
            |digits: &str| digits.parse::<u8>().is_ok_and(|number| number.to_string() == digits);
        self.attributes.contains(&name) || number.is_some_and(numbered)
    }
}

fn is_declaration(name: &str) -> bool {
    name == "xmlns" || name.starts_with("xmlns:")
}

/// Canonical XML 1.1 §2.3: by namespace, then by local name. No element has attributes of two namespaces, so that the
/// prefix stands for its namespace; attributes without a prefix are in none and come first.
fn order(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}
