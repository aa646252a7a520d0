//! `measure snp`: the launch digests of an SEV-SNP guest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Misuse, misuse};
use crate::measure::{
    DirectBoot, Firmware, LARGEST_FIRMWARE, MOST_VCPUS, SnpLaunch, VcpuType, vcpu_signature,
};

/// The schema of the JSON form.
const SCHEMA: u32 = 1;
/// The largest kernel or initial file system that is read, bytes.
const LARGEST_FILE: u64 = 2 * 1024 * 1024 * 1024;
/// SNPActive, which every SEV-SNP guest has.
const SNP_ACTIVE: u64 = 1;

const AFTER_HELP: &str = "\
Prints a table for a policy: every digest in it is accepted. The digest changes with every byte of the firmware, the number
and type of vCPUs, SEV features and, where the kernel is started directly, with kernel, initrd and command line. It does
not cover what the firmware loads from a disk.

Examples:
  sealroom-verifier measure snp --ovmf OVMF.amdsev.fd --kernel vmlinuz --initrd initrd.img --append \"console=ttyS0\" \\
      --vcpus 4,8,16 --vcpu-type EPYC-v4
  sealroom-verifier measure snp --ovmf OVMF.fd --vcpus 8 --vcpu-sig 0xa10f10 --guest-features 0x21 --json
  sealroom-verifier measure snp --ovmf OVMF.fd --vcpus 2 --vcpu-type EPYC-Genoa >>policy.toml";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The firmware image that the guest starts from, with the SEV metadata of OVMF.
    #[arg(long, value_name = "FILE")]
    ovmf: Option<PathBuf>,
    /// The kernel, where the firmware starts one directly and measures it.
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Its initial file system.
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,
    /// Its command line.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    append: Option<String>,
    /// How many vCPUs the guest may have: one number, several between commas, or the option again.
    #[arg(long, value_name = "N", value_delimiter = ',', allow_hyphen_values = true)]
    vcpus: Vec<String>,
    /// The processor, by QEMU's name for it.
    #[arg(long, value_name = "NAME")]
    vcpu_type: Option<String>,
    /// The processor, by its signature: CPUID Fn0000_0001_EAX, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    vcpu_sig: Option<String>,
    /// The processor, by its family; with model and stepping.
    #[arg(long, value_name = "N")]
    vcpu_family: Option<u8>,
    /// The processor's model.
    #[arg(long, value_name = "N")]
    vcpu_model: Option<u8>,
    /// The processor's stepping, 0 to 15.
    #[arg(long, value_name = "N")]
    vcpu_stepping: Option<u8>,
    /// SEV_FEATURES of every vCPU, in hexadecimal. 0x1 is SNPActive alone; 0x21 has DebugSwap too.
    #[arg(long, value_name = "HEX", default_value = "0x1")]
    guest_features: String,
    /// The program that starts the guest; QEMU is the one whose first registers are known for certain.
    #[arg(long, value_name = "VMM", default_value = "qemu")]
    vmm_type: String,
    /// How the policy shall name the guest.
    #[arg(long, value_name = "TEXT", default_value = "node image")]
    name: String,
    /// Print JSON, schema 1.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Measurements {
    schema: u32,
    measurements: Vec<Measurement>,
}

#[derive(Serialize)]
struct Measurement {
    name: String,
    vcpus: u32,
    vcpu_type: String,
    digest: String,
}

/// The digests of every guest that was described.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    vmm_type(&arguments.vmm_type)?;
    let vcpus = vcpus(&arguments.vcpus)?;
    let vcpu_type = vcpu_type(arguments)?;
    let guest_features = guest_features(&arguments.guest_features)?;
    let ovmf = arguments.ovmf.as_deref().ok_or_else(|| {
        misuse("--ovmf", "none", "a firmware image", "give the image that the guest starts from")
    })?;
    let direct = direct(arguments)?;
    let image = read(ovmf)?;
    let firmware = Firmware::decode(&image).with_context(|| unfit(ovmf))?;
    if direct.is_some() && !firmware.takes_hashes() {
        let found = "firmware without a page for a kernel's hashes";
        let remedy = "build OVMF for AmdSev (OVMF.amdsev.fd), or leave --kernel away where the kernel comes from a disk";
        return Err(misuse("--kernel", found, "firmware that measures a kernel", remedy).into());
    }
    let mut measurements = Vec::new();
    for vcpus in vcpus {
        let firmware = ovmf.to_owned();
        let direct = direct.clone();
        let launch = SnpLaunch { firmware, direct, vcpus, vcpu_type, guest_features };
        let digest = launch.digest().with_context(|| format!("measuring {}", ovmf.display()))?;
        measurements.push(named(&arguments.name, vcpus, vcpu_type, &digest));
    }
    if read(ovmf)? != image {
        let remedy = "measure a copy that nothing writes to";
        let found = "a file that changed meanwhile";
        return Err(misuse("--ovmf", found, "a file at rest", remedy).into());
    }
    print(measurements, arguments.json)?;
    Ok(ExitCode::SUCCESS)
}

