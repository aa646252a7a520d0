//! The certificate of the key that signed a report: VCEK or VLEK, with the extensions of AMD's key distribution
//! service (KDS 57230 §3.1 and §4.1).

use std::fmt;

use crate::x509::{Certificate, Extension};

use super::tcb::{Generation, Tcb};

/// Which of the two kinds of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VekKind {
    /// Versioned chip endorsement key: fused into one chip.
    Vcek,
    /// Versioned loaded endorsement key: AMD gave it to a cloud provider, whose chips share it.
    Vlek,
}

impl VekKind {
    /// The common name in the certificate.
    #[must_use]
    pub const fn common_name(self) -> &'static str {
        match self {
            Self::Vcek => "SEV-VCEK",
            Self::Vlek => "SEV-VLEK",
        }
    }

    /// The common name of the authority that certifies such keys.
    #[must_use]
    pub fn authority_name(self, generation: Generation) -> String {
        match self {
            Self::Vcek => format!("SEV-{generation}"),
            Self::Vlek => format!("SEV-VLEK-{generation}"),
        }
    }
}

impl fmt::Display for VekKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vcek => "VCEK",
            Self::Vlek => "VLEK",
        })
    }
}

/// AMD's arc.
const ARC: &str = "1.3.6.1.4.1.3704.1.";
/// Where the components of a TCB stand: the extension's number under 1.3.6.1.4.1.3704.1.3 for each byte.
const EARLY_LAYOUT: [usize; 8] = [1, 2, 4, 5, 6, 7, 3, 8];
const TURIN_LAYOUT: [usize; 8] = [9, 1, 2, 3, 5, 6, 7, 8];

/// Why a certificate's extensions are not those of a VCEK or VLEK.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// An extension that every such certificate has.
    #[error("extension {oid} is missing")]
    Missing {
        /// The extension.
        oid: String,
    },
    /// Not the type or the length that the specification gives.
    #[error("extension {oid} is not encoded as the specification says")]
    Encoding {
        /// The extension.
        oid: String,
    },
    /// A structure version that is not known.
    #[error("structure version {found} is not known: 0 or 1 expected")]
    StructVersion {
        /// As found.
        found: u8,
    },
    /// Under AMD's arc, and not known.
    #[error("extension {oid} is not known")]
    Unknown {
        /// The extension.
        oid: String,
    },
}

/// What AMD's extensions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KdsExtensions {
    /// 0 until Genoa, 1 from Turin.
    pub struct_version: u8,
    /// As `Milan-B0` or `Genoa`.
    pub product_name: String,
    /// The chip, in a VCEK: 64 bytes, or 8 from Turin.
    pub hwid: Option<Vec<u8>>,
    /// The cloud provider, in a VLEK.
    pub csp_id: Option<String>,
    levels: [Option<u8>; 9],
}

impl KdsExtensions {
    /// Reads them all; one that is under AMD's arc and not known is refused.
    pub(super) fn decode(certificate: &Certificate) -> Result<Self, ExtensionError> {
        let mut found = Self {
            struct_version: integer(required(certificate, "1")?)?,
            product_name: text(required(certificate, "2")?)?,
            hwid: None,
            csp_id: None,
            levels: [None; 9],
        };
        if found.struct_version > 1 {
            return Err(ExtensionError::StructVersion { found: found.struct_version });
        }
        for extension in &certificate.extensions {
            match extension.oid.strip_prefix(ARC) {
                None | Some("1" | "2") => {}
                Some("4") => found.hwid = Some(hwid(extension)?),
                Some("5") => found.csp_id = Some(text(extension)?),
                Some(name) => *found.level_mut(name, &extension.oid)? = Some(integer(extension)?),
            }
        }
        Ok(found)
    }

    fn level_mut(&mut self, name: &str, oid: &str) -> Result<&mut Option<u8>, ExtensionError> {
        let number = name.strip_prefix("3.").and_then(|number| number.parse::<usize>().ok());
        number
            .and_then(|number| self.levels.get_mut(number.checked_sub(1)?))
            .ok_or(ExtensionError::Unknown { oid: oid.to_owned() })
    }

    /// The TCB that the key was derived for, in the layout of this generation.
    ///
    /// # Errors
    /// The first component that the layout has and the certificate has not, or the other way round.
    pub(super) fn tcb(&self, generation: Generation) -> Result<Tcb, ExtensionError> {
        let layout = match generation {
            Generation::Milan | Generation::Genoa => EARLY_LAYOUT,
            Generation::Turin | Generation::Venice => TURIN_LAYOUT,
        };
        let mut tcb = [0; 8];
        for (byte, number) in tcb.iter_mut().zip(layout) {
            let level = number.checked_sub(1).and_then(|index| self.levels.get(index));
            *byte = level
                .copied()
                .flatten()
                .ok_or_else(|| ExtensionError::Missing { oid: format!("{ARC}3.{number}") })?;
        }
        for (index, level) in self.levels.iter().enumerate() {
            let number = index.saturating_add(1);
            if level.is_some() && !layout.contains(&number) {
                return Err(ExtensionError::Unknown { oid: format!("{ARC}3.{number}") });
            }
        }
        Ok(Tcb(tcb))
    }

    /// True when the name is this generation's, alone or with a stepping such as `-B0` behind it.
    pub(super) fn names(&self, generation: Generation) -> bool {
        match self.product_name.strip_prefix(generation.name()) {
            None => false,
            Some(stepping) => stepping.is_empty() || stepping.starts_with('-'),
        }
    }
}

fn required<'c>(certificate: &'c Certificate, name: &str) -> Result<&'c Extension, ExtensionError> {
    let oid = format!("{ARC}{name}");
    certificate.extension(&oid).ok_or(ExtensionError::Missing { oid })
}

/// INTEGER of 0 to 255 in its shortest form.
fn integer(extension: &Extension) -> Result<u8, ExtensionError> {
    match *extension.value.as_slice() {
        [2, 1, value] if value < 0x80 => Ok(value),
        [2, 2, 0, value] if value >= 0x80 => Ok(value),
        _ => Err(encoding(extension)),
    }
}

/// IA5String.
fn text(extension: &Extension) -> Result<String, ExtensionError> {
    match extension.value.as_slice() {
        [0x16, length, text @ ..]
            if *length < 0x80
                && usize::from(*length) == text.len()
                && text.iter().all(|byte| (0x20..0x7f).contains(byte)) =>
        {
            Ok(text.iter().map(|byte| char::from(*byte)).collect())
        }
        _ => Err(encoding(extension)),
    }
}

/// Real certificates carry the bytes bare; the specification's text says OCTET STRING. The lengths tell which.
fn hwid(extension: &Extension) -> Result<Vec<u8>, ExtensionError> {
    match extension.value.as_slice() {
        [4, 64, bare @ ..] if bare.len() == 64 => Ok(bare.to_vec()),
        [4, 8, bare @ ..] if bare.len() == 8 => Ok(bare.to_vec()),
        bare if bare.len() == 64 || bare.len() == 8 => Ok(bare.to_vec()),
        _ => Err(encoding(extension)),
    }
}

fn encoding(extension: &Extension) -> ExtensionError {
    ExtensionError::Encoding { oid: extension.oid.clone() }
}
