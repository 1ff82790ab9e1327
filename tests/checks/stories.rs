//! What counts as a violation (wipes, crashes, initial states, late winners, stale reads), and the
//! stories.

use raftlab::check::{Names, Numbers, Options, PROPERTIES, What};
use raftlab::protocol::{NodeId, ReadPath, Span};
use raftlab::raft::{Config, Node, Rule, Rules};
use raftlab::replica::{Key, Session, Value};
use raftlab::sim::{DiskSpec, Matching, Overlay};

use super::lab::{
    A, ACK, APPEND, B, C, D, E, Lab, REQUEST_VOTE, VOTE, by_hand, log, milliseconds, names, nodes,
};

/// Q3: an entry is on A and B, B is wiped, A goes away: C is elected without it.
#[test]
fn a_wiped_follower_costs_an_acknowledged_write() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.campaign(A);
    lab.run(30);
    lab.split(&[&[A, B], &[C]]);
    lab.put(A, 7);
    lab.run(30);
    lab.split(&[&[A], &[B, C]]);
    lab.wipe(B);
    assert_eq!(lab.checks().violations(), [], "a wipe is a fault, not a violation");
    lab.campaign(C);
    lab.run(30);
    let rules = ["leader_completeness", "acknowledged_write_lost", "state_machine_safety"];
    assert_eq!(lab.violated(), rules);
    let first = &lab.checks().violations()[0];
    assert_eq!(
        first.message,
        "node 2 leads term 2 without entry 2@1 (k0 = 7), which node 0 had committed in term 1"
    );
    let told: Vec<String> =
        first.events.iter().map(|m| format!("{} {m}", m.time.as_ms())).collect();
    assert_eq!(
        told,
        [
            "0 node 0 became candidate of term 1",
            "0 node 0 voted for node 0 in term 1",
            "1 node 2 became follower of term 1",
            "1 node 2 voted for node 0 in term 1",
            "2 node 0 became leader of term 1",
            "33 a cut began between node 2 and node 0, node 1",
            "35 node 0 was the first to commit entry 2@1",
            "63 a cut ended between node 2 and node 0, node 1",
            "63 a cut began between node 2 and node 0",
            "63 node 2 became candidate of term 2",
            "63 node 2 voted for node 2 in term 2",
            "65 node 2 became leader of term 2",
        ]
    );
}

/// A story names the faults on links of the nodes involved, and the changes of their clocks, but no
/// others.
#[test]
fn stories_name_the_faults_that_touch_their_nodes() {
    let one_way = |from, to| Matching { both_ways: false, ..matching(from, to) };
    let mut lab = Lab::new(4, by_hand(Rules::ALL.without(Rule::QuorumSize)));
    lab.world.add_overlay(900, Overlay::Loss(one_way(B, D), 0.5));
    lab.world.jump_clock(B, Span::from_ms(7), false);
    lab.world.add_overlay(901, Overlay::Delay(one_way(A, B), milliseconds(0.0)));
    lab.world.jump_clock(A, Span::from_ms(10), true);
    lab.world.set_clock_rate(D, 1.5);
    lab.split(&[&[A, B], &[C, D]]);
    lab.campaign(A);
    lab.run(30);
    lab.world.remove_overlay(901);
    lab.campaign(D);
    lab.run(30);
    let first = &lab.checks().violations()[0];
    assert_eq!((first.property, &first.nodes[..]), ("election_safety", &[D, A][..]));
    let told: Vec<String> = first.events.iter().map(ToString::to_string).collect();
    let faults = told.iter().filter(|told| told.starts_with('a') || told.starts_with("the clock"));
    assert_eq!(
        faults.collect::<Vec<_>>(),
        [
            "a loss of messages with probability 0.5 began from node 1 to node 3",
            "a delay began from node 0 to node 1",
            "the clock of node 0 was set back by 10 ms",
            "the clock of node 3 ran at rate 1.5 from then on",
            "a cut began between node 3 and node 0, node 1",
            "a delay ended from node 0 to node 1",
        ]
    );
    let at = |text: &str| told.iter().position(|told| told == text);
    assert!(at("a delay ended from node 0 to node 1") > at("node 0 became leader of term 1"));
}

