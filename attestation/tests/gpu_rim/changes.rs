//! Genuine RIMs with one thing changed: which check says so, and why.

use std::time::{Duration, Instant};

use sealroom_attestation::gpu::rim::{DecodeError, Document, LONGEST_RIM, RimError};

use crate::{TIME, VBIOS, check, failed, own, refuses, tell};

fn text(name: &str) -> String {
    String::from_utf8(own(name)).expect("text")
}

/// Decoding the genuine RIM with the first `from` replaced.
#[track_caller]
fn edited(from: &str, to: &str) -> Result<Document, DecodeError> {
    let genuine = text(VBIOS);
    assert!(genuine.contains(from), "{from}");
    Document::decode(genuine.replacen(from, to, 1).as_bytes())
}

#[track_caller]
fn undecodable(from: &str, to: &str, error: DecodeError) {
    assert_eq!(edited(from, to).err(), Some(error), "{from} -> {to}");
    let changed = text(VBIOS).replacen(from, to, 1);
    assert_eq!(failed(&check(changed.as_bytes(), TIME)), ["gpu.rim.decode"], "{from} -> {to}");
}

/// Where the text stands for the first time.
fn offset(of: &str) -> usize {
    text(VBIOS).find(of).expect("it is there")
}

#[test]
fn every_byte_of_a_rim_counts() {
    let genuine = own(VBIOS);
    let document = Document::decode(&genuine).expect("genuine");
    let (mut accepted, mut same) = (Vec::new(), Vec::new());
    for place in 0..genuine.len() {
        for bit in [0x01, 0x20] {
            let mut changed = genuine.clone();
            changed[place] ^= bit;
            let Ok(decoded) = Document::decode(&changed) else { continue };
            if decoded.canonical() == document.canonical() {
                same.push(place);
            }
            if check(&changed, TIME).is_ok() {
                accepted.push(place);
            }
        }
    }
    assert_eq!(accepted, [0_usize; 0]);
    // Enveloped: the signature is no part of what is digested. These bytes are the digest, the value and the certificates
    // in it, which the signature over SignedInfo, the chain and the pinned root hold.
    let begin = text(VBIOS).find("<ds:DigestValue>").expect("a signature");
    assert!(same.iter().all(|place| *place > begin));
    same.dedup();
    let (all, inside) = (genuine.len(), same.len());
    tell(&format!(
        "{all} bytes of a RIM, none may change; {inside} of its signature are not digested"
    ));
}

#[test]
fn refuses_what_only_some_readers_know() {
    let meta = offset("<ns0:Meta");
    let begin = "<SoftwareIdentity";
    for (inserted, error) in [
        ("<!DOCTYPE SoftwareIdentity [<!ENTITY a \"b\">]>", DecodeError::Dtd { offset: 0 }),
        ("<!DOCTYPE a SYSTEM \"file:///etc/passwd\">", DecodeError::Dtd { offset: 0 }),
        ("<?xml version=\"1.0\"?>", DecodeError::ProcessingInstruction { offset: 0 }),
        ("<!-- -->", DecodeError::Comment { offset: 0 }),
        ("\u{feff}", DecodeError::Character { offset: 0, found: 0xef }),
    ] {
        undecodable(begin, &format!("{inserted}{begin}"), error);
    }
    for (inserted, error) in [
        ("<!-- -->", DecodeError::Comment { offset: meta }),
        ("<?php ?>", DecodeError::ProcessingInstruction { offset: meta }),
        ("<![CDATA[ ]]>", DecodeError::Cdata { offset: meta }),
        ("&#32;", DecodeError::Reference { offset: meta }),
        ("&a;", DecodeError::Reference { offset: meta }),
        ("\r\n", DecodeError::Character { offset: meta, found: b'\r' }),
        ("\0", DecodeError::Character { offset: meta, found: 0 }),
        ("hello", DecodeError::Text { expected: "ns0:Meta" }),
    ] {
        undecodable("<ns0:Meta", &format!("{inserted}<ns0:Meta"), error);
    }
    let value = offset("96.00.5E.00.01");
    undecodable("96.00.5E", "9&#54;.00.5E", DecodeError::Reference { offset: value + 1 });
    undecodable(
        "96.00.5E",
        "96\u{2024}00.5E",
        DecodeError::Character { offset: value + 2, found: 0xe2 },
    );
}

