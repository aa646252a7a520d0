//! Every key of a policy file: what it means, and which checks it decides. The policy page and the comments of written
//! policies come from here.

use super::Policy;

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Dotted; `*` stands for a name.
    pub path: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// The checks that it decides.
    pub checks: &'static [&'static str],
}

const fn key(path: &'static str, meaning: &'static str, checks: &'static [&'static str]) -> Key {
    Key { path, meaning, checks }
}

const TCBS: &[&str] =
    &["snp.tcb.reported", "snp.tcb.current", "snp.tcb.committed", "snp.tcb.launch"];
const FIRMWARE: &[&str] = &["snp.firmware.api"];
const PHYSICAL: &[&str] = &["policy.physical"];
const BULLETIN: &[&str] = &["policy.bulletin"];
const RTMR: &[&str] = &["tdx.td.rtmr"];
const EXPECTED: &[&str] = &["tdx.event_log.expected"];

/// Every key, in the order of [`Policy::rules`].
pub const KEYS: &[Key] = &[
    key(
        "freshness",
        "the least freshness: \"hardware\", \"key\", or \"none\" (auditors; no session opens on it)",
        &["policy.freshness", "statement.freshness"],
    ),
    key("platforms", "platforms that are accepted", &["policy.platform"]),
    key(
        "maximum_statement_lifetime",
        "seconds from a statement's issue to its end, at most",
        &["policy.statement_lifetime"],
    ),
    key(
        "minimum_physical",
        "what must be known at least of who can touch the machine: \"unknown\", \"hosted\" (a provider's, by contract), \
         \"audited\" (access controlled, and audited by somebody else) or \"own\"",
        PHYSICAL,
    ),
    key("danger_exceptions.*.reason", "why the rule of this check may break", &[]),
    key("danger_exceptions.*.until", "the last second in which it may", &[]),
    key("hosts.*.physical", "who can touch this host, as above", PHYSICAL),
    key("hosts.*.chips", "SEV-SNP: its chips, by hardware id", PHYSICAL),
    key("hosts.*.platforms", "TDX: its platforms, by PPID or platform instance id", PHYSICAL),
    key("bulletins.need", "\"required\": undecided without a current bulletin", BULLETIN),
    key("bulletins.maximum_age", "seconds since a bulletin was issued, at most", BULLETIN),
    key("bulletins.keys.*", "a publisher's public key, Ed25519, 64 hexadecimal digits", BULLETIN),
    key(
        "snp.generations",
        "product generations; Milan is accepted only where it is named",
        &["snp.product.generation"],
    ),
    key("snp.vmpls", "privilege levels from which a report may come", &["snp.vmpl"]),
    key(
        "snp.veks",
        "kinds of signing key; a VLEK is a cloud provider's, and proves no single chip",
        &["snp.vek.accepted"],
    ),
    key(
        "snp.chips_allowed",
        "only these chips: hardware ids by certificate, 128 hexadecimal digits (16 on Turin)",
        &["snp.chip"],
    ),
    key("snp.chips_denied", "never these chips", &["snp.chip"]),
    key(
        "snp.revocation",
        "\"required\": undecided without AMD's list; \"if-given\": a given list counts",
        &["snp.revocation"],
    ),
    key(
        "snp.provisional_firmware",
        "firmware that was not committed may still be rolled back: \"refused\" or \"allowed\"",
        &["snp.tcb.provisional"],
    ),
    key(
        "snp.required_mitigations",
        "mitigation bits that must be set at launch and now; reports before version 5 carry none",
        &["snp.mitigations"],
    ),
    key(
        "snp.unknown_policy_bits",
        "bits of the guest policy without a name here that may be set",
        &["snp.policy.unknown"],
    ),
    key(
        "snp.unknown_platform_bits",
        "bits of the platform information without a name here that may be set",
        &["snp.platform.unknown"],
    ),
    key(
        "snp.measurements.*",
        "a launch digest that is accepted, 96 hexadecimal digits",
        &["snp.measurement"],
    ),
    key("snp.minimum_tcb.*.fmc", "the least FMC; from Turin on", TCBS),
    key("snp.minimum_tcb.*.boot_loader", "the least boot loader", TCBS),
    key("snp.minimum_tcb.*.tee", "the least PSP operating system", TCBS),
    key("snp.minimum_tcb.*.snp", "the least SNP firmware", TCBS),
    key("snp.minimum_tcb.*.microcode", "the least microcode", TCBS),
    key("snp.grace.*.until", "the last second of a lower floor", TCBS),
    key("snp.grace.*.fmc", "the lower floor, likewise", TCBS),
    key("snp.grace.*.boot_loader", "the lower floor, likewise", TCBS),
    key("snp.grace.*.tee", "the lower floor, likewise", TCBS),
    key("snp.grace.*.snp", "the lower floor, likewise", TCBS),
    key("snp.grace.*.microcode", "the lower floor, likewise", TCBS),
    key("snp.flags.policy_smt", "the guest allows SMT", &["snp.policy.smt"]),
    key(
        "snp.flags.policy_single_socket",
        "the guest wants one socket",
        &["snp.policy.single_socket"],
    ),
    key("snp.flags.policy_cxl", "the guest allows CXL", &["snp.policy.cxl"]),
    key(
        "snp.flags.policy_mem_aes_256_xts",
        "the guest demands AES-256-XTS",
        &["snp.policy.mem_aes_256_xts"],
    ),
    key(
        "snp.flags.policy_rapl_dis",
        "the guest demands that RAPL is off",
        &["snp.policy.rapl_dis"],
    ),
    key(
        "snp.flags.policy_ciphertext_hiding",
        "the guest demands ciphertext hiding",
        &["snp.policy.ciphertext_hiding"],
    ),
    key(
        "snp.flags.policy_page_swap_disable",
        "the guest refuses page swapping",
        &["snp.policy.page_swap"],
    ),
    key("snp.flags.platform_smt", "SMT is on", &["snp.platform.smt"]),
    key("snp.flags.platform_tsme", "TSME is on", &["snp.platform.tsme"]),
    key("snp.flags.platform_ecc", "memory has error correction", &["snp.platform.ecc"]),
    key("snp.flags.platform_rapl_dis", "RAPL is off", &["snp.platform.rapl"]),
    key(
        "snp.flags.platform_ciphertext_hiding",
        "ciphertext hiding is on",
        &["snp.platform.ciphertext_hiding"],
    ),
    key(
        "snp.flags.platform_alias_check",
        "no memory aliases were found (AMD-SB-3015)",
        &["snp.platform.alias_check"],
    ),
    key("snp.flags.platform_tio", "trusted I/O is on", &["snp.platform.tio"]),
    key("snp.minimum_firmware.major", "the least firmware, current and committed", FIRMWARE),
    key("snp.minimum_firmware.minor", "likewise", FIRMWARE),
    key("snp.minimum_firmware.build", "likewise", FIRMWARE),
    key(
        "snp.pins.host_data",
        "the host's 32 bytes; an empty list pins nothing",
        &["snp.host_data"],
    ),
    key("snp.pins.image_ids", "the owner's name of the image, 16 bytes", &["snp.image_id"]),
    key("snp.pins.family_ids", "the owner's name of its family, 16 bytes", &["snp.family_id"]),
    key("snp.pins.id_keys", "digests of keys that may sign ID blocks", &["snp.id_key"]),
    key("snp.pins.author_keys", "digests of keys that may certify those", &["snp.author_key"]),
    key("snp.pins.minimum_guest_svn", "the guest's least security version", &["snp.guest_svn"]),
    key(
        "tdx.statuses",
        "TCB states as Intel spells them; what is revoked is refused by every policy",
        &["tdx.tcb.status"],
    ),
    key(
        "tdx.advisories_denied",
        "such as INTEL-SA-01192: refused where it is open, whatever the state",
        &["tdx.tcb.advisories"],
    ),
    key(
        "tdx.minimum_evaluation",
        "tcbEvaluationDataNumber of both documents, at least",
        &["tdx.tcb.evaluation"],
    ),
    key(
        "tdx.minimum_tcb_date",
        "the date of the level that was reached, at least",
        &["tdx.tcb.date"],
    ),
    key(
        "tdx.minimum_tee_tcb_svn",
        "the module's TCB, component by component, 32 hexadecimal digits",
        &["tdx.tcb.components"],
    ),
    key("tdx.maximum_age", "seconds since both documents were issued, at most", &["tdx.tcb.age"]),
    key(
        "tdx.revocation",
        "\"required\": undecided without the root's list and the PCK authority's; or \"if-given\"",
        &["tdx.revocation"],
    ),
    key("tdx.modules", "MRSEAM; an empty list pins nothing", &["tdx.module.measurement"]),
    key("tdx.config_ids", "MRCONFIGID", &["tdx.td.mrconfigid"]),
    key("tdx.owners", "MROWNER", &["tdx.td.mrowner"]),
    key("tdx.owner_configs", "MROWNERCONFIG", &["tdx.td.mrownerconfig"]),
    key("tdx.platforms_allowed", "only these: PPID or platform instance id", &["tdx.platform"]),
    key("tdx.platforms_denied", "never these", &["tdx.platform"]),
    key("tdx.images.*.mrtd", "an image that is accepted, by MRTD", &["tdx.td.measurement"]),
    key("tdx.images.*.rtmr0", "and by this register; left out: any", RTMR),
    key("tdx.images.*.rtmr1", "likewise", RTMR),
    key("tdx.images.*.rtmr2", "likewise", RTMR),
    key("tdx.images.*.rtmr3", "likewise", RTMR),
    key("tdx.grace.statuses", "further states, until a date", &["tdx.tcb.status"]),
    key("tdx.grace.until", "the last second in which they count", &["tdx.tcb.status"]),
    key("tdx.flags.sept_ve_disable", "SEPT_VE_DISABLE", &["tdx.td.sept_ve_disable"]),
    key("tdx.flags.migratable", "the trust domain may migrate", &["tdx.td.migratable"]),
    key("tdx.flags.service_td", "a service TD is bound to it", &["tdx.td.service_td"]),
    key("tdx.flags.dynamic_platform", "the platform is dynamic", &["tdx.platform.dynamic"]),
    key("tdx.flags.cached_keys", "Intel keeps the platform's keys", &["tdx.platform.cached_keys"]),
    key("tdx.flags.smt", "SMT is on", &["tdx.platform.smt"]),
    key(
        "tdx.event_log.need",
        "\"required\": undecided without an event log",
        &["tdx.event_log.required"],
    ),
    key(
        "tdx.event_log.allowed.*",
        "the only digests measured into rtmr0, rtmr1 or rtmr2",
        &["tdx.event_log.allowed"],
    ),
    key("tdx.event_log.expected.*.register", "where something must have been measured", EXPECTED),
    key("tdx.event_log.expected.*.digests", "its digest, or those of its versions", EXPECTED),
    key(
        "gpu.required",
        "evidence of GPUs \"when-used\": from nodes whose engine.device is not cpu; or \"always\"",
        &["gpu.required"],
    ),
    key("gpu.count", "how many GPUs, switches not counted", &["gpu.count"]),
    key("gpu.architectures", "architectures that are accepted", &["gpu.architecture"]),
    key(
        "gpu.modes",
        "\"single\", \"multi\", \"protected-pcie\", where a device reports one; empty: any",
        &["gpu.mode"],
    ),
    key("gpu.minimum_driver", "the least driver, as 550.90.07", &["gpu.driver"]),
    key("gpu.drivers_denied", "never these", &["gpu.driver"]),
    key("gpu.minimum_vbios.*", "the least VBIOS of hopper or blackwell", &["gpu.vbios"]),
    key("gpu.vbios_denied", "never these", &["gpu.vbios"]),
    key(
        "gpu.reference_values",
        "\"required\": undecided without RIMs of driver and VBIOS, or of a switch's BIOS; or \"if-given\"",
        &["gpu.reference_values"],
    ),
    key(
        "gpu.revocation",
        "\"required\": undecided without an OCSP response for every certificate; or \"if-given\"",
        &["gpu.revocation"],
    ),
    key(
        "gpu.suspended_signers",
        "RIMs whose signer is on hold: \"refused\" or \"allowed\"; a device on hold is refused",
        &["gpu.hold"],
    ),
    key(
        "gpu.maximum_rim_age",
        "seconds since a RIM's signer began to count, at most",
        &["gpu.rim.age"],
    ),
    key(
        "gpu.maximum_ocsp_age",
        "seconds since the oldest response was made, at most",
        &["gpu.ocsp.age"],
    ),
    key(
        "models.*",
        "manifest digests that are accepted under this name, 64 hexadecimal digits each",
        &["policy.model"],
    ),
];

/// A dotted key taken apart: names in quotes may hold dots.
pub(super) fn segments(key: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (place, character) in key.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '.' if !quoted => {
                parts.push(key.get(start..place).unwrap_or_default());
                start = place.saturating_add(1);
            }
            _ => {}
        }
    }
    parts.push(key.get(start..).unwrap_or_default());
    parts
}

impl Key {
    /// The key that a rule is under.
    #[must_use]
    pub fn of(rule: &str) -> Option<&'static Self> {
        let parts = segments(rule);
        KEYS.iter().find(|key| {
            let own = segments(key.path);
            let fits = |(own, part): (&&str, &&str)| *own == "*" || own == part;
            own.len() == parts.len() && own.iter().zip(&parts).all(fits)
        })
    }

    /// What counts where the key is left out, as TOML writes it; `None` where there is nothing then.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        let rules = Policy::built_in().rules();
        rules.into_iter().find(|rule| rule.key == self.path).map(|rule| rule.value)
    }
}
