//! NVIDIA: reports, certificates, sets of devices, reference values, revocation and tokens.

use super::Check;

checks! {
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
    GPU_RELAY = "gpu.relay",
        "a genuine GPU in another machine can answer for this one: no report names the CPU beside it",
        "trust the measured image, which asks its own GPUs alone; pin its measurement, and know who can touch the machine";
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
    // What genuine devices say, appraised under a policy by the verifier.
    GPU_REQUIRED = "gpu.required",
        "a node that computes on a GPU shows every prompt to it: an unattested one is anybody's",
        "collect evidence of every GPU, or run the model on the CPU";
    GPU_COUNT = "gpu.count",
        "a GPU that shows nothing may see what the others see",
        "start the node with as many GPUs as the policy names, each in confidential mode";
    GPU_ARCHITECTURE = "gpu.architecture",
        "confidential mode of another architecture protects other things",
        "use a GPU of an architecture that the policy names";
    GPU_MODE = "gpu.mode",
        "the links between GPUs are protected in some modes only",
        "set the GPUs to a mode that the policy names";
    GPU_DRIVER = "gpu.driver",
        "a driver with known faults gives prompts away",
        "update the driver";
    GPU_VBIOS = "gpu.vbios",
        "firmware with known faults gives prompts away",
        "update the VBIOS";
    GPU_REFERENCE_VALUES = "gpu.reference_values",
        "measurements that were compared with nothing say nothing",
        "fetch the RIMs of this driver and this VBIOS from NVIDIA's service";
    GPU_REVOCATION = "gpu.revocation",
        "without a response nobody looked for revoked devices and RIMs",
        "fetch a response for every certificate from NVIDIA's responder";
    GPU_HOLD = "gpu.hold",
        "reference values whose signer is suspended may be withdrawn",
        "fetch the RIM again later, or allow suspended signers of RIMs in the policy";
    GPU_RIM_AGE = "gpu.rim.age",
        "an old RIM accepts firmware whose faults were found since",
        "fetch the RIM again: NVIDIA signs it anew";
    GPU_OCSP_AGE = "gpu.ocsp.age",
        "an old response does not know what was revoked since",
        "fetch the response again";
}