/// Of many faults a story names all active ones and the last of the ended ones.
#[test]
fn stories_name_the_last_of_many_faults() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL.without(Rule::QuorumSize)));
    lab.world.add_overlay(1, Overlay::Cut(matching(A, C)));
    for strike in 2..100 {
        lab.world.add_overlay(strike, Overlay::Loss(matching(B, C), 0.1));
        lab.world.remove_overlay(strike);
    }
    for id in [A, C] {
        lab.campaign(id);
        lab.run(5);
    }
    let first = lab.checks().first().expect("two lead term 1");
    assert_eq!(first.nodes, [C, A]);
    let faults = first.events.iter().filter(|moment| matches!(moment.what, What::Links { .. }));
    let faults: Vec<String> = faults.map(ToString::to_string).collect();
    assert_eq!(faults.len(), 1 + 12);
    assert_eq!(faults[0], "a cut began between node 2 and node 0");
}

fn matching(from: NodeId, to: NodeId) -> Matching {
    let set = |id| [id].into_iter().collect();
    Matching { from: set(from), to: set(to), both_ways: true, kinds: None }
}

/// Q3: a wiped node may vote again in a term, which leads to two leaders.
#[test]
fn a_wiped_vote_makes_two_leaders() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.hold(A, C, REQUEST_VOTE | APPEND);
    lab.hold(C, A, REQUEST_VOTE | APPEND);
    lab.hold(C, B, REQUEST_VOTE);
    lab.campaign(C);
    lab.campaign(A);
    lab.hold(A, B, APPEND);
    lab.wipe(B);
    lab.deliver_first(C, B);
    lab.run(5);
    assert_eq!(lab.violated(), ["vote_once", "election_safety"]);
    let story: Vec<_> =
        lab.checks().violations()[1].events.iter().map(ToString::to_string).collect();
    let voter: Vec<_> = story.iter().filter_map(|moment| moment.strip_prefix("node 1 ")).collect();
    let votes = ["voted for node 0 in term 1", "voted for node 2 in term 1"];
    assert_eq!(voter, [votes[0], "crashed", "wiped", "restarted", votes[1]], "{story:?}");
}

/// A follower may commit an entry that its own disk does not have yet: a majority of other nodes
/// has it. A crash then loses an entry that the follower never acknowledged, which is not a
/// violation.
#[test]
fn a_crash_may_take_what_was_committed_elsewhere() {
    let slow = DiskSpec { fsync: milliseconds(4.0), ..DiskSpec::default() };
    let mut lab = Lab::of(nodes(3, by_hand(Rules::ALL)), slow, Options::default());
    lab.campaign(A);
    lab.run(50);
    assert!(lab.leads(A));
    lab.hold(A, C, APPEND);
    lab.put(A, 1);
    lab.run(20); // A and B have it on disk, and heartbeats say so
    let before = lab.commit(C);
    lab.deliver_all(A, C);
    assert_eq!(lab.commit(C), before + 1);
    lab.crash(C);
    assert_eq!(lab.world.node(C).log().last_index(), before);
    lab.stop_holding(A, C);
    lab.restart(C);
    lab.run(50);
    assert_eq!(lab.checks().violations(), []);
    let evaluated = |rule| lab.checks().coverage().iter().any(|(name, n)| *name == rule && *n > 0);
    assert!(evaluated("durable_promise") && evaluated("term_monotonic"));
}

