//! Sessions: what is done by hand is recorded and replays, and invalid actions are refused.

use std::sync::Arc;

use raftlab::experiment::watched::By;
use raftlab::experiment::{
    Action, Condition, Drive, OnViolation, Progress, Scenario, Session, Step, Watched, Watching,
};
use raftlab::protocol::Span;
use raftlab::sim::Time;
use raftlab::trace::Level;

const CHECKED: Watching = Watching { trace: Level::Off, checks: true, trace_rows: None };

fn session(json: &str, watching: Watching) -> Session {
    let scenario = Arc::new(Scenario::from_json(json).expect("a scenario"));
    Session::new(&scenario, 1, OnViolation::Record, watching).expect("a session")
}

fn three(watching: Watching) -> Session {
    session(r#"{"raftlab": 2, "nodes": ["A", "B", "C"]}"#, watching)
}

/// Plays a drive to its end, in slices of seven events.
fn play(session: &mut Session, mut drive: Drive) -> Progress {
    loop {
        if let Some(progress) = session.go_on(&mut drive, 7).expect("within the limits") {
            session.end(drive, Some(progress));
            return progress;
        }
    }
}

fn action(json: &str) -> Action {
    serde_json::from_str(json).expect("an action")
}

fn elected() -> Condition {
    Condition::LeaderElected
}

fn digest(session: &Session) -> String {
    if let Watched::Raft(By::Checked(cluster)) = &session.cluster {
        return cluster.world().digest().to_string();
    }
    let Watched::Raft(By::Bare(cluster)) = &session.cluster else {
        unreachable!("these tests trace nothing, and play our Raft")
    };
    cluster.world().digest().to_string()
}

/// A session that replays the script of another, with the same seed.
fn replayed(session: &Session) -> Session {
    let scenario = Arc::new(session.script(true));
    let mut again =
        Session::new(&scenario, session.seed(), OnViolation::Record, CHECKED).expect("a script");
    while again.play(1000, Time::NEVER).expect("within the limits").is_none() {}
    again
}

#[test]
fn what_is_done_is_the_script_and_replays() {
    let mut session = three(CHECKED);
    let run = session.run_until(elected(), Span::from_ms(5000)).unwrap();
    assert_eq!(play(&mut session, run), Progress::Condition);
    session
        .act(action(r#"{"propose": {"command": {"op": "put", "key": "x", "value": "1"}}}"#))
        .unwrap();
    let run = session.step(10, Time::NEVER, false);
    assert_eq!(play(&mut session, run), Progress::Events);
    session.act(action(r#"{"inject": {"fault": {"fault": "crash", "node": "leader"}}}"#)).unwrap();
    for _ in 0..2 {
        let run = session.run(Span::from_ms(250)).unwrap();
        assert_eq!(play(&mut session, run), Progress::Time);
    }
    let steps = session.script(true).steps;
    let kinds: Vec<_> = steps
        .iter()
        .map(|step| match step {
            Step::RunUntil { .. } => "run_until".to_owned(),
            Step::Events { count, python: false } => format!("{count} events"),
            Step::Run(Span(ns)) => format!("run {} ms", ns / 1_000_000),
            Step::Do(_) => "do".to_owned(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["run_until", "do", "10 events", "do", "run 500 ms"]);
    assert_eq!(digest(&replayed(&session)), digest(&session));
}

/// Ctrl-C stops between two slices: the script says how far the run came.
#[test]
fn what_was_interrupted_is_recorded_as_far_as_it_came() {
    let mut session = three(CHECKED);
    let mut run = session.run(Span::from_ms(10_000)).unwrap();
    assert_eq!(session.go_on(&mut run, 50), Ok(None));
    assert_eq!(session.end(run, None), 50);
    assert!(session.now() < Time::ZERO + Span::from_ms(10_000));
    let steps = session.script(true).steps;
    assert!(matches!(steps[..], [Step::Events { count: 50, python: false }, Step::RunTo(_)]));
    assert_eq!(digest(&replayed(&session)), digest(&session));
    let run = session.run(Span::from_ms(100)).unwrap();
    play(&mut session, run);
    assert_eq!(digest(&replayed(&session)), digest(&session));
}

/// The script has what was asked for only if that was reached.
#[test]
fn the_step_that_is_recorded_is_how_far_a_run_came() {
    let mut session = three(CHECKED);
    let never = Condition::TermReached { term: 1000 };
    let run = session.run_until(never, Span::from_ms(300)).unwrap();
    assert_eq!(play(&mut session, run), Progress::Time);
    assert_eq!(session.script(true).steps, [Step::RunTo(Time::ZERO + Span::from_ms(300))]);
    let run = session.step(3, Time::NEVER, true);
    assert_eq!(play(&mut session, run), Progress::Events);
    assert_eq!(session.script(true).steps[1..], [Step::Events { count: 3, python: true }]);
    let before = session.events();
    let run = session.step(1000, session.now() + Span::from_ms(20), true);
    assert_eq!(play(&mut session, run), Progress::Time);
    let count = 3 + session.events() - before;
    let past = [Step::Events { count, python: true }, Step::RunTo(session.now())];
    assert_eq!(session.script(true).steps[1..], past);
    assert_eq!(digest(&replayed(&session)), digest(&session));
}

/// Where a violation stops a run, its replay stops at the same event.
#[test]
fn a_run_that_a_violation_stops_is_recorded_up_to_it() {
    let twice = r#"{"raftlab": 2, "nodes": ["A", "B", "C"], "bugs": ["quorum_off_by_one"],
        "election_timeout": [150, 151]}"#;
    let scenario = Arc::new(Scenario::from_json(twice).expect("a scenario"));
    let mut session = Session::new(&scenario, 3, OnViolation::Stop, CHECKED).expect("a session");
    let run = session.run(Span::from_ms(100_000)).unwrap();
    assert_eq!(play(&mut session, run), Progress::Violation);
    let steps = session.script(true).steps;
    assert_eq!(steps[0], Step::Events { count: session.events(), python: false });
    assert_eq!(digest(&replayed(&session)), digest(&session));
}

#[test]
fn other_draws_are_recorded() {
    let mut session = three(CHECKED);
    let run = session.run(Span::from_ms(100)).unwrap();
    play(&mut session, run);
    let mut fork = session.clone();
    fork.reseed(9);
    for session in [&mut session, &mut fork] {
        let run = session.run(Span::from_ms(900)).unwrap();
        play(session, run);
        assert_eq!(digest(&replayed(session)), digest(session));
    }
    assert_ne!(digest(&fork), digest(&session));
}

#[test]
fn invalid_actions_are_refused_and_leave_nothing() {
    let mut session = three(CHECKED);
    let run = session.run(Span::from_ms(400)).unwrap();
    play(&mut session, run);
    session.act(action(r#"{"inject": {"fault": {"fault": "crash", "node": "A"}}}"#)).unwrap();
    let before = (session.script(true).steps, digest(&session));
    let past = r#"{"inject": {"fault": {"fault": "crash", "node": "B"}, "at": 100}}"#;
    let later = r#"{"at": {"time": 100, "action": {"heal": {}}}}"#;
    let message =
        r#"{"message": {"message": {"from": "A", "to": "B", "ordinal": 900}, "do": "drop"}}"#;
    for (refused, why) in [
        (past, "a time must not be in the past: 100 ms is before now, 400 ms"),
        (later, "a time must not be in the past: 100 ms is before now, 400 ms"),
        (r#"{"heal": {"handle": 7}}"#, "no fault of this cluster has the handle 7"),
        (r#"{"give_up": {"op": 7}}"#, "no operation of this cluster has the id 7"),
        (r#"{"campaign": {"node": "A"}}"#, "A cannot campaign: it is down or paused"),
        (r#"{"campaign": {"node": "Z"}}"#, "unknown node 'Z'"),
        (message, "message 900 from A to B is not in flight"),
    ] {
        let error = session.act(action(refused)).expect_err(refused);
        assert!(error.contains(why), "{refused}: {error}");
    }
    let long = session.run(Span::from_ms(100 * 24 * 3_600_000)).err().expect("too long");
    assert!(long.starts_with("duration: a run lasts at most 100 days"), "{long}");
    let unknown = Condition::Leads { node: "Z".into() };
    assert!(session.run_until(unknown, Span::from_ms(1)).is_err());
    assert_eq!((session.script(true).steps, digest(&session)), before);
}

#[test]
fn a_condition_on_violations_needs_checks() {
    let mut session = three(Watching::NOTHING);
    let violated = || serde_json::from_str(r#"{"condition": "violated"}"#).expect("a condition");
    let why = session.run_until(violated(), Span::from_ms(1)).err().expect("nothing is checked");
    assert!(why.contains("needs checks=True"), "{why}");
    assert!(three(CHECKED).run_until(violated(), Span::from_ms(1)).is_ok());
}