#[test]
fn refuses_elements_and_attributes_that_are_not_known() {
    let element =
        |found: &str, expected| DecodeError::Element { found: found.to_owned(), expected };
    let attribute = |element, name: &str| DecodeError::Attribute { element, name: name.to_owned() };
    let resource = "<ns0:Resource type=\"Measurement\" index=\"0\"";
    undecodable("<ns0:Meta", "<ns0:Link/><ns0:Meta", element("ns0:Link", "ns0:Meta"));
    undecodable("<ns0:Entity", "<Entity", element("Entity", "ns0:Entity"));
    undecodable("<ns0:Entity", "<ns2:Entity", element("ns2:Entity", "ns0:Entity"));
    undecodable(
        "<SoftwareIdentity",
        "<ns0:SoftwareIdentity",
        element("ns0:SoftwareIdentity", "SoftwareIdentity"),
    );
    undecodable(
        resource,
        &resource.replace("<ns0:Resource", "<ns0:File"),
        element("ns0:File", "ns0:Payload"),
    );
    undecodable(" patch=", " xml:base=\"a\" patch=", attribute("SoftwareIdentity", "xml:base"));
    undecodable(" patch=", " Id=\"a\" patch=", attribute("SoftwareIdentity", "Id"));
    undecodable(
        resource,
        &format!("{resource} ns2:Hash00=\"\""),
        attribute("ns0:Resource", "ns2:Hash00"),
    );
    undecodable(resource, &format!("{resource} Hash0=\"\""), attribute("ns0:Resource", "Hash0"));
    undecodable(
        resource,
        &format!("{resource} ns0:size=\"48\""),
        attribute("ns0:Resource", "ns0:size"),
    );
    let name = "index".to_owned();
    undecodable(resource, &format!("{resource} index=\"7\""), DecodeError::Duplicate { name });
    let missing = |element, name| DecodeError::Missing { element, name };
    undecodable(" patch=\"false\"", "", missing("SoftwareIdentity", "patch"));
    undecodable(" index=\"0\"", "", missing("ns0:Resource", "index"));
    undecodable(
        "<ns0:Payload",
        "<ns0:Payload><ns0:Payload",
        missing("ns0:Payload", "xmlns:SHA384"),
    );
}

#[test]
fn refuses_namespaces_that_are_not_the_known_ones() {
    let namespace = |element, name: &str| DecodeError::Namespace { element, name: name.to_owned() };
    let swid = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
    let evil = "http://example.org/";
    undecodable(
        &format!("xmlns:ns0=\"{swid}\""),
        &format!("xmlns:ns0=\"{evil}\""),
        namespace("SoftwareIdentity", "xmlns:ns0"),
    );
    undecodable(&format!("xmlns=\"{swid}\""), "xmlns=\"\"", namespace("SoftwareIdentity", "xmlns"));
    undecodable(
        &format!(" xmlns=\"{swid}\""),
        "",
        DecodeError::Missing { element: "SoftwareIdentity", name: "xmlns" },
    );
    // A declaration that changes nothing would still be written, or not, by one reader and another.
    for (element, name, value) in [
        ("ns0:Entity", "xmlns:ns0", swid),
        ("ns0:Entity", "xmlns", swid),
        ("ns0:Resource", "xmlns:ns2", "http://www.w3.org/2001/04/xmlenc#sha384"),
        ("ds:SignedInfo", "xmlns:ds", "http://www.w3.org/2000/09/xmldsig#"),
        ("ds:Signature", "xmlns", "http://www.w3.org/2000/09/xmldsig#"),
        ("ds:KeyInfo", "xmlns:evil", evil),
    ] {
        let start = format!("<{element}");
        let changed = format!("{start} {name}=\"{value}\"");
        undecodable(&start, &changed, namespace(element, name));
    }
    undecodable(
        "http://www.w3.org/2000/09/xmldsig#\"",
        "http://www.w3.org/2000/09/xmldsig\"",
        namespace("ds:Signature", "xmlns:ds"),
    );
    let found = "Signature".to_owned();
    let expected = "ds:Signature";
    undecodable(
        "<ds:Signature xmlns:ds",
        "<Signature xmlns:ds",
        DecodeError::Element { found, expected },
    );
}