fn unfit(ovmf: &Path) -> String {
    let remedy = "give an OVMF image with SEV metadata, as OVMF.amdsev.fd";
    format!("--ovmf {}\n  do: {remedy}\n  because", ovmf.display())
}

fn vcpus(numbers: &[String]) -> Result<BTreeSet<u32>, Misuse> {
    let wrong = |found: &str| {
        let remedy = "give the numbers that your hosts start guests with, such as --vcpus 2,4";
        misuse("--vcpus", found, "numbers from 1 to 4096", remedy)
    };
    if numbers.is_empty() {
        return Err(wrong("none"));
    }
    let number = |text: &String| {
        let number = text.trim().parse().ok();
        number.filter(|number| (1..=MOST_VCPUS).contains(number)).ok_or_else(|| wrong(text))
    };
    numbers.iter().map(number).collect()
}

/// A digest in a policy is for ever: none is printed about which implementations disagree.
fn vmm_type(name: &str) -> Result<(), Misuse> {
    if name == "qemu" {
        return Ok(());
    }
    let remedy = "take the digest from whoever starts the guest, or from the report of a guest that you trust";
    Err(misuse("--vmm-type", name, "qemu", remedy))
}

fn vcpu_type(arguments: &Arguments) -> Result<VcpuType, Misuse> {
    let expected =
        "one of --vcpu-type, --vcpu-sig, or --vcpu-family with --vcpu-model and --vcpu-stepping";
    let Arguments { vcpu_type, vcpu_sig, vcpu_family, vcpu_model, vcpu_stepping, .. } = arguments;
    let by_parts = [vcpu_family, vcpu_model, vcpu_stepping];
    let parts = by_parts.iter().filter(|part| part.is_some()).count();
    match (vcpu_type, vcpu_sig, parts) {
        (None, None, 0) => {
            let remedy = "name the processor as in QEMU's -cpu option, such as --vcpu-type EPYC-v4";
            Err(misuse("--vcpu-type", "none", expected, remedy))
        }
        (Some(name), None, 0) => named_type(name),
        (None, Some(signature), 0) => {
            let number = hexadecimal(signature).and_then(|number| u32::try_from(number).ok());
            signed(number, signature)
        }
        (None, None, _) => {
            let [Some(family), Some(model), Some(stepping)] = by_parts else {
                let found = format!("{parts} of --vcpu-family, --vcpu-model, --vcpu-stepping");
                return Err(misuse("--vcpu-family", found, "all three", "give all three of them"));
            };
            let found = format!("family {family} model {model} stepping {stepping}");
            let signature = vcpu_signature(*family, *model, *stepping);
            signed(Some(signature).filter(|_| *stepping < 16), &found)
        }
        _ => {
            let remedy = "name the processor in one way only";
            Err(misuse("--vcpu-type", "several names of a processor", expected, remedy))
        }
    }
}

fn named_type(name: &str) -> Result<VcpuType, Misuse> {
    VcpuType::by_name(name).ok_or_else(|| {
        let remedy = "take one of EPYC, EPYC-v1 to -v4, EPYC-IBPB, EPYC-Rome, -Milan, -Genoa, -Turin, with -v1, -v2 ..";
        misuse("--vcpu-type", name, "a processor of QEMU's", remedy)
    })
}

fn signed(signature: Option<u32>, found: &str) -> Result<VcpuType, Misuse> {
    signature.and_then(VcpuType::by_signature).ok_or_else(|| {
        let expected =
            "0x800f12, 0x830f10, 0xa00f11, 0xa10f10 or 0xb00f00: the EPYC processors that QEMU has";
        misuse(
            "--vcpu-sig",
            found,
            expected,
            "take the signature of the processor in QEMU's -cpu option",
        )
    })
}

