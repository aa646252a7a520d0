//! Endorsements on their way here, before they stand behind any evidence.

use super::Check;

checks! {
    ENDORSEMENTS_FETCH = "endorsements.fetch",
        "without what the vendor says now, a key that was revoked looks good",
        "check the network and the service's state, or give the files";
    ENDORSEMENTS_ANSWER = "endorsements.answer",
        "an answer of another kind would leave a check without its input",
        "ask the vendor's own service: what answers is no such service, or is broken";
    ENDORSEMENTS_SUBJECT = "endorsements.subject",
        "a genuine statement about another machine says nothing about this one",
        "ask the vendor's own service: a mirror mixes its answers up";
    ENDORSEMENTS_ROLLBACK = "endorsements.rollback",
        "an old list hides what was revoked since, and its signature does not age",
        "ask the vendor's own service: a mirror is behind, or somebody replays old answers";
}
