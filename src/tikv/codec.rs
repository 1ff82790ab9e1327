//! Our nodes and commands in the crate's terms: ids that count from 1, and the bytes of entries.

use tikv_raft::INVALID_ID;

use crate::protocol::NodeId;
use crate::replica::{Command, Key, Members, Op, Session, Value};

/// The crate's id of a node. It keeps 0 for nobody.
pub fn id_of(node: NodeId) -> u64 {
    u64::from(node.0) + 1
}

/// The node with an id of the crate.
pub fn node_of(id: u64) -> Option<NodeId> {
    (id != INVALID_ID).then(|| NodeId::from(id as usize - 1))
}

/// The length of an encoded command: the operation, its key and two values, and the session.
const LENGTH: usize = 1 + 6 * 4;

/// The bytes of a command. An empty one without a session has none, as the entry with which the
/// crate's leaders begin a term.
pub fn encode(command: &Command) -> Vec<u8> {
    if *command == Command::default() {
        return Vec::new();
    }
    let (tag, key, value, expected) = match command.op {
        Op::Noop => (0, 0, 0, 0),
        Op::Put { key, value } => (1, key.0, value.0, 0),
        Op::Get { key } => (2, key.0, 0, 0),
        Op::Cas { key, expected, value } => (3, key.0, value.0, expected.0),
        Op::Append { key, value } => (4, key.0, value.0, 0),
        Op::Config(members) => {
            let [voters, outgoing, learners] = members.words();
            (5, voters, learners, outgoing)
        }
    };
    let Session { client, seq, low } = command.session;
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.push(tag);
    [key, value, expected, client, seq, low]
        .iter()
        .for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes
}

/// The command with these bytes; the empty one for bytes that [`encode`] does not make.
pub fn decode(bytes: &[u8]) -> Command {
    let Some((tag, numbers)) = bytes.split_first() else { return Command::default() };
    if bytes.len() != LENGTH {
        return Command::default();
    }
    let number = |at: usize| {
        numbers[4 * at..][..4].iter().rev().fold(0, |folded, byte| folded << 8 | u32::from(*byte))
    };
    let (key, value, expected) = (Key(number(0)), Value(number(1)), Value(number(2)));
    let op = match tag {
        1 => Op::Put { key, value },
        2 => Op::Get { key },
        3 => Op::Cas { key, expected, value },
        4 => Op::Append { key, value },
        5 => Op::Config(Members::from_words([number(0), number(2), number(1)])),
        _ => Op::Noop,
    };
    Command { op, session: Session { client: number(3), seq: number(4), low: number(5) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_it_was_written() {
        let (key, value, expected) = (Key(70_000), Value::text(9), Value::int(u32::MAX));
        let ops = [
            Op::Noop,
            Op::Put { key, value },
            Op::Get { key },
            Op::Cas { key, expected, value },
            Op::Append { key, value },
            Op::Config(Members::from_words([7, 3, 8])),
        ];
        for op in ops {
            for session in [Session::default(), Session { client: 3, seq: 1 << 20, low: 7 }] {
                let command = Command { op, session };
                assert_eq!(decode(&encode(&command)), command);
            }
        }
        assert!(encode(&Command::default()).is_empty(), "as the crate's own entries");
        assert_eq!(decode(b"what is this?"), Command::default());
    }

    #[test]
    fn ids_count_from_one() {
        assert_eq!(node_of(id_of(NodeId(4))), Some(NodeId(4)));
        assert_eq!((id_of(NodeId(0)), node_of(0)), (1, None));
    }
}