fn guest_features(text: &str) -> Result<u64, Misuse> {
    let features = hexadecimal(text).filter(|features| features & SNP_ACTIVE != 0);
    features.ok_or_else(|| {
        let expected = "up to 16 hexadecimal digits with bit 0, SNPActive";
        let remedy = "take the value that the host's KVM uses: 0x1, or 0x21 with DebugSwap";
        misuse("--guest-features", text, expected, remedy)
    })
}

/// With or without `0x`.
fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| plain)
}

fn direct(arguments: &Arguments) -> Result<Option<DirectBoot>> {
    let Arguments { kernel, initrd, append, .. } = arguments;
    let Some(kernel) = kernel.clone() else {
        let alone = [("--initrd", initrd.is_some()), ("--append", append.is_some())];
        let Some((field, _)) = alone.into_iter().find(|(_, given)| *given) else { return Ok(None) };
        let remedy =
            "give the kernel too; a kernel on a disk has its initrd and command line there";
        return Err(misuse(field, "it without --kernel", "--kernel beside it", remedy).into());
    };
    if append.as_ref().is_some_and(|text| text.trim() != text || text.contains('\0')) {
        let (found, expected) = ("white space around it, or a zero in it", "the text alone");
        let remedy = "start the guest with the same text without it: its hash would be another";
        return Err(misuse("--append", found, expected, remedy).into());
    }
    bounded("--kernel", &kernel)?;
    initrd.iter().try_for_each(|initrd| bounded("--initrd", initrd))?;
    Ok(Some(DirectBoot { kernel, initrd: initrd.clone(), append: append.clone() }))
}

/// These files are read by the measuring code, whole: their sizes are looked at before.
fn bounded(field: &'static str, path: &Path) -> Result<()> {
    let file = fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    let (found, expected) = match file.is_file() {
        true if file.len() <= LARGEST_FILE => return Ok(()),
        true => (format!("{} bytes", file.len()), "at most 2 GiB"),
        false => ("a folder, pipe or device".to_owned(), "a file"),
    };
    Err(misuse(field, found, expected, "give the file that the guest starts with").into())
}

/// The image: a file, because it is read more than once.
fn read(ovmf: &Path) -> Result<Vec<u8>> {
    bounded("--ovmf", ovmf)?;
    let reading = || format!("reading {}", ovmf.display());
    let mut image = Vec::new();
    let file = fs::File::open(ovmf).with_context(reading)?;
    file.take(LARGEST_FIRMWARE as u64 + 1).read_to_end(&mut image).with_context(reading)?;
    Ok(image)
}

fn named(name: &str, vcpus: u32, vcpu_type: VcpuType, digest: &[u8]) -> Measurement {
    let vcpu_type = vcpu_type.name();
    let plural = if vcpus == 1 { "" } else { "s" };
    let name = format!("{name}, {vcpus} {vcpu_type} vCPU{plural}");
    Measurement { name, vcpus, vcpu_type, digest: hex::encode(digest) }
}

fn print(measurements: Vec<Measurement>, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        let all = Measurements { schema: SCHEMA, measurements };
        serde_json::to_writer_pretty(&mut out, &all)?;
        writeln!(out)?;
        return Ok(());
    }
    let table: BTreeMap<_, _> =
        measurements.into_iter().map(|one| (one.name, one.digest)).collect();
    let policy = BTreeMap::from([("snp", BTreeMap::from([("measurements", table)]))]);
    write!(out, "{}", toml::to_string(&policy).context("writing the table")?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::VCPU_TYPES;

    #[test]
    fn every_name_of_a_processor_in_the_help_is_one() {
        assert!(VCPU_TYPES.iter().all(|name| named_type(name).is_ok()));
        for signature in [0x800f12, 0x830f10, 0xa00f11, 0xa10f10, 0xb00f00] {
            assert!(signed(Some(signature), "").is_ok(), "{signature:#x}");
        }
    }

    #[test]
    fn features_are_hexadecimal_and_hold_snp_active() {
        assert_eq!(guest_features("0x21"), Ok(0x21));
        assert_eq!(guest_features("1"), Ok(1));
        for text in ["", "0x", "0x20", "+1", "0x10000000000000001", "g"] {
            assert_eq!(guest_features(text).unwrap_err().found, text);
        }
    }
}
