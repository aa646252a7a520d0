//! SEV-SNP: reports, in the order in which their checks run, and what the policy asks of them.

use super::Check;

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
}
