//! The reasons why an operation fails, its outcome is unknown, or a node halts; and what liars do.

macro_rules! reasons {
    ($(#[doc = $doc:literal])* $all:ident:
        $($(#[doc = $meaning:literal])* $name:ident $text:literal;)*) => {
        $($(#[doc = $meaning])* pub const $name: &str = $text;)*

        $(#[doc = $doc])*
        pub const $all: &[(&str, &str)] = &[$(($text, concat!($($meaning),*))),*];
    };
}

reasons! {
    /// The reasons why an operation fails or its outcome is unknown, with their meanings.
    REASONS:
    /// The node that received the request is not the leader. The operation fails: nothing was done.
    NOT_LEADER "not the leader";
    /// The client found no leader to ask. The operation fails: nothing was sent.
    NO_LEADER "no leader can be reached";
    /// The node to ask is down, or the client is cut off from it. The operation fails.
    UNREACHABLE "the node cannot be reached";
    /// A read by lease was requested, and `lease_drift` is not set. The operation fails.
    NO_LEASE "reads by lease are not configured";
    /// A leader changes the configuration only once it has committed an entry of its own term. The
    /// operation fails.
    NOTHING_COMMITTED "the leader has committed nothing in its term";
    /// Another change of the configuration is under way. The operation fails.
    CHANGE_PENDING "another change is under way";
    /// The configuration is joint, and has to be left before the next change. The operation fails.
    JOINT "the configuration is joint";
    /// Only a joint configuration can be left. The operation fails.
    NOT_JOINT "the configuration is not joint";
    /// One step changes at most one voter. The operation fails.
    TWO_VOTERS "one step changes one voter";
    /// The change would leave no voter. The operation fails.
    LAST_VOTER "no voter would remain";
    /// The node to add is a member already; `demote` makes a voter a learner. The operation fails.
    MEMBER "the node is a member already";
    /// The node to remove is not a member. The operation fails.
    NO_MEMBER "the node is not a member";
    /// The node to promote is not a learner. The operation fails.
    NO_LEARNER "the node is not a learner";
    /// The learner was still behind after ten rounds, or answered nothing for an election timeout
    /// (diss. §4.2.1). The operation fails.
    TOO_SLOW "the learner did not catch up";
    /// Only a voter can lead, or be demoted. The operation fails.
    NO_VOTER "the node is not a voter";
    /// The protocol does not have such requests. The operation fails.
    NOT_KNOWN "not known to the protocol";
    /// The leader is handing over its leadership, and accepts nothing meanwhile. The operation
    /// fails.
    TRANSFERRING "the leader is handing over";
    /// The transfer took longer than an election timeout (diss. §3.10). The other node may still
    /// take over.
    TRANSFER_ABORTED "the transfer took too long";
    /// The leader stepped down before the entry was committed: a later leader may still commit it.
    /// A read fails; the outcome of a write is unknown.
    STEPPED_DOWN "the leader stepped down";
    /// The node crashed before it answered. The outcome is unknown.
    WENT_DOWN "the node went down";
    /// A client of a closed loop waited until its timeout. The outcome is unknown.
    TIMED_OUT "timed out";
    /// `Cluster.give_up` ended the wait. The outcome is unknown.
    GAVE_UP "the client stopped waiting";
}

reasons! {
    /// The reasons why a node halts, with their meanings.
    HALTS:
    /// With `commit_guard`, a node halts rather than truncate an entry that it knows to be
    /// committed.
    CONFLICT "the leader's entries conflict with committed ones";
    /// A node of TiKV's Raft lost entries that it had acknowledged, and the leader says that they
    /// are committed.
    LOST_LOG "its log lacks entries that are committed";
    /// A node of TiKV's Raft found itself in a state that it does not allow.
    PANICKED "the crate panicked";
    /// With the fault FailingDisk, an fsync failed, and the process aborted.
    DISK_FAILED "an fsync failed";
    /// With the fault FullDisk, a write found no room, and the process aborted.
    DISK_FULL "its disk was full";
}

reasons! {
    /// What a node can be ordered to do that no honest node does, with its meaning.
    DEEDS:
    /// The fault ForgetVote: the node may vote again in its term.
    FORGOT_VOTE "forgot its vote";
    /// The fault Usurp: it leads the next term by its own decision.
    USURPED "took the lead without an election";
}
