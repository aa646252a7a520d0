//! TDX and SGX: quotes and collateral, in the order in which their checks run, and what the policy asks of them.

use super::Check;

checks! {
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
    TDX_EVENT_LOG_REQUIRED = "tdx.event_log.required",
        "without its log a register is a number that nobody can read",
        "serve the event log with the quote, or pin the registers and need no log";
    TDX_EVENT_LOG_ALLOWED = "tdx.event_log.allowed",
        "one event more may be code or tables that the host slipped in, such as ACPI",
        "look up what the event is; add its digest to the policy only when it belongs to the image";
    TDX_EVENT_LOG_EXPECTED = "tdx.event_log.expected",
        "what must have been measured and was not may have been left out on purpose",
        "boot the image that measures it, or correct its digest in the policy";
    TDX_TCB_DATE = "tdx.tcb.date",
        "a level of long ago leaves later holes open",
        "update the platform's firmware to a level of that date or later";
    TDX_TCB_COMPONENTS = "tdx.tcb.components",
        "a component behind its floor has known holes",
        "update the TDX module and the microcode";
}