/// D leads term 2 and commits. Then the votes of term 1 reach A: it leads its old term without that
/// entry, which is not a violation, since it cannot commit anything.
#[test]
fn a_late_winner_of_an_old_term_may_lack_new_entries() {
    let mut lab = Lab::new(5, by_hand(Rules::ALL));
    for to in [D, E] {
        lab.hold(A, to, REQUEST_VOTE);
        lab.hold(to, A, REQUEST_VOTE | APPEND);
    }
    for voter in [B, C] {
        lab.hold(voter, A, VOTE);
    }
    lab.campaign(A);
    lab.campaign(D);
    lab.campaign(D);
    assert!(lab.leads(D));
    lab.put(D, 1);
    lab.run(30);
    assert_eq!(lab.commit(D), 2);
    lab.deliver_first(B, A);
    lab.deliver_first(C, A);
    assert!(lab.leads(A) && lab.world.node(A).term() == 1);
    lab.run(30);
    assert_eq!(lab.checks().violations(), []);
}

/// A, deposed without knowing it, commits an entry that the new leader must have. B has it.
#[test]
fn a_deposed_leader_may_commit_what_the_new_one_has() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.campaign(A);
    lab.run(30);
    lab.hold(B, A, ACK | REQUEST_VOTE | APPEND);
    lab.split(&[&[A, B], &[C]]);
    lab.put(A, 1);
    lab.run(5);
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(B);
    assert!(lab.leads(A) && lab.leads(B) && lab.commit(A) == 1);
    for id in lab.held(B, A) {
        lab.world.deliver(id);
        if lab.commit(A) == 2 {
            break;
        }
    }
    assert_eq!((lab.commit(A), lab.world.node(A).term()), (2, 1));
    assert_eq!(lab.checks().violations(), []);
}

/// A's election timer expires while A is paused, after the vote that makes it leader arrived: when
/// A resumes the expiry is void. Found by the honest campaign, seed 5272: A became a candidate
/// while its heartbeats continued, and overwrote commits of the next leader.
#[test]
fn a_timer_that_ran_out_in_a_pause_may_be_void() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.hold(B, A, VOTE);
    lab.hold(C, A, VOTE);
    lab.campaign(A);
    lab.world.pause(A);
    lab.deliver_first(B, A);
    lab.world.jump_clock(A, Span::from_ms(8_000_000), false);
    lab.run(1);
    lab.split(&[&[A], &[B, C]]);
    lab.world.resume(A);
    assert!(lab.leads(A));
    lab.campaign(B);
    lab.put(B, 1);
    lab.run(30);
    lab.heal();
    lab.run(60);
    assert_eq!(lab.checks().violations(), []);
}

/// With half of the nodes as quorum the new leader lacks an entry that the old one then commits.
#[test]
fn a_deposed_leader_may_not_commit_what_the_new_one_lacks() {
    let rules = Rules::ALL.without(Rule::QuorumSize);
    let mut lab = Lab::new(4, by_hand(rules));
    lab.split(&[&[A, B], &[C, D]]);
    lab.campaign(A);
    lab.run(30);
    lab.campaign(D);
    lab.run(30);
    lab.hold(D, C, ACK);
    lab.campaign(C);
    assert_eq!(lab.violated(), ["election_safety"]); // A and D in term 1
    lab.put(A, 9);
    lab.run(5);
    let lacks = lab.checks().violations().iter().find(|v| v.property == "leader_completeness");
    assert!(lacks.is_some_and(|v| v.nodes == [C, A] && v.terms[0] == 2), "{:?}", lab.violated());
}

/// Local reads may be stale; an option decides whether that is a violation.
#[test]
fn stale_local_reads_are_counted_or_reported() {
    for allow_stale_local in [true, false] {
        let options = Options { allow_stale_local };
        let nodes = nodes(3, by_hand(Rules::ALL));
        let mut lab = Lab::of(nodes, DiskSpec::default(), options);
        lab.campaign(A);
        lab.run(30);
        lab.split(&[&[A, B], &[C]]);
        lab.put(A, 1);
        lab.run(30);
        lab.read(C, ReadPath::Local);
        lab.read(A, ReadPath::ReadIndex);
        lab.run(30);
        assert_eq!(lab.checks().stale_local_reads(), 1);
        let expected: &[&str] = if allow_stale_local { &[] } else { &["linearizable_reads"] };
        assert_eq!(lab.violated(), expected);
    }
}

