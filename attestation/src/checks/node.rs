//! A node: its bundle, its session, the seal and the receipt.

use super::Check;

checks! {
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
    // Policy on a node: what a relying party accepts.
    POLICY_FRESHNESS = "policy.freshness",
        "evidence that is not fresh enough may be of a machine that was taken over since",
        "ask for hardware freshness, or accept less in the policy";
    POLICY_PLATFORM = "policy.platform",
        "another platform has other weaknesses than those that were weighed",
        "use a node on an accepted platform, or name this one in the policy after weighing it";
    POLICY_STATEMENT_LIFETIME = "policy.statement_lifetime",
        "what a node promised long ago may no longer be so",
        "set a shorter lifetime on the node, or allow a longer one in the policy";
    POLICY_PHYSICAL = "policy.physical",
        "whoever can touch a machine can tap its memory bus and forge its quotes",
        "use a machine whose site is known, or enter this one under the policy's hosts after looking at its site";
    POLICY_BULLETIN = "policy.bulletin",
        "floors and deny lists that are not current let known holes pass",
        "give the current bulletin of a publisher whose key the policy names";
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
