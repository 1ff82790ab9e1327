//! Why an operation fails, or its fate is unknown; and why a node halts: texts for people, each written once.

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])* $name:ident $text:literal;)*) => {
        $($(#[doc = $meaning])* pub const $name: &str = $text;)*

        /// All of them with their meanings, for documentation.
        pub const REASONS: &[(&str, &str)] = &[$(($text, concat!($($meaning),*))),*];
    };
}

reasons! {
    /// The node that was asked does not lead. The operation fails: nothing was done.
    NOT_LEADER "not the leader";
    /// The client found no leader to ask. The operation fails: nothing was sent.
    NO_LEADER "no leader can be reached";
    /// The node that was to be asked is down, or the client is cut off from it. The operation fails.
    UNREACHABLE "the node cannot be reached";
    /// A read was to be served by lease, and `lease_drift` is not set. The operation fails.
    NO_LEASE "reads by lease are not configured";
    /// The leader lost its lead before the entry committed: a later leader may still commit it. A read fails;
    /// a write is unknown.
    STEPPED_DOWN "the leader stepped down";
    /// The node that was asked crashed before it answered. The operation is unknown.
    WENT_DOWN "the node went down";
    /// A client of a closed loop waited as long as its timeout. The operation is unknown.
    TIMED_OUT "timed out";
    /// `Cluster.give_up` ended the wait. The operation is unknown.
    GAVE_UP "the client stopped waiting";
    /// With `commit_guard`, a node halts rather than truncate an entry that it knows to be committed. It is the
    /// `detail` of the event `halted`.
    CONFLICT "the leader's entries conflict with committed ones";
}