/// Initial states: the entries that nodes know to be committed are committed, and the leader was
/// elected.
#[test]
fn presets_count() {
    let config = Config { noop: false, ..by_hand(Rules::ALL.without(Rule::UpToDateCheck)) };
    let mut lab = Lab::of(preset(config), DiskSpec::default(), Options::default());
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(C);
    let first = lab.checks().first().map(|violation| violation.message.clone());
    let expected =
        "node 2 leads term 4 without entry 2@3 (k0 = 2), which node 0 had committed in term 3";
    assert_eq!(first.as_deref(), Some(expected));

    // With the rule B is elected instead of C, and the run continues from the initial logs.
    let mut lab = Lab::of(preset(by_hand(Rules::ALL)), DiskSpec::default(), Options::default());
    lab.put(A, 5);
    lab.run(30);
    lab.crash(A);
    lab.campaign(C);
    lab.campaign(B);
    lab.restart(A);
    lab.run(30);
    assert!(lab.commit(C) > 3);
    assert_eq!(lab.checks().violations(), []);
}

/// Three nodes in term 3, A leads; entries 1@1, 2@3 and 3@3, the first two committed, C has one.
fn preset(config: Config) -> Vec<Node> {
    let mut nodes = nodes(3, config);
    nodes[0].preset(3, Some(A), log(&[1, 3, 3]), 2);
    nodes[0].preset_leader();
    nodes[1].preset(3, Some(A), log(&[1, 3, 3]), 1);
    nodes[2].preset(3, Some(A), log(&[1]), 1);
    nodes
}

/// A retry under a session takes effect once, on every node and after every restart.
#[test]
fn a_session_survives_restarts() {
    let mut lab = Lab::new(3, by_hand(Rules::ALL));
    lab.campaign(A);
    let op = lab.write(A, Session { client: 3, seq: 8, low: 8 }, 1);
    lab.run(30);
    lab.crash(B);
    lab.restart(B);
    lab.world.request_again(op, Some(A), None);
    lab.run(30);
    assert_eq!(lab.commit(B), 3);
    assert_eq!(lab.checks().violations(), []);
    let sessions = lab.checks().coverage().into_iter().find(|(name, _)| *name == "session_once");
    assert!(sessions.is_some_and(|(_, n)| n >= 3));
}

/// The same sentences with the user's names.
#[test]
fn violations_are_told_with_names() {
    struct Letters;
    impl Names for Letters {
        fn node(&self, id: NodeId) -> String {
            char::from(b'A' + id.0).into()
        }
        fn key(&self, _key: Key) -> String {
            "x".into()
        }
        fn value(&self, value: Value) -> String {
            Numbers.value(value)
        }
    }
    let config = Config { noop: false, ..by_hand(Rules::ALL.without(Rule::UpToDateCheck)) };
    let mut lab = Lab::of(preset(config), DiskSpec::default(), Options::default());
    lab.split(&[&[A], &[B, C]]);
    lab.campaign(C);
    let told = lab.checks().first().map(|violation| violation.tell(&Letters));
    let expected = "C leads term 4 without entry 2@3 (x = 2), which A had committed in term 3";
    assert_eq!(told.as_deref(), Some(expected));
}

/// The table has a complete row for each property.
#[test]
fn every_rule_is_described_once() {
    for rule in PROPERTIES {
        assert!(!rule.meaning.is_empty() && !rule.source.is_empty());
        assert_eq!(PROPERTIES.iter().filter(|other| other.name == rule.name).count(), 1);
    }
    let lab = Lab::new(3, by_hand(Rules::ALL));
    let covered: Vec<_> = lab.checks().coverage().into_iter().map(|(name, _)| name).collect();
    assert_eq!(covered, PROPERTIES.iter().map(|rule| rule.name).collect::<Vec<_>>());
    assert_eq!(names(lab.checks().violations()), Vec::<&str>::new());
    for rule in Rule::ALL {
        assert!(covered.contains(&rule.breaks()), "{} breaks an unknown property", rule.bug());
    }
}
