//! The reference values of what one device runs, by the ids of NVIDIA's RIM service.

use super::report::edited;
use super::{FakeGpu, FakeRim, GpuClass, RimKind};
use crate::keys::Vendor;

/// Fields of a report beside its measurements.
const DRIVER: u16 = 3;
const VBIOS: u16 = 6;
const CHIP_SKU: u16 = 15;
const PROJECT: u16 = 17;
const PROJECT_SKU: u16 = 18;

impl FakeGpu {
    /// What the RIM service has about the versions that this device runs: each with its id.
    ///
    /// # Panics
    /// When the device does not say what it runs.
    #[must_use]
    pub fn rims(&self) -> Vec<(String, FakeRim)> {
        let bios = self.bios();
        let digits = bios.replace('.', "");
        if self.class == GpuClass::Ls10 {
            let id = format!("NV_SWITCH_BIOS_5612_0002_890_{digits}");
            return vec![(id, self.rim(RimKind::SwitchBios, &bios))];
        }
        let driver = self.text(DRIVER);
        let board = [PROJECT, PROJECT_SKU, CHIP_SKU].map(|field| self.text(field)).join("_");
        let product = match self.class {
            GpuClass::Blackwell => "CC_DRIVER_GB100",
            GpuClass::Hopper | GpuClass::Ls10 => "DRIVER_GH100",
        };
        vec![
            (format!("NV_GPU_{product}_{driver}"), self.rim(RimKind::Driver, &driver)),
            (format!("NV_GPU_VBIOS_{board}_{digits}"), self.rim(RimKind::Vbios, &bios)),
        ]
    }

    fn rim(&self, kind: RimKind, version: &str) -> FakeRim {
        let rim = FakeRim::new(self.seed, kind);
        let rim = if self.class == GpuClass::Blackwell { rim.blackwell() } else { rim };
        let rim = if self.vendor == Vendor::Two { rim.other_vendor() } else { rim };
        rim.version(version).window(self.window.0, self.window.1)
    }

    /// The version of VBIOS or BIOS with dots: text of a switch, five bytes of a GPU of which four are backwards.
    fn bios(&self) -> String {
        if self.class == GpuClass::Ls10 {
            return self.text(VBIOS);
        }
        let value = self.value(VBIOS);
        let [first, second, third, fourth, fifth, ..] = value[..] else {
            panic!("a VBIOS has five bytes")
        };
        let parts = [fourth, third, second, first, fifth];
        parts.map(|byte| format!("{byte:02X}")).join(".")
    }

    fn text(&self, field: u16) -> String {
        let value = self.value(field);
        let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8(text.to_vec()).expect("ASCII")
    }

    fn value(&self, field: u16) -> Vec<u8> {
        let found = edited(self).into_iter().find(|(id, _)| *id == field);
        found.expect("the device says what it runs").1
    }
}

#[cfg(test)]
mod tests {
    use crate::{Fake, GpuClass};

    #[test]
    fn ids_are_as_the_service_spells_them() {
        let ids = |class| {
            let rims = Fake::gpu([1; 32]).class(class).rims();
            rims.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        };
        let hopper = ["NV_GPU_DRIVER_GH100_550.90.07", "NV_GPU_VBIOS_1010_0200_882_96009F0001"];
        assert_eq!(ids(GpuClass::Hopper), hopper);
        let blackwell = ["NV_GPU_CC_DRIVER_GB100_575.32", "NV_GPU_VBIOS_G525_0220_886_970088000F"];
        assert_eq!(ids(GpuClass::Blackwell), blackwell);
        assert_eq!(ids(GpuClass::Ls10), ["NV_SWITCH_BIOS_5612_0002_890_9610730001"]);
        let changed = Fake::gpu([1; 32]).driver("560.1").vbios("96.00.30.00.0A").rims();
        let [driver, vbios] = &changed[..] else { panic!("two") };
        assert_eq!(driver.0, "NV_GPU_DRIVER_GH100_560.1");
        assert_eq!(vbios.0, "NV_GPU_VBIOS_1010_0200_882_960030000A");
    }
}
