//! The text of a RIM: once as NVIDIA spells it, once in inclusive canonical XML 1.1 as this module understands it.

use super::{Attribute, RimSpec};
use crate::tdx::text::{base64, hex};

const SWID: &str = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
const HASHES: &str = "http://www.w3.org/2001/04/xmlenc#sha384";
const TCG: &str = "https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const C14N: &str = "http://www.w3.org/2006/12/xml-c14n11";

fn owned(attributes: &[(&str, &str)]) -> Vec<Attribute> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn identity(product: &str, id: &str, tag_version: u32) -> Vec<Attribute> {
    owned(&[
        ("xmlns", SWID),
        ("xmlns:ns0", SWID),
        ("xmlns:ns2", HASHES),
        ("corpus", "false"),
        ("name", product),
        ("patch", "false"),
        ("supplemental", "false"),
        ("tagId", id),
        ("version", "1.0"),
        ("tagVersion", &tag_version.to_string()),
    ])
}

pub(super) fn entity() -> Vec<Attribute> {
    owned(&[("name", "NVIDIA Corporation"), ("role", "softwareCreator tagCreator")])
}

pub(super) fn meta(product: &str, edition: &str, version: &str) -> Vec<Attribute> {
    owned(&[
        ("xmlns:ns1", TCG),
        ("colloquialVersion", version),
        ("edition", edition),
        ("product", product),
        ("revision", "r1"),
        ("PayloadType", "direct"),
        ("ns1:BindingSpec", "RIMIM"),
        ("ns1:BindingSpecVersion", "1.01"),
        ("ns1:PlatformManufacturerId", "5703"),
        ("ns1:PlatformManufacturerStr", "NVIDIA Corporation"),
        ("ns1:PlatformModel", product),
        ("ns1:FirmwareManufacturer", "NVIDIA Corporation"),
        ("ns1:FirmwareManufacturerId", "5703"),
    ])
}

/// How start tags and empty elements are written.
#[derive(Clone, Copy)]
enum Style {
    Nvidia,
    Canonical,
}

/// A start tag, and the end tag of an element that is empty.
fn element(style: Style, name: &str, attributes: &[Attribute], empty: bool) -> String {
    let mut attributes: Vec<_> = attributes.iter().collect();
    if let Style::Canonical = style {
        // Namespaces by prefix; then attributes without one, then those with one. All prefixes here are of one namespace.
        let key = |name: &str| {
            let declares = name == "xmlns" || name.starts_with("xmlns:");
            (!declares, !declares && name.contains(':'), name.to_owned())
        };
        attributes.sort_by_key(|(name, _)| key(name));
    }
    let shown: String =
        attributes.iter().map(|(name, value)| format!(" {name}=\"{value}\"")).collect();
    match (style, empty) {
        (Style::Nvidia, true) => format!("<{name}{shown}/>"),
        (Style::Canonical, true) => format!("<{name}{shown}></{name}>"),
        (_, false) => format!("<{name}{shown}>"),
    }
}

/// The document up to the place of its signature.
fn document(spec: &RimSpec, style: Style) -> String {
    let mut text = element(style, "SoftwareIdentity", &spec.identity, false);
    text += "\n    ";
    text += &element(style, "ns0:Entity", &spec.entity, true);
    text += "\n    ";
    text += &element(style, "ns0:Meta", &spec.meta, true);
    text += "\n    ";
    text += &element(style, "ns0:Payload", &owned(&[("xmlns:SHA384", HASHES)]), false);
    for resource in &spec.resources {
        let index = resource.index.to_string();
        let count = resource.hashes.len().to_string();
        let mut attributes = owned(&[
            ("type", "Measurement"),
            ("index", &index),
            ("active", &resource.active),
            ("alternatives", &count),
        ]);
        for (number, hash) in resource.hashes.iter().enumerate() {
            attributes.push((format!("ns2:Hash{number}"), hex(hash)));
        }
        let name = format!("Measurement_{index}");
        attributes.extend(owned(&[("name", &name), ("size", "48")]));
        attributes.extend(resource.extra.iter().cloned());
        text += "\n        ";
        text += &element(style, "ns0:Resource", &attributes, true);
    }
    text + "\n    </ns0:Payload>\n"
}

/// What is digested.
pub(super) fn canonical(spec: &RimSpec) -> String {
    document(spec, Style::Canonical) + "</SoftwareIdentity>"
}

/// The file.
pub(super) fn file(spec: &RimSpec, signature: &str) -> String {
    let style = if spec.canonical { Style::Canonical } else { Style::Nvidia };
    document(spec, style) + signature + "</SoftwareIdentity>\n"
}

/// SignedInfo in canonical form: what is signed.
pub(super) fn signed_info(digest: &[u8; 48]) -> String {
    let scope =
        owned(&[("xmlns", SWID), ("xmlns:ds", DS), ("xmlns:ns0", SWID), ("xmlns:ns2", HASHES)]);
    info(Style::Canonical, &scope, digest)
}

fn info(style: Style, scope: &[Attribute], digest: &[u8; 48]) -> String {
    let method = |name: &str, algorithm: &str| {
        element(style, name, &owned(&[("Algorithm", algorithm)]), true)
    };
    [
        element(style, "ds:SignedInfo", scope, false),
        method("ds:CanonicalizationMethod", C14N),
        method("ds:SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"),
        "<ds:Reference URI=\"\"><ds:Transforms>".to_owned(),
        method("ds:Transform", "http://www.w3.org/2000/09/xmldsig#enveloped-signature"),
        method("ds:Transform", C14N),
        "</ds:Transforms>".to_owned(),
        method("ds:DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#sha384"),
        format!("<ds:DigestValue>{}</ds:DigestValue>", base64(digest)),
        "</ds:Reference></ds:SignedInfo>".to_owned(),
    ]
    .concat()
}

/// The signature element.
pub(super) fn signature(digest: &[u8; 48], value: &[u8], certificates: &[Vec<u8>]) -> String {
    let lines = |der: &Vec<u8>| -> String {
        let text = base64(der);
        let lines = text.as_bytes().chunks(64);
        lines.map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
    };
    let certificates: String = certificates
        .iter()
        .map(|der| format!("<ds:X509Certificate>{}</ds:X509Certificate>", lines(der)))
        .collect();
    format!(
        "<ds:Signature xmlns:ds=\"{DS}\">{}<ds:SignatureValue>{}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
         {certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>",
        info(Style::Nvidia, &[], digest),
        base64(value)
    )
}
