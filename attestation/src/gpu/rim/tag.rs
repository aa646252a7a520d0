//! What a RIM says, read from the canonical bytes that were digested and from nothing else.

use super::canonical::Walk;
use super::error::DecodeError;
use super::profile::{ENTITY, IDENTITY, META, PAYLOAD, RESOURCE, Shape};
use super::xml::Attribute;
use super::{Golden, RimKind};

/// More values for one index than any RIM has.
const MOST_ALTERNATIVES: usize = 16;
const LONGEST_TEXT: usize = 96;

/// The tag's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) id: String,
    pub(super) tag_version: u32,
    pub(super) kind: RimKind,
    pub(super) product: String,
    pub(super) version: String,
    pub(super) golden: Vec<Golden>,
}

/// The attributes of one element, by name.
struct Values<'a> {
    element: &'static str,
    attributes: Vec<Attribute<'a>>,
}

impl<'a> Values<'a> {
    fn new(shape: &Shape, attributes: Vec<Attribute<'a>>) -> Self {
        Self { element: shape.name, attributes }
    }

    fn text(&self, name: &'static str) -> &'a str {
        let named = |one: &&Attribute<'_>| one.name == name;
        self.attributes.iter().find(named).map_or("", |one| one.value)
    }

    fn wrong(&self, attribute: &'static str, expected: &'static str) -> DecodeError {
        let found = self.text(attribute).chars().take(LONGEST_TEXT).collect();
        DecodeError::Value { element: self.element, attribute, found, expected }
    }

    fn exactly(&self, name: &'static str, expected: &'static str) -> Result<(), DecodeError> {
        if self.text(name) == expected { Ok(()) } else { Err(self.wrong(name, expected)) }
    }

    /// A number in its one spelling.
    fn number(&self, name: &'static str) -> Result<u16, DecodeError> {
        let text = self.text(name);
        let number = text.parse::<u16>().ok().filter(|number| number.to_string() == text);
        number.ok_or_else(|| self.wrong(name, "a decimal number"))
    }

    /// Words of letters, digits and the signs given.
    fn word(&self, name: &'static str, signs: &str) -> Result<&'a str, DecodeError> {
        let text = self.text(name);
        let inside = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
        if (1..=LONGEST_TEXT).contains(&text.len()) && text.chars().all(inside) {
            return Ok(text);
        }
        Err(self.wrong(name, "a short word"))
    }
}

impl Tag {
    pub(super) fn decode(canonical: &[u8]) -> Result<Self, DecodeError> {
        let mut walk = Walk::new(canonical)?;
        let identity = Values::new(&IDENTITY, walk.open(&IDENTITY)?);
        walk.space()?;
        let entity = Values::new(&ENTITY, walk.empty(&ENTITY)?);
        walk.space()?;
        let meta = Values::new(&META, walk.empty(&META)?);
        walk.space()?;
        walk.open(&PAYLOAD)?;
        let mut resources = Resources::default();
        walk.each(&RESOURCE, |attributes| resources.add(&Values::new(&RESOURCE, attributes)))?;
        walk.close(&PAYLOAD)?;
        walk.space()?;
        walk.close(&IDENTITY)?;
        walk.finish()?;
        constants(&identity, &entity, &meta)?;
        let product = identity.word("name", "")?;
        for name in ["product", "ns1:PlatformModel"] {
            if meta.text(name) != product {
                return Err(meta.wrong(name, "the name of the tag"));
            }
        }
        let version = meta.word("colloquialVersion", ".")?;
        Ok(Self {
            id: identity.word("tagId", "_-.")?.to_owned(),
            tag_version: identity.number("tagVersion")?.into(),
            kind: kind(&meta, version)?,
            product: product.to_owned(),
            version: version.to_owned(),
            golden: resources.golden,
        })
    }
}

/// What is the same in every RIM.
fn constants(
    identity: &Values<'_>,
    entity: &Values<'_>,
    meta: &Values<'_>,
) -> Result<(), DecodeError> {
    const MAKER: &str = "NVIDIA Corporation";
    identity.exactly("corpus", "false")?;
    identity.exactly("patch", "false")?;
    identity.exactly("supplemental", "false")?;
    identity.exactly("version", "1.0")?;
    entity.exactly("name", MAKER)?;
    entity.exactly("role", "softwareCreator tagCreator")?;
    meta.exactly("PayloadType", "direct")?;
    meta.word("revision", "")?;
    meta.exactly("ns1:BindingSpec", "RIMIM")?;
    meta.exactly("ns1:BindingSpecVersion", "1.01")?;
    meta.exactly("ns1:FirmwareManufacturer", MAKER)?;
    meta.exactly("ns1:FirmwareManufacturerId", "5703")?;
    meta.exactly("ns1:PlatformManufacturerId", "5703")?;
    meta.exactly("ns1:PlatformManufacturerStr", MAKER)
}

/// No field names the kind of a GPU's RIM. Versions of drivers are two or three decimal numbers, those of VBIOS and
/// switch BIOS are five bytes in hexadecimal.
fn kind(meta: &Values<'_>, version: &str) -> Result<RimKind, DecodeError> {
    let parts: Vec<_> = version.split('.').collect();
    let is_byte = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let bios = parts.len() == 5 && parts.iter().all(is_byte);
    let driver = (2..=3).contains(&parts.len()) && parts.iter().all(is_number);
    match meta.text("edition") {
        "GPU" if bios => Ok(RimKind::Vbios),
        "GPU" if driver => Ok(RimKind::Driver),
        "SWITCH" if bios => Ok(RimKind::SwitchBios),
        "GPU" | "SWITCH" => {
            Err(meta.wrong("colloquialVersion", "the version of a driver, a VBIOS or a BIOS"))
        }
        _ => Err(meta.wrong("edition", "GPU or SWITCH")),
    }
}

/// The resources so far: indices grow, so that none stands there twice.
#[derive(Default)]
struct Resources {
    last: Option<u16>,
    golden: Vec<Golden>,
}

impl Resources {
    fn add(&mut self, resource: &Values<'_>) -> Result<(), DecodeError> {
        resource.exactly("type", "Measurement")?;
        resource.exactly("size", "48")?;
        resource.word("name", "_")?;
        let index = resource.number("index")?;
        if self.last.is_some_and(|last| index <= last) {
            return Err(resource.wrong("index", "more than the one before"));
        }
        self.last = Some(index);
        let values = alternatives(resource)?;
        match resource.text("active") {
            "True" => self.golden.push(Golden { index, alternatives: values }),
            "False" => {}
            _ => return Err(resource.wrong("active", "True or False")),
        }
        Ok(())
    }
}

/// As many values as the resource says, numbered from 0.
fn alternatives(resource: &Values<'_>) -> Result<Vec<[u8; 48]>, DecodeError> {
    let series = RESOURCE.series.unwrap_or_default();
    let count = usize::from(resource.number("alternatives")?);
    let hashes = resource.attributes.iter().filter(|one| one.name.starts_with(series)).count();
    if !(1..=MOST_ALTERNATIVES).contains(&count) || count != hashes {
        return Err(resource.wrong("alternatives", "the number of values, at most 16"));
    }
    let value = |number: usize| {
        let name = format!("{series}{number}");
        let found = resource.attributes.iter().find(|one| one.name == name);
        found.and_then(|one| digest(one.value)).ok_or(DecodeError::Hash { number })
    };
    (0..count).map(value).collect()
}

/// 48 bytes in small letters.
fn digest(text: &str) -> Option<[u8; 48]> {
    let mut bytes = [0; 48];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (!text.bytes().any(|byte| byte.is_ascii_uppercase())).then_some(bytes)
}