/// The signature's text.
fn signature() -> String {
    let genuine = text(VBIOS);
    let (_, rest) = genuine.split_once("<ds:Signature ").expect("a signature");
    let (inside, _) = rest.split_once("</ds:Signature>").expect("a signature");
    format!("<ds:Signature {inside}</ds:Signature>")
}

#[test]
fn refuses_signatures_that_were_moved_wrapped_or_doubled() {
    let signature = signature();
    let doubled = format!("{signature}{signature}");
    undecodable(&signature, &doubled, DecodeError::SecondSignature);
    for expected in ["ns0:Entity", "ns0:Meta", "ns0:Payload"] {
        let begin = format!("<{expected}");
        let moved = text(VBIOS).replacen(&signature, "", 1);
        let moved = moved.replacen(&begin, &format!("{signature}{begin}"), 1);
        let error = DecodeError::SignatureMoved { expected };
        assert_eq!(Document::decode(moved.as_bytes()).err(), Some(error));
    }
    let inside = text(VBIOS).replacen(&signature, "", 1);
    let inside = inside.replacen("<ns0:Resource", &format!("{signature}<ns0:Resource"), 1);
    let error = DecodeError::SignatureMoved { expected: "ns0:Payload" };
    assert_eq!(Document::decode(inside.as_bytes()).err(), Some(error));
    // The signed document inside another one, and the other way round.
    let genuine = text(VBIOS);
    let wrapped = format!("<Wrapper>{}</Wrapper>", genuine.trim_end());
    let error = |found: &str, expected| DecodeError::Element { found: found.to_owned(), expected };
    assert_eq!(
        Document::decode(wrapped.as_bytes()).err(),
        Some(error("Wrapper", "SoftwareIdentity"))
    );
    let object = format!("<ds:Object>{}</ds:Object></ds:Signature>", genuine.trim_end());
    undecodable("</ds:Signature>", &object, error("ds:Object", "ds:Signature"));
    undecodable(
        "</SoftwareIdentity>",
        "<ns0:Payload/></SoftwareIdentity>",
        error("ns0:Payload", "SoftwareIdentity"),
    );
    let unsigned =
        DecodeError::End { found: "SoftwareIdentity".to_owned(), expected: "ds:Signature" };
    undecodable(&signature, "", unsigned);
    let after = DecodeError::Element {
        found: "SoftwareIdentity".to_owned(),
        expected: "the end of the document",
    };
    assert_eq!(Document::decode(genuine.repeat(2).as_bytes()).err(), Some(after));
}

