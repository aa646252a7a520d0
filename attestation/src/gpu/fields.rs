//! What a device says of itself, field by field.

use std::fmt;

use super::opaque::OpaqueError;

/// A device's own number, burnt in; its certificate holds it, and its neighbours name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pdi(pub [u8; 8]);

impl Pdi {
    /// Where there is no device.
    pub const NONE: Self = Self([0; 8]);

    /// GPUs name switches with the bytes in the other order than the switches themselves.
    pub(super) const fn reversed(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes).to_be_bytes())
    }
}

impl fmt::Display for Pdi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A setting of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toggle {
    /// 0xaa.
    On,
    /// 0x55.
    Off,
}

/// How GPUs are joined in confidential mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// SPT: each GPU alone.
    Single,
    /// MPT: several GPUs, the links between them encrypted.
    Multi,
    /// PPCIE: several GPUs behind attested switches, the links between them in the clear.
    ProtectedPcie,
}

/// Everything beside the measurements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// VBIOS of a GPU or BIOS of a switch, as NVIDIA writes versions: `96.00.9F.00.01`.
    pub vbios: String,
    /// FWID of the firmware that the attestation key belongs to; old drivers and switches do not report it.
    pub fwid: Option<[u8; 48]>,
    /// Version of these fields; `None` before there was one.
    pub version: Option<u16>,
    /// Feature flag, from version 1 on.
    pub mode: Option<Mode>,
    /// Protected PCIe, where it is reported.
    pub ppcie: Option<Toggle>,
    /// The first video decoder, where it is reported.
    pub nvdec0: Option<Toggle>,
    /// Board id.
    pub board_id: Option<u32>,
    /// MSRSCNT: how often each measurement was extended.
    pub measurement_counts: Vec<u32>,
    /// What only GPUs or only switches say.
    pub device: Device,
    /// Known fields whose meaning NVIDIA has not published, by NVIDIA's names.
    pub unread: Vec<(&'static str, Vec<u8>)>,
}

/// What only one kind of device says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// A GPU.
    Gpu(Box<Gpu>),
    /// An NVSwitch.
    Switch(Box<Switch>),
}

/// What a GPU says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Driver version.
    pub driver: String,
    /// Project: the board's design.
    pub project: String,
    /// Its variant.
    pub project_sku: String,
    /// The chip's variant.
    pub chip_sku: String,
    /// The chip's name, from Blackwell on.
    pub chip: Option<String>,
    /// The switch at the end of each link, [`Pdi::NONE`] where the link is off.
    pub links: Option<[Pdi; 18]>,
}

/// What a switch says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its own number.
    pub pdi: Pdi,
    /// The GPUs that it is connected to.
    pub gpus: Option<[Pdi; 8]>,
    /// Ports that are off, as reported.
    pub disabled_ports: Vec<u8>,
}

impl Fields {
    /// What a GPU says.
    #[must_use]
    pub fn gpu(&self) -> Option<&Gpu> {
        match &self.device {
            Device::Gpu(gpu) => Some(gpu),
            Device::Switch(_) => None,
        }
    }

    /// What a switch says.
    #[must_use]
    pub fn switch(&self) -> Option<&Switch> {
        match &self.device {
            Device::Gpu(_) => None,
            Device::Switch(switch) => Some(switch),
        }
    }
}

/// A name or a version, filled up with zeros. Nothing else is let through: it goes to terminals and into addresses.
pub(super) fn text(field: &'static str, bytes: &[u8]) -> Result<String, OpaqueError> {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim_end_matches('\0');
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if text.is_empty() || !text.bytes().all(named) {
        return Err(OpaqueError::Text { field });
    }
    Ok(text.to_owned())
}

/// The version of a GPU's VBIOS as text: five of eight bytes, the first four in the other order. The last three are
/// zero, or two versions would have one text.
pub(super) fn vbios(bytes: [u8; 8]) -> Option<String> {
    let [b0, b1, b2, b3, b4, 0, 0, 0] = bytes else { return None };
    Some([b3, b2, b1, b0, b4].map(|byte| format!("{byte:02X}")).join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_versions_as_nvidia_does() {
        assert_eq!(vbios([0, 0x9f, 0, 0x96, 1, 0, 0, 0]).as_deref(), Some("96.00.9F.00.01"));
        assert_eq!(vbios([0, 0x88, 0, 0x97, 0x0f, 0, 0, 0]).as_deref(), Some("97.00.88.00.0F"));
        assert_eq!(vbios([0, 0x9f, 0, 0x96, 1, 0, 0, 1]), None);
    }

    #[test]
    fn a_name_holds_nothing_that_a_terminal_or_an_address_obeys() {
        assert_eq!(text("F", b"882\0\0\0").as_deref(), Ok("882"));
        assert_eq!(text("F", b"96.10.55.00.01").as_deref(), Ok("96.10.55.00.01"));
        for bytes in [&b""[..], b"\0\0", b"a b", b"a/b", b"\x1b[2J", b"a\0b", b"\xff"] {
            assert_eq!(text("F", bytes), Err(OpaqueError::Text { field: "F" }), "{bytes:?}");
        }
    }

    #[test]
    fn gpus_write_a_switch_backwards() {
        let backwards = [0x08, 0, 0xed, 0xd9, 0x1a, 0xb3, 0x3e, 0x20];
        assert_eq!(Pdi::reversed(backwards).to_string(), "203eb31ad9ed0008");
    }
}
