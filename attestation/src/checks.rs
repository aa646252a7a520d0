//! Every check by name: why it matters, and what to do when it fails.
//!
//! The names are part of the interface: policies, reports and other people's scripts match on them.

/// The definition of one check.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// The stable name, dots from the general to the particular.
    pub id: &'static str,
    /// What an attacker could do if nobody looked.
    pub why: &'static str,
    /// What the operator or the auditor can do about it.
    pub fix: &'static str,
}

macro_rules! checks {
    ($($name:ident = $id:literal, $why:literal, $fix:literal;)*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $why)]
            pub static $name: Check = Check { id: $id, why: $why, fix: $fix };
        )*
        /// Every check that this version knows, for lists and documentation.
        pub static ALL: &[&Check] = &[$(&$name),*];
    };
}

checks! {
    SNP_REPORT_LENGTH = "snp.report.length",
        "bytes after the report would travel unverified",
        "pass the report of 1,184 bytes as the firmware returned it";
    SNP_REPORT_VERSION = "snp.report.version",
        "fields of an unknown version would be read at the wrong places",
        "update the verifier, or the firmware when the version is older than 2";
    SNP_ENDORSEMENTS_DECODE = "snp.endorsements.decode",
        "a certificate that two readers understand differently proves nothing",
        "pass AMD's certificates and lists in DER or PEM, complete and without additions";
    SNP_REPORT_ALGORITHM = "snp.report.algorithm",
        "a signature checked by the wrong rule proves nothing",
        "collect the report again; AMD's firmware knows one algorithm only";
    SNP_REPORT_SIGNER = "snp.report.signer",
        "firmware that was told not to sign returns a report that anybody could have written",
        "switch key masking off on the host, and ask for a report signed by VCEK or VLEK";
    SNP_REPORT_SIGNATURE = "snp.report.signature",
        "a report that the chip did not sign says nothing",
        "collect the report and its VCEK or VLEK from the same machine at the same TCB";
    SNP_VEK_PRESENT = "snp.vek.present",
        "without the key's certificate nobody knows whose signature it is",
        "add the VCEK from AMD's key distribution service, or the VLEK from the cloud provider";
    SNP_VEK_KEY = "snp.vek.key",
        "a key of another kind was not derived by the firmware",
        "fetch the VCEK or VLEK again from where AMD publishes it";
    SNP_VEK_EXTENSIONS = "snp.vek.extensions",
        "chip and TCB are bound to the key by these extensions alone",
        "fetch the VCEK or VLEK again; if it is new, update the verifier";
    SNP_VEK_KIND = "snp.vek.kind",
        "a key that a cloud provider holds for many chips would pass for one chip's own",
        "pass the certificate of the kind of key that signed the report";
    SNP_VEK_VALIDITY = "snp.vek.validity",
        "AMD vouches for the key only between these dates",
        "fetch the certificate again, and check the time that was given";
    SNP_VEK_PRODUCT = "snp.vek.product",
        "a certificate of another product line would lend its trust to this one",
        "pass certificates of the machine's own product line";
    SNP_VEK_TCB = "snp.vek.tcb",
        "a leaked key of old firmware would sign for current firmware",
        "fetch the VCEK for exactly the reported TCB";
    SNP_VEK_HWID = "snp.vek.hwid",
        "a key of another chip would sign for this one",
        "fetch the VCEK for exactly this chip";
    SNP_PRODUCT_CPUID = "snp.product.cpuid",
        "evidence of a weaker generation would pass for a stronger one",
        "pass the certificate chain of the machine's own generation";
    SNP_CHAIN_PRESENT = "snp.chain.present",
        "without the authority's certificate the key reaches no root",
        "add the ASK, or for a VLEK the ASVK, from AMD's key distribution service";
    SNP_CHAIN_ROOT = "snp.chain.root",
        "anybody can make a root that calls itself AMD's",
        "collect evidence from genuine hardware; a simulated root must be accepted by its digest, on purpose";
    SNP_CHAIN_CONSTRAINTS = "snp.chain.constraints",
        "a key that may not sign certificates would make more of itself",
        "pass AMD's own ASK or ASVK";
    SNP_CHAIN_VALIDITY = "snp.chain.validity",
        "AMD vouches for its authorities only between these dates",
        "fetch the chain again, and check the time that was given";
    SNP_CHAIN_SIGNATURE = "snp.chain.signature",
        "a certificate that AMD did not sign was made by somebody else",
        "fetch VCEK or VLEK and the chain again from where AMD publishes them";
    SNP_CRL_ISSUER = "snp.crl.issuer",
        "a list of another root looks like a check and is none",
        "pass the list of the machine's own product line";
    SNP_CRL_VALIDITY = "snp.crl.validity",
        "an old list hides what was revoked since",
        "fetch the list again, and check the time that was given";
    SNP_CRL_REVOKED = "snp.crl.revoked",
        "AMD says that this key must not be trusted any more",
        "do not use this machine; ask AMD or the cloud provider for a new key";
    SNP_CRL_SIGNATURE = "snp.crl.signature",
        "a forged revocation list hides revoked keys",
        "fetch the list for this product again from AMD's key distribution service";
    // What genuine reports say, appraised under a policy by the verifier.
    SNP_REVOCATION = "snp.revocation",
        "without a list nobody looked for revoked keys",
        "fetch the list for this product from AMD's key distribution service";
    SNP_PRODUCT_GENERATION = "snp.product.generation",
        "keys of this generation can be extracted by software: its reports may be forged at any TCB",
        "use a machine of a newer generation, or allow this one by name in the policy";
    SNP_VEK_ACCEPTED = "snp.vek.accepted",
        "a key that a cloud provider shares between chips binds no report to one chip",
        "use a VCEK, or allow VLEK and its provider by name in the policy";
    SNP_CHIP = "snp.chip",
        "an attacker who owns another chip can extract its key with physical access",
        "use a chip on the policy's list, or have this one added after looking at it";
    SNP_MEASUREMENT = "snp.measurement",
        "another image could read every prompt",
        "boot the image that the policy pins, or pin this image after reproducing it";
    SNP_VMPL = "snp.vmpl",
        "software at a lower privilege could have asked for this report",
        "ask for the report at the privilege level that the policy names";
    SNP_GUEST_SVN = "snp.guest_svn",
        "an older image with known faults would pass",
        "boot an image with a newer guest security version";
    SNP_HOST_DATA = "snp.host_data",
        "the host started the guest with other data than agreed",
        "start the guest with the host data that the policy pins";
    SNP_ID_KEY = "snp.id_key",
        "somebody else than the owner approved this launch",
        "launch with an ID block signed by a key that the policy names";
    SNP_AUTHOR_KEY = "snp.author_key",
        "the ID key was certified by somebody else",
        "launch with an author key that the policy names";
    SNP_FAMILY_ID = "snp.family_id",
        "the guest belongs to another family of images",
        "launch with the family that the policy pins";
    SNP_IMAGE_ID = "snp.image_id",
        "the guest is another image of the family",
        "launch with the image that the policy pins";
    SNP_POLICY_DEBUG = "snp.policy.debug",
        "the host can read and write the guest's memory",
        "launch without the debug bit";
    SNP_POLICY_MIGRATE_MA = "snp.policy.migrate_ma",
        "a migration agent can move the guest's memory elsewhere",
        "launch without a migration agent";
    SNP_POLICY_SMT = "snp.policy.smt",
        "a neighbour on the same core can watch the guest",
        "launch with SMT forbidden, on a host without it";
    SNP_POLICY_SINGLE_SOCKET = "snp.policy.single_socket",
        "memory traffic crosses between sockets",
        "launch restricted to a single socket";
    SNP_POLICY_CXL = "snp.policy.cxl",
        "memory on CXL devices lies outside the machine's own controllers",
        "launch with CXL forbidden";
    SNP_POLICY_MEM_AES = "snp.policy.mem_aes_256_xts",
        "weaker memory encryption is allowed",
        "launch with AES-256-XTS required";
    SNP_POLICY_RAPL = "snp.policy.rapl_dis",
        "power readings tell about the guest's secrets",
        "launch with the power limit interface required off";
    SNP_POLICY_CIPHERTEXT_HIDING = "snp.policy.ciphertext_hiding",
        "the host sees ciphertext change and learns from it",
        "launch with ciphertext hiding required";
    SNP_POLICY_PAGE_SWAP = "snp.policy.page_swap",
        "the host can swap the guest's pages out and watch them return",
        "launch with page swapping forbidden";
    SNP_POLICY_UNKNOWN = "snp.policy.unknown",
        "nobody here knows what this bit allows",
        "update the verifier, or launch without the bit";
    SNP_PLATFORM_SMT = "snp.platform.smt",
        "a neighbour on the same core can watch the guest",
        "switch SMT off on the host";
    SNP_PLATFORM_TSME = "snp.platform.tsme",
        "memory outside guests is not encrypted",
        "switch transparent memory encryption on";
    SNP_PLATFORM_ECC = "snp.platform.ecc",
        "flipped bits in memory go unnoticed",
        "use memory with error correction";
    SNP_PLATFORM_RAPL = "snp.platform.rapl",
        "power readings tell about the guest's secrets",
        "switch the power limit interface off";
    SNP_PLATFORM_CIPHERTEXT_HIDING = "snp.platform.ciphertext_hiding",
        "the host sees ciphertext change and learns from it",
        "switch ciphertext hiding on";
    SNP_PLATFORM_ALIAS_CHECK = "snp.platform.alias_check",
        "two addresses for one memory cell let the host read and replay it",
        "update the firmware so that it checks for memory aliases";
    SNP_PLATFORM_TIO = "snp.platform.tio",
        "devices may or may not be part of the trusted base, unlike what was agreed",
        "set trusted I/O as the policy says";
    SNP_PLATFORM_UNKNOWN = "snp.platform.unknown",
        "nobody here knows what this bit says",
        "update the verifier";
    SNP_TCB_REPORTED = "snp.tcb.reported",
        "firmware with known faults signed this report",
        "update the components named, then commit and collect again";
    SNP_TCB_CURRENT = "snp.tcb.current",
        "firmware with known faults runs now",
        "update the components named";
    SNP_TCB_COMMITTED = "snp.tcb.committed",
        "the host can go back to firmware with known faults",
        "commit the current firmware";
    SNP_TCB_LAUNCH = "snp.tcb.launch",
        "the guest was started under firmware with known faults",
        "start the guest again under current firmware";
    SNP_TCB_PROVISIONAL = "snp.tcb.provisional",
        "firmware that is not committed can be taken back at any time",
        "commit the current firmware, or allow provisional firmware in the policy";
    SNP_FIRMWARE_API = "snp.firmware.api",
        "an older interface of the firmware lacks protections",
        "update the firmware";
    SNP_MITIGATIONS = "snp.mitigations",
        "a mitigation that the policy asks for was not active",
        "update the firmware and start the guest again";
    // TDX: quotes of trust domains and SGX enclaves, in the order in which their checks run.
    TDX_QUOTE_ENCODING = "tdx.quote.encoding",
        "bytes that nobody signed would travel with the quote, or fields would be read at the wrong places",
        "pass the quote as the quoting library returned it, and nothing behind it";
    TDX_QUOTE_RESERVED = "tdx.quote.reserved",
        "nobody here knows what a reserved byte says",
        "update the verifier, or collect the quote again";
    TDX_QE_VENDOR = "tdx.qe.vendor",
        "another vendor's quoting enclave follows other rules",
        "use Intel's quoting enclave";
    TDX_QE_RESERVED = "tdx.qe.reserved",
        "nobody here knows what a reserved byte says",
        "update the verifier, or collect the quote again";
    TDX_QE_BINDING = "tdx.qe.binding",
        "anybody's key could sign the quote: the quoting enclave's report would be about another one",
        "collect the quote again";
    TDX_ENDORSEMENTS_DECODE = "tdx.endorsements.decode",
        "a document that two readers understand differently proves nothing, and a field that is not known may matter",
        "pass Intel's certificates, lists and documents as they are published; if one is new, update the verifier";
    TDX_PCK_ENCODING = "tdx.pck.encoding",
        "a chain with many spellings gives one quote many names",
        "collect the quote again; its chain is PEM of leaf, authority and root";
    TDX_PCK_PRESENT = "tdx.pck.present",
        "without the platform's certificate nobody knows whose signature it is",
        "collect a quote that brings its certificate chain, or add the PCK certificate and its authority";
    TDX_PCK_ROOT = "tdx.pck.root",
        "anybody can make a root that calls itself Intel's",
        "collect evidence from genuine hardware; a simulated root must be accepted by its digest, on purpose";
    TDX_PCK_NAMES = "tdx.pck.names",
        "a certificate for another purpose would stand in for a platform's",
        "pass the PCK certificate and its authority";
    TDX_PCK_KEYS = "tdx.pck.keys",
        "a signature checked by another rule proves nothing",
        "pass Intel's own certificates; all of them are ECDSA on P-256";
    TDX_PCK_CONSTRAINTS = "tdx.pck.constraints",
        "a key that may not sign certificates would make more of itself",
        "pass Intel's own PCK authority";
    TDX_PCK_VALIDITY = "tdx.pck.validity",
        "Intel vouches for the chain only between these dates",
        "have the platform's certificate renewed, and check the time that was given";
    TDX_PCK_EXTENSIONS = "tdx.pck.extensions",
        "platform and versions are bound to the key by these extensions alone",
        "fetch the PCK certificate again; if it is new, update the verifier";
    TDX_PCK_SIGNATURE = "tdx.pck.signature",
        "a certificate that Intel did not sign was made by somebody else",
        "collect the quote again, or fetch the PCK certificate from where Intel publishes it";
    TDX_SIGNER_PRESENT = "tdx.signer.present",
        "without its signer's certificate a document could be anybody's",
        "add the TCB signing certificate that comes with TCB info and QE identity";
    TDX_SIGNER_CHAIN = "tdx.signer.chain",
        "any key below Intel's root could declare a TCB good",
        "pass the TCB signing certificate that comes with TCB info and QE identity";
    TDX_SIGNER_VALIDITY = "tdx.signer.validity",
        "Intel vouches for the signer only between these dates",
        "fetch the document and its certificate again, and check the time that was given";
    TDX_SIGNER_SIGNATURE = "tdx.signer.signature",
        "a signer that the root did not certify was made by somebody else",
        "fetch the document and its certificate again";
    TDX_CRL_ISSUER = "tdx.crl.issuer",
        "a list of another authority looks like a check and is none",
        "pass the root's list and the list of this platform's PCK authority";
    TDX_CRL_ROOT_VALIDITY = "tdx.crl.root.validity",
        "an old list hides what was revoked since",
        "fetch the root's list again, and check the time that was given";
    TDX_CRL_ROOT_REVOKED = "tdx.crl.root.revoked",
        "Intel says that this authority or signer must not be trusted any more",
        "do not use this evidence; fetch all endorsements again";
    TDX_CRL_ROOT_SIGNATURE = "tdx.crl.root.signature",
        "a forged revocation list hides revoked authorities",
        "fetch the root's list again";
    TDX_CRL_PCK_VALIDITY = "tdx.crl.pck.validity",
        "an old list hides what was revoked since",
        "fetch the PCK authority's list again, and check the time that was given";
    TDX_CRL_PCK_REVOKED = "tdx.crl.pck.revoked",
        "Intel says that this platform must not be trusted any more",
        "do not use this machine; ask Intel or the cloud provider";
    TDX_CRL_PCK_SIGNATURE = "tdx.crl.pck.signature",
        "a forged revocation list hides revoked platforms",
        "fetch the PCK authority's list again";
    TDX_TCB_INFO_PRESENT = "tdx.tcb_info.present",
        "without it nobody knows whether the platform's versions have known faults",
        "add TCB info for the platform's FMSPC from Intel's provisioning certification service";
    TDX_TCB_INFO_KIND = "tdx.tcb_info.kind",
        "levels of SGX would be taken for levels of TDX, or fields for others",
        "add TCB info of version 3 for this environment";
    TDX_TCB_INFO_PLATFORM = "tdx.tcb_info.platform",
        "another model's levels say nothing about this one",
        "add TCB info for exactly this FMSPC and PCE-ID";
    TDX_TCB_INFO_VALIDITY = "tdx.tcb_info.validity",
        "old TCB info hides the faults that were found since, and one from the future was made up",
        "fetch TCB info again, and check the time that was given";
    TDX_TCB_INFO_SIGNATURE = "tdx.tcb_info.signature",
        "anybody could declare a TCB good",
        "fetch TCB info again, and keep its bytes as they are";
    TDX_QE_IDENTITY_PRESENT = "tdx.qe_identity.present",
        "without it any enclave could pass for Intel's quoting enclave",
        "add QE identity from Intel's provisioning certification service";
    TDX_QE_IDENTITY_KIND = "tdx.qe_identity.kind",
        "the quoting enclave of SGX would be taken for the one of TDX, or fields for others",
        "add QE identity of version 2 for this environment";
    TDX_QE_IDENTITY_VALIDITY = "tdx.qe_identity.validity",
        "an old identity hides the faults that were found since, and one from the future was made up",
        "fetch QE identity again, and check the time that was given";
    TDX_QE_IDENTITY_SIGNATURE = "tdx.qe_identity.signature",
        "anybody could declare an enclave Intel's",
        "fetch QE identity again, and keep its bytes as they are";
    TDX_QE_SIGNER = "tdx.qe.mrsigner",
        "somebody else's enclave could certify any key",
        "use Intel's quoting enclave";
    TDX_QE_PRODUCT = "tdx.qe.isvprodid",
        "another of Intel's enclaves could certify any key",
        "use Intel's quoting enclave for this environment";
    TDX_QE_MISCSELECT = "tdx.qe.miscselect",
        "the enclave would show more of itself than it should",
        "use Intel's quoting enclave";
    TDX_QE_ATTRIBUTES = "tdx.qe.attributes",
        "a quoting enclave in debug mode gives its keys away",
        "use Intel's production quoting enclave";
    TDX_QE_LEVEL = "tdx.qe.level",
        "a quoting enclave with known faults may certify any key",
        "update the quoting enclave";
    TDX_QE_SIGNATURE = "tdx.qe.signature",
        "a quoting enclave's report that the platform did not sign was made by somebody else",
        "collect the quote again";
    TDX_MODULE_IDENTITY = "tdx.module.identity",
        "a TDX module that Intel does not name could be anything",
        "update TCB info; if it stays, use a TDX module that Intel released";
    TDX_MODULE_SIGNER = "tdx.module.mrsigner",
        "a module of somebody else's could read every trust domain",
        "use Intel's TDX module";
    TDX_MODULE_ATTRIBUTES = "tdx.module.attributes",
        "a module in debug mode gives its secrets away",
        "use Intel's production TDX module";
    TDX_MODULE_LEVEL = "tdx.module.level",
        "a module below every known level has faults that nobody lists any more",
        "update the TDX module";
    TDX_TCB_LEVEL = "tdx.tcb.level",
        "a platform below every known level has faults that nobody lists any more",
        "update BIOS, microcode and the TDX module, then collect again";
    TDX_TCB_REVOKED = "tdx.tcb.revoked",
        "Intel says that nothing at this level may be trusted",
        "update what is named, then collect again; until then do not use this machine";
    TDX_QUOTE_SIGNATURE = "tdx.quote.signature",
        "a quote that the attestation key did not sign says nothing",
        "collect the quote again; nothing may change it";
    // What genuine quotes say, appraised under a policy by the verifier.
    TDX_KIND = "tdx.kind",
        "an SGX enclave is no confidential machine",
        "pass a quote of a trust domain";
    TDX_REVOCATION = "tdx.revocation",
        "without the lists nobody looked for revoked platforms",
        "fetch the root's list and the PCK authority's list from Intel";
    TDX_TCB_STATUS = "tdx.tcb.status",
        "the platform runs with known faults",
        "update the components named, then collect again";
    TDX_TCB_ADVISORIES = "tdx.tcb.advisories",
        "a fault that the policy names is open on this platform",
        "update the components named, then collect again";
    TDX_TCB_EVALUATION = "tdx.tcb.evaluation",
        "older evaluation data does not know the newest faults",
        "fetch TCB info and QE identity again with the early or the newest evaluation number";
    TDX_TCB_AGE = "tdx.tcb.age",
        "documents may be valid and still be older than what was known before",
        "fetch TCB info and QE identity again";
    TDX_TD_DEBUG = "tdx.td.debug",
        "the host can read and write the trust domain's memory",
        "launch without the debug attribute";
    TDX_TD_PROFILING = "tdx.td.profiling",
        "the host can profile the trust domain and learn its secrets",
        "launch without the profiling attributes";
    TDX_TD_RESERVED = "tdx.td.reserved",
        "nobody here knows what this attribute allows",
        "update the verifier, or launch without the attribute";
    TDX_TD_SEPT_VE_DISABLE = "tdx.td.sept_ve_disable",
        "the host can take pages away and confuse the guest's kernel",
        "launch with SEPT_VE_DISABLE";
    TDX_TD_MIGRATABLE = "tdx.td.migratable",
        "a migration domain can move the trust domain's memory elsewhere",
        "launch without the migratable attribute";
    TDX_TD_SERVICE_TD = "tdx.td.service_td",
        "a service domain that is bound to this one can act on it",
        "launch without service domains, or allow them in the policy";
    TDX_TD_XFAM = "tdx.td.xfam",
        "no trust domain can have these features: what the quote says cannot be",
        "launch with features that the processor allows";
    TDX_MODULE_MEASUREMENT = "tdx.module.measurement",
        "another TDX module could have known faults",
        "use a module that the policy names";
    TDX_TD_MEASUREMENT = "tdx.td.measurement",
        "another image could read every prompt",
        "boot the image that the policy pins, or pin this image after reproducing it";
    TDX_TD_RTMR = "tdx.td.rtmr",
        "another kernel, command line or program could have been started in the image",
        "start what the policy pins";
    TDX_TD_CONFIG_ID = "tdx.td.mrconfigid",
        "the host started the trust domain with another configuration than agreed",
        "launch with the configuration that the policy pins";
    TDX_TD_OWNER = "tdx.td.mrowner",
        "the trust domain would be somebody else's",
        "launch with the owner that the policy pins";
    TDX_TD_OWNER_CONFIG = "tdx.td.mrownerconfig",
        "the owner's settings would be others than agreed",
        "launch with the owner's configuration that the policy pins";
    TDX_PLATFORM = "tdx.platform",
        "an attacker who owns another machine can extract its keys with physical access",
        "use a platform on the policy's list, or have this one added after looking at it";
    TDX_PLATFORM_DYNAMIC = "tdx.platform.dynamic",
        "somebody can add a processor package to the machine later",
        "use a platform that is not dynamic, or allow it in the policy";
    TDX_PLATFORM_CACHED_KEYS = "tdx.platform.cached_keys",
        "Intel holds the platform's keys: whoever takes them there can impersonate it",
        "use a platform whose keys are not cached, or allow it in the policy";
    TDX_PLATFORM_SMT = "tdx.platform.smt",
        "a neighbour on the same core can watch the trust domain",
        "switch SMT off on the host, or allow it in the policy";
    TDX_EVENT_LOG = "tdx.event_log",
        "a log that does not replay to the registers tells a story that did not happen",
        "collect quote and log together";
    // GPU: reports and certificates, in the order in which their checks run.
    GPU_REPORT_ENCODING = "gpu.report.encoding",
        "bytes that nobody signed would travel with the report, or fields would be read at the wrong places",
        "pass the report as the driver returned it, and nothing behind it; if the device is new, update the verifier";
    GPU_NONCE = "gpu.nonce",
        "a recorded report looks like a new one to whoever sent no nonce",
        "collect the report again with the nonce that the verifier expects";
    GPU_CHAIN_PRESENT = "gpu.chain.present",
        "without the device's certificates nobody knows whose signature it is",
        "add the attestation certificate chain that the driver returns beside the report";
    GPU_CHAIN_ENCODING = "gpu.chain.encoding",
        "certificates that two readers understand differently prove nothing",
        "pass the chain as the driver returned it: five certificates in PEM, the device's own first";
    GPU_CHAIN_ROOT = "gpu.chain.root",
        "anybody can make a root that calls itself NVIDIA's",
        "collect evidence from genuine hardware; a simulated root must be accepted by its digest, on purpose";
    GPU_CHAIN_NAMES = "gpu.chain.names",
        "a certificate for another purpose would lend its trust to this device",
        "collect report and certificates from the same device, in one go";
    GPU_CHAIN_CLASS = "gpu.chain.class",
        "a report read by another architecture's rules says something else",
        "name the architecture of the device that made the report";
    GPU_CHAIN_KEYS = "gpu.chain.keys",
        "a key of another kind was not made by NVIDIA's hardware",
        "collect report and certificates from the same device, in one go";
    GPU_CHAIN_CONSTRAINTS = "gpu.chain.constraints",
        "a key that may not sign certificates would make more of itself",
        "collect the certificates from the device again";
    GPU_CHAIN_VALIDITY = "gpu.chain.validity",
        "NVIDIA vouches for its certificates only between these dates",
        "check the time that was given";
    GPU_CHAIN_IDENTITY = "gpu.chain.identity",
        "the device's own number ties it to its neighbours; another kind of device has another",
        "collect report and certificates from the same device, in one go";
    GPU_CHAIN_DEVICE = "gpu.chain.device",
        "the attestation key would be said to live in another device",
        "collect report and certificates from the same device, in one go";
    GPU_FWID = "gpu.fwid",
        "the key that signs would belong to other firmware than the report names",
        "collect report and certificates from the same device after the same start";
    GPU_SWITCH_PDI = "gpu.switch.pdi",
        "a switch could report under another one's number",
        "collect report and certificates from the same switch, in one go";
    GPU_CHAIN_SIGNATURE = "gpu.chain.signature",
        "a certificate that NVIDIA did not sign was made by somebody else",
        "collect report and certificates from the same device, in one go";
    GPU_REPORT_SIGNATURE = "gpu.report.signature",
        "a GPU that did not sign its report may show every prompt to its host",
        "collect report and certificates from the same device, in one go";
    // GPU: several devices that serve one node.
    GPU_TOPOLOGY_COUNT = "gpu.topology.count",
        "a device that nobody shows may be anything",
        "collect evidence of every GPU and every switch: with switches eight GPUs and four switches";
    GPU_TOPOLOGY_UNIQUE = "gpu.topology.unique",
        "one genuine device could stand for several",
        "collect evidence of each device once";
    GPU_TOPOLOGY_ARCHITECTURE = "gpu.topology.architecture",
        "devices of different architectures protect the links between them differently or not at all",
        "use GPUs of one architecture, and switches only where they belong";
    GPU_TOPOLOGY_NONCE = "gpu.topology.nonce",
        "reports of different times may be of different machines",
        "collect all reports with one nonce";
    GPU_TOPOLOGY_MODE = "gpu.topology.mode",
        "a GPU in another mode leaves the links to it unprotected",
        "put every GPU in the same confidential mode and start again";
    GPU_TOPOLOGY_PPCIE = "gpu.topology.ppcie",
        "GPUs that are joined in the clear need attested switches, and switches need GPUs that expect them",
        "switch protected PCIe on for every GPU behind switches, and collect evidence of the switches";
    GPU_TOPOLOGY_SWITCHES = "gpu.topology.switches",
        "a switch that nobody attested would see what passes between the GPUs",
        "collect evidence of exactly the switches that the GPUs are connected to";
    GPU_TOPOLOGY_GPUS = "gpu.topology.gpus",
        "a GPU that nobody attested could take part behind the switches",
        "collect evidence of exactly the GPUs that the switches are connected to";
    // Sizes, encodings and bindings of the bundle: WIRE section 6, in the order in which they run.
    BUNDLE_ENCODING = "bundle.encoding",
        "bytes that two readers understand differently prove two things",
        "update the node; nothing between node and verifier may change the bundle";
    STATEMENT_ENCODING = "statement.encoding",
        "bytes that two readers understand differently prove two things",
        "update the node";
    STATEMENT_LEAF = "statement.leaf",
        "somebody else's key behind this connection would read everything",
        "connect to the node itself: something between terminates TLS, or the node serves an old statement";
    STATEMENT_KEM = "statement.kem",
        "prompts would be sealed to keys that nobody attested",
        "fetch the evidence again; if it stays, the node is faulty";
    STATEMENT_GPUS = "statement.gpus",
        "GPUs of another machine could be shown",
        "collect GPU evidence again and rebuild the statement";
    STATEMENT_MANIFEST = "statement.manifest",
        "the model that answers would not be the one that was attested",
        "restart the node; its bundle is not of this boot";
    STATEMENT_CONFIG = "statement.config",
        "the settings in force would not be the attested ones",
        "restart the node; its bundle is not of this boot";
    STATEMENT_WINDOW = "statement.window",
        "evidence from the past may name keys that have leaked since",
        "compare the clocks of both machines, then fetch fresh evidence";
    STATEMENT_LIFETIME = "statement.lifetime",
        "a statement that lives too long outlives what it describes",
        "configure the node's statement lifetime to an hour at most";
    STATEMENT_FRESHNESS = "statement.freshness",
        "recorded evidence looks like new evidence to whoever sent no nonce",
        "ask the live node with a nonce of your own, or give the nonce with which the file was made";
    BINDER_SIGNATURE = "binder.signature",
        "without the attested identity on this very connection anybody can show genuine evidence",
        "connect to the node itself: the evidence was made for another session";
    BINDER_PATH = "binder.path",
        "a quote that does not cover this session may be older than it",
        "connect to the node itself: the quote was made for other sessions";
    REPORT_DATA = "report_data",
        "the chip would have signed something else than this statement",
        "collect a report over this statement";
    // GPU: reference values, revocation, tokens, in the order in which their checks run.
    GPU_RIM_DECODE = "gpu.rim.decode",
        "a document that two readers understand differently proves nothing",
        "pass the RIM as NVIDIA's service sends it, and nothing else; if it is new, update the verifier";
    GPU_RIM_DIGEST = "gpu.rim.digest",
        "golden values could be changed after NVIDIA signed them",
        "fetch the RIM again, and keep its bytes as they are";
    GPU_RIM_VALIDITY = "gpu.rim.validity",
        "NVIDIA vouches for the signer only between these dates",
        "fetch the RIM again: NVIDIA signs it anew; and check the time that was given";
    GPU_RIM_CHAIN = "gpu.rim.chain",
        "anybody can sign golden values for any firmware",
        "fetch the RIM from NVIDIA's service; a simulated root must be accepted by its digest, on purpose";
    GPU_RIM_SIGNATURE = "gpu.rim.signature",
        "golden values that NVIDIA did not sign are somebody else's",
        "fetch the RIM again, and keep its bytes as they are";
    GPU_RIM_PRODUCT = "gpu.rim.product",
        "golden values of another product look like a check and are none",
        "pass the RIMs of this product only";
    GPU_RIM_VERSION = "gpu.rim.version",
        "golden values of another version would be compared, or none at all",
        "pass the RIM of exactly this driver or VBIOS version";
    GPU_RIM_CONFLICT = "gpu.rim.conflict",
        "one measurement would have two truths, and the weaker one would win",
        "fetch both RIMs again; if they stay in conflict, ask NVIDIA";
    GPU_RIM_MEASUREMENTS = "gpu.rim.measurements",
        "firmware that NVIDIA does not know could read every prompt",
        "update driver and VBIOS together; if the RIM is old, fetch it again: NVIDIA adds values to it";
    GPU_OCSP_DECODE = "gpu.ocsp.decode",
        "a response that two readers understand differently proves nothing",
        "fetch the response again from NVIDIA's responder";
    GPU_OCSP_ISSUER = "gpu.ocsp.issuer",
        "a response about another certificate looks like a check and is none",
        "pass the responses for this chain's certificates";
    GPU_OCSP_VALIDITY = "gpu.ocsp.validity",
        "an old response hides what was revoked since",
        "fetch the response again, and check the time that was given";
    GPU_OCSP_REVOKED = "gpu.ocsp.revoked",
        "NVIDIA says that this key must not be trusted any more",
        "do not use this device or this RIM; ask NVIDIA";
    GPU_OCSP_UNKNOWN = "gpu.ocsp.unknown",
        "a certificate that its own issuer does not know was made by somebody else",
        "do not use this device or this RIM; ask NVIDIA";
    GPU_OCSP_HOLD = "gpu.ocsp.hold",
        "NVIDIA suspended this key and may revoke it",
        "wait until NVIDIA lifts the hold, or use another device";
    GPU_OCSP_RESPONDER = "gpu.ocsp.responder",
        "anybody below the root could declare a certificate good",
        "fetch the response from NVIDIA's responder; it signs itself or by a certificate made for that";
    GPU_OCSP_SIGNATURE = "gpu.ocsp.signature",
        "a forged response hides revoked keys",
        "fetch the response again from NVIDIA's responder";
    GPU_OCSP_COVERAGE = "gpu.ocsp.coverage",
        "without a response nobody looked whether a certificate was revoked",
        "fetch responses for every certificate from the identity key up, and for the RIM's chain";
    GPU_NRAS_DECODE = "gpu.nras.decode",
        "a token that two readers understand differently proves nothing",
        "pass the answer of NVIDIA's attestation service as it came";
    GPU_NRAS_ALGORITHM = "gpu.nras.algorithm",
        "a token that nobody signed can be written by anybody",
        "ask NVIDIA's attestation service; tokens of a local verifier are evidence of nothing";
    GPU_NRAS_KEY = "gpu.nras.key",
        "without the service's key nobody knows whose token it is",
        "pass the key set that NVIDIA's attestation service publishes, from the time of the token";
    GPU_NRAS_ISSUER = "gpu.nras.issuer",
        "another service's opinion would pass for NVIDIA's",
        "ask NVIDIA's attestation service";
    GPU_NRAS_VALIDITY = "gpu.nras.validity",
        "an old token speaks of a device that has changed since",
        "ask NVIDIA's attestation service again, and check the time that was given";
    GPU_NRAS_NONCE = "gpu.nras.nonce",
        "a recorded token looks like a new one",
        "ask NVIDIA's attestation service about exactly this evidence";
    GPU_NRAS_DIGEST = "gpu.nras.digest",
        "tokens of other devices could be put in place of these",
        "pass the answer of NVIDIA's attestation service as it came";
    GPU_NRAS_RESULT = "gpu.nras.result",
        "NVIDIA's own verifier refused the device",
        "look at the token's claims for the reason";
    GPU_NRAS_SIGNATURE = "gpu.nras.signature",
        "a token that the service did not sign was made by somebody else",
        "pass the answer of NVIDIA's attestation service as it came, with the key set of that time";

    // Policy on a node: what a relying party accepts.
    POLICY_FRESHNESS = "policy.freshness",
        "evidence that is not fresh enough may be of a machine that was taken over since",
        "ask for hardware freshness, or accept less in the policy";
    POLICY_MODEL = "policy.model",
        "other weights answer otherwise, and perhaps on purpose",
        "add the manifest digest to the policy's models after checking it, or use a node that serves a listed model";

    // The receipt of one answer.
    RECEIPT_SIGNATURE = "receipt.signature",
        "a receipt that the attested key did not sign binds nobody",
        "treat the answer as unproven; report the node";
    RECEIPT_BOOT = "receipt.boot_id",
        "the receipt would be another node's, or of another boot",
        "treat the answer as unproven; report the node";
    RECEIPT_REQUEST_ID = "receipt.request_id",
        "one receipt could be shown for many requests",
        "treat the answer as unproven; report the node";
    RECEIPT_REQUEST_DIGEST = "receipt.request_digest",
        "the node would have answered another sealed request",
        "treat the answer as unproven; report the node";
    RECEIPT_KEM = "receipt.kem_configuration",
        "the request would have been opened with another key",
        "treat the answer as unproven; report the node";
    RECEIPT_MANIFEST = "receipt.manifest",
        "another model would have answered",
        "treat the answer as unproven; report the node";
    RECEIPT_REQUEST = "receipt.request",
        "the receipt would commit to another question",
        "treat the answer as unproven; report the node";
    RECEIPT_ANSWER = "receipt.answer",
        "the receipt would commit to another answer",
        "treat the answer as unproven; report the node";
    RECEIPT_FINGERPRINT = "receipt.fingerprint",
        "the accuracy of the answer could not be held against the node",
        "treat the answer as unproven; report the node";

    // The way to a node: wire specification, sections 6 and 7.
    HTTP_CONNECT = "http.connect",
        "nothing was proven about a node that cannot be reached",
        "check the address, the firewall, and that the node runs";
    TLS_CERTIFICATE_VERIFY = "tls.certificate_verify",
        "an attested certificate can be shown by anybody; only its key proves who shows it",
        "connect to the node itself: somebody shows its certificate without having its key";
    TLS_HANDSHAKE = "tls.handshake",
        "without TLS 1.3 there is no connection that a binder could name",
        "check that a node answers at this address, and that nothing between speaks another TLS";
    HTTP_CONNECTION = "http.connection",
        "a session lives and dies with its one connection",
        "try again: a new connection is verified before anything is sealed";
    HTTP_DEADLINE = "http.deadline",
        "whoever may delay for ever may hold everything",
        "try again later, or use another node";
    HTTP_STATUS = "http.status",
        "an answer that no node sends comes from something else",
        "check the address: something between changes the node's answers";
    HTTP_TOO_LARGE = "http.too_large",
        "a node that takes everything serves nobody",
        "send a shorter request";
    HTTP_OVERLOAD = "http.overload",
        "a node that takes everything serves nobody",
        "try again later, or use another node";
    HTTP_NOT_READY = "http.not_ready",
        "a node without valid evidence must not serve",
        "try again later; if it stays, look at the node's own log";
    SESSION_EXPIRED = "session.expired",
        "what was proven does not hold for ever",
        "try again: the node is verified anew before anything is sealed";

    // The seal around one exchange: wire specification, section 8.
    SEAL_CONFIGURATION = "seal.configuration",
        "prompts would be sealed to a kind of key that this client does not accept",
        "use a node that offers X-Wing keys";
    SEAL_REQUEST = "seal.request",
        "what cannot be sealed must not be sent",
        "send a shorter request; if it is short, report a bug";
    SEAL_KEY = "seal.key",
        "a key that the node no longer has protects nobody",
        "try again; if it stays, something between rewrites requests or the node's evidence is old";
    SEAL_REPLAYED = "seal.replayed",
        "a recorded request could be run again and its costs and effects repeated",
        "send the request anew: it may have run already";
    SEAL_FRAME = "seal.frame",
        "a request that changed on its way must not be acted on",
        "try again; if it stays, something between rewrites requests";
    SEAL_CHUNK = "seal.chunk",
        "a changed, moved, dropped or repeated part would change the answer",
        "treat the answer as forged; look for what stands between you and the node";
    SEAL_TRUNCATED = "seal.truncated",
        "a cut answer may say the opposite of the whole one",
        "treat the answer as incomplete; ask again";
    SEAL_MESSAGE = "seal.message",
        "a message that two readers understand differently says two things",
        "update the node or this client";
    RECEIPT_MISSING = "receipt.missing",
        "an answer that nobody signed for binds nobody",
        "treat the answer as unproven; report the node";
    RECEIPT_USAGE = "receipt.usage",
        "bills would not be of what the client was told",
        "treat the bill as disputed; report the node";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_check_says_why_and_what_to_do() {
        let mut ids: Vec<_> = ALL.iter().map(|check| check.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
        assert!(ALL.iter().all(|check| !check.why.is_empty() && !check.fix.is_empty()));
    }
}