#[test]
fn refuses_keys_beside_the_certificates() {
    let key = "<ds:KeyValue><ds:ECKeyValue/></ds:KeyValue>";
    let element =
        |found: &str, expected| DecodeError::Element { found: found.to_owned(), expected };
    for (place, expected) in [
        ("<ds:X509Data>", "ds:X509Data"),
        ("</ds:KeyInfo>", "ds:KeyInfo"),
        ("</ds:X509Data>", "ds:X509Data"),
    ] {
        undecodable(place, &format!("{key}{place}"), element("ds:KeyValue", expected));
    }
    let name = "<ds:KeyName>evil</ds:KeyName>";
    undecodable(
        "<ds:X509Data>",
        &format!("{name}<ds:X509Data>"),
        element("ds:KeyName", "ds:X509Data"),
    );
    let second = "</ds:X509Data><ds:X509Data></ds:X509Data>";
    undecodable("</ds:X509Data>", second, element("ds:X509Data", "ds:KeyInfo"));
    let (_, rest) = text(VBIOS)
        .split_once("<ds:KeyInfo>")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("keys");
    let (info, _) = rest.split_once("</ds:KeyInfo>").expect("keys");
    let info = format!("<ds:KeyInfo>{info}</ds:KeyInfo>");
    let end = DecodeError::End { found: "ds:Signature".to_owned(), expected: "ds:KeyInfo" };
    undecodable(&info, "", end);
}

#[test]
fn refuses_other_algorithms_transforms_and_references() {
    let algorithm = |element, expected| DecodeError::Algorithm { element, expected };
    let canonical = "http://www.w3.org/2006/12/xml-c14n11";
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    let signature = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
    let digest = "http://www.w3.org/2001/04/xmldsig-more#sha384";
    undecodable(canonical, exclusive, algorithm("ds:CanonicalizationMethod", canonical));
    let method = "<ds:SignatureMethod Algorithm=\"";
    undecodable(
        &format!("{method}{signature}"),
        &format!("{method}http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
        algorithm("ds:SignatureMethod", signature),
    );
    undecodable(
        enveloped,
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        algorithm("ds:Transform", enveloped),
    );
    let transform = "<ds:Transform Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\"/>";
    let twice =
        DecodeError::Element { found: "ds:Transform".to_owned(), expected: "ds:Transforms" };
    undecodable(transform, &transform.repeat(2), twice);
    let none = DecodeError::End { found: "ds:Transforms".to_owned(), expected: "ds:Transform" };
    undecodable(transform, "", none);
    undecodable(
        digest,
        "http://www.w3.org/2000/09/xmldsig#sha1",
        algorithm("ds:DigestMethod", digest),
    );
    undecodable("URI=\"\"", "URI=\"#a\"", algorithm("ds:Reference", ""));
    let reference =
        DecodeError::Element { found: "ds:Reference".to_owned(), expected: "ds:SignedInfo" };
    undecodable("</ds:SignedInfo>", "<ds:Reference URI=\"\"/></ds:SignedInfo>", reference);
    undecodable(
        "<ds:SignedInfo>",
        "<ds:SignedInfo>\n",
        DecodeError::Text { expected: "ds:CanonicalizationMethod" },
    );
    let base64 = |element| DecodeError::Base64 { element };
    undecodable("<ds:SignatureValue>", "<ds:SignatureValue>\n", base64("ds:SignatureValue"));
    undecodable("<ds:DigestValue>D", "<ds:DigestValue>", base64("ds:DigestValue"));
}

#[test]
fn refuses_values_that_are_not_known() {
    let value = |element, attribute, found: &str, expected| DecodeError::Value {
        element,
        attribute,
        found: found.to_owned(),
        expected,
    };
    let resource = |attribute, found, expected| value("ns0:Resource", attribute, found, expected);
    undecodable("active=\"True\"", "active=\"true\"", resource("active", "true", "True or False"));
    undecodable("active=\"True\"", "active=\"\"", resource("active", "", "True or False"));
    undecodable("size=\"48\"", "size=\"32\"", resource("size", "32", "48"));
    undecodable("index=\"1\"", "index=\"0\"", resource("index", "0", "more than the one before"));
    undecodable("index=\"1\"", "index=\"01\"", resource("index", "01", "a decimal number"));
    let count = "the number of values, at most 16";
    undecodable("alternatives=\"4\"", "alternatives=\"3\"", resource("alternatives", "3", count));
    undecodable("alternatives=\"4\"", "alternatives=\"5\"", resource("alternatives", "5", count));
    undecodable("ns2:Hash3=", "ns2:Hash4=", DecodeError::Hash { number: 3 });
    undecodable("\"c3f65ef7", "\"C3f65ef7", DecodeError::Hash { number: 0 });
    undecodable("\"c3f65ef7", "\"65ef7", DecodeError::Hash { number: 0 });
    let meta = |attribute, found, expected| value("ns0:Meta", attribute, found, expected);
    undecodable("edition=\"GPU\"", "edition=\"CPU\"", meta("edition", "CPU", "GPU or SWITCH"));
    let version = "the version of a driver, a VBIOS or a BIOS";
    undecodable("96.00.5E.00.01", "96.00.5E.00", meta("colloquialVersion", "96.00.5E.00", version));
    undecodable("\"5703\"", "\"5704\"", meta("ns1:PlatformManufacturerId", "5704", "5703"));
    undecodable(
        "product=\"GH100\"",
        "product=\"GB100\"",
        meta("product", "GB100", "the name of the tag"),
    );
    let identity = |attribute, found| value("SoftwareIdentity", attribute, found, "false");
    undecodable("patch=\"false\"", "patch=\"true\"", identity("patch", "true"));
    undecodable(
        "supplemental=\"false\"",
        "supplemental=\"true\"",
        identity("supplemental", "true"),
    );
}

#[test]
fn says_which_check_stands_against_a_change() {
    let genuine = text(VBIOS);
    let id = "560b6686b372407d02dea1bd3bcedf3865fff39a281705348b27edd21e5f32c6541642eb5db0a494a24884d60b009cfe";
    let changed = genuine.replacen("ns2:Hash0=\"c3f6", "ns2:Hash0=\"c3f7", 1);
    let error = RimError::Digest { id: id.to_owned() };
    refuses(check(changed.as_bytes(), TIME), "gpu.rim.digest", error);
    let changed = genuine.replacen("<ds:SignatureValue>s", "<ds:SignatureValue>t", 1);
    let error = RimError::Signature { id: id.to_owned(), signer: "HCC RIM L4 Signer".to_owned() };
    refuses(check(changed.as_bytes(), TIME), "gpu.rim.signature", error);
    let certificate = |place: usize| {
        let text = genuine.split("<ds:X509Certificate>").nth(place + 1).expect("four");
        let (text, _) = text.split_once("</ds:X509Certificate>").expect("four");
        format!("<ds:X509Certificate>{text}</ds:X509Certificate>")
    };
    let three = genuine.replacen(&certificate(2), "", 1);
    let error = RimError::Certificates { found: 3 };
    refuses(check(three.as_bytes(), TIME), "gpu.rim.chain", error);
    let swapped = genuine.replacen(&certificate(1), &certificate(2), 1);
    assert_eq!(failed(&check(swapped.as_bytes(), TIME)), ["gpu.rim.chain"]);
    let doubled = genuine.replacen(&certificate(3), &certificate(3).repeat(6), 1);
    let too_many = DecodeError::TooMany { what: "certificates", limit: 8 };
    assert_eq!(Document::decode(doubled.as_bytes()).err(), Some(too_many));
}

#[test]
fn only_the_end_of_the_line_may_follow() {
    let genuine = text(VBIOS);
    let trimmed = genuine.trim_end();
    for end in ["", "\n", "\n\n"] {
        check(format!("{trimmed}{end}").as_bytes(), TIME).expect("the same document");
    }
    for end in ["\n\n\n", " ", "a"] {
        let error = DecodeError::Text { expected: "the end of the document" };
        refuses(
            check(format!("{trimmed}{end}").as_bytes(), TIME),
            "gpu.rim.decode",
            RimError::from(error),
        );
    }
}

#[test]
fn another_spelling_of_the_same_document_has_the_same_canonical_form() {
    let genuine = text(VBIOS);
    let document = Document::decode(genuine.as_bytes()).expect("genuine");
    let other = genuine
        .replace(
            "corpus=\"false\" name=\"GH100\" patch=\"false\"",
            "patch=\"false\" name=\"GH100\" corpus=\"false\"",
        )
        .replace(" size=\"48\"/>", " size=\"48\"></ns0:Resource>")
        .replace("<ns0:Resource type=\"Measurement\" ", "<ns0:Resource ")
        .replace(
            " size=\"48\"></ns0:Resource>",
            " size=\"48\" type=\"Measurement\"></ns0:Resource>",
        );
    assert_ne!(other, genuine);
    let decoded = Document::decode(other.as_bytes()).expect("the same document");
    assert_eq!(decoded.canonical(), document.canonical());
    check(other.as_bytes(), TIME).expect("the same document");
    // The canonical form of the canonical form is itself, but for the signature that is not in it.
    let canonical = String::from_utf8(document.canonical().to_vec()).expect("text");
    let signed =
        canonical.replace("</SoftwareIdentity>", &format!("{}</SoftwareIdentity>", signature()));
    let again = Document::decode(signed.as_bytes()).expect("the same document");
    assert_eq!(again.canonical(), document.canonical());
}

/// Documents that keep a reader busy: each grows with its size.
fn hostile(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let genuine = text(VBIOS);
    let (before, after) = genuine.split_once("<ns0:Meta").expect("a document");
    let fill = |piece: &str| piece.repeat(size / piece.len());
    let filled = |piece: &str| format!("{before}{}<ns0:Meta{after}", fill(piece)).into_bytes();
    let attributes = |piece: &str| format!("<SoftwareIdentity{}", fill(piece)).into_bytes();
    vec![
        ("white space", filled(" \n")),
        ("open tags", fill("<a>").into_bytes()),
        ("nesting", fill("<SoftwareIdentity xmlns=\"a\">").into_bytes()),
        ("attributes", attributes(" a=\"\"")),
        ("one attribute", attributes("a")),
        ("one value", format!("<SoftwareIdentity a=\"{}", fill("a")).into_bytes()),
        ("entities", filled("&a;")),
        ("resources", filled("<ns0:Resource/>")),
        ("comment", format!("<!--{}", fill("-")).into_bytes()),
        ("certificate", genuine.replace("MIICkTCC", &fill("A")).into_bytes()),
        ("certificate lines", genuine.replace("MIICkTCC", &fill("A\n")).into_bytes()),
    ]
}

/// The least of several runs.
fn least<T>(work: impl Fn() -> T) -> Duration {
    let run = || {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed()
    };
    (0..9).map(|_| run()).min().expect("nine runs")
}

fn time(file: &[u8]) -> Duration {
    least(|| Document::decode(file).is_err())
}

#[test]
fn tells_what_one_rim_costs() {
    let file = own(VBIOS);
    let (decoding, all) = (time(&file), least(|| check(&file, TIME).is_ok()));
    tell(&format!("one RIM: decoding {decoding:?}, all of it with four P-384 signatures {all:?}"));
}

#[test]
fn hostile_documents_cost_no_more_than_their_length() {
    let sizes = [LONGEST_RIM / 8, LONGEST_RIM / 2 + LONGEST_RIM / 4];
    let small = hostile(sizes[0]);
    for ((what, small), (_, large)) in small.into_iter().zip(hostile(sizes[1])) {
        let (one, six) = (time(&small), time(&large));
        tell(&format!(
            "hostile {what}: {} bytes {one:?}, {} bytes {six:?}",
            small.len(),
            large.len()
        ));
        // Six times the bytes: linear work takes six times as long, quadratic work 36 times.
        assert!(six < one * 18 + Duration::from_micros(500), "{what}");
    }
    for (what, file) in hostile(1024 * 1024) {
        let found = file.len();
        if found > LONGEST_RIM {
            let error = DecodeError::TooLong { found, limit: LONGEST_RIM };
            assert_eq!(Document::decode(&file).err(), Some(error));
        }
        tell(&format!("hostile {what}: {found} bytes {:?}", time(&file)));
    }
}
