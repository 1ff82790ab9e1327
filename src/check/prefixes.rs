//! The Log Matching property as a table: what stands before each entry that was ever appended.

use std::collections::BTreeMap;

use crate::protocol::NodeId;

/// Whose log gave a prefix its hash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Holder {
    pub(super) hash: u64,
    pub(super) node: NodeId,
}

/// (index, term) to prefix hash. "If two logs contain an entry with the same index and term, then the
/// logs are identical in all entries up through the given index" (Figure 3).
#[derive(Clone, Debug, Default)]
pub(super) struct Prefixes {
    /// By index, for the highest term that any entry there had: nearly always the only one.
    newest: Vec<(u64, Holder)>,
    /// The others, by index and term.
    older: BTreeMap<(u64, u64), Holder>,
}

impl Prefixes {
    /// The prefix of an entry that some log had before.
    #[inline]
    pub(super) fn get(&self, index: u64, term: u64) -> Option<Holder> {
        match self.newest.get(index.checked_sub(1)? as usize) {
            Some((newest, holder)) if *newest == term => Some(*holder),
            Some((newest, _)) if *newest > term => self.older.get(&(index, term)).copied(),
            _ => None,
        }
    }

    /// Notes the prefix of an entry. What was known of it is replaced. Entries come in log order: whoever
    /// appends at an index had an entry before it. A gap, if a log was never shown, stays a gap.
    #[inline]
    pub(super) fn set(&mut self, index: u64, term: u64, holder: Holder) {
        let at = index as usize - 1;
        match self.newest.get_mut(at) {
            None => {
                self.newest.resize(at, (0, Holder { hash: 0, node: holder.node }));
                self.newest.push((term, holder));
            }
            Some((newest, known)) if *newest == term => *known = holder,
            Some((newest, known)) if *newest < term => {
                self.older.insert((index, *newest), *known);
                (*newest, *known) = (term, holder);
            }
            Some(_) => {
                self.older.insert((index, term), holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(hash: u64) -> Holder {
        Holder { hash, node: NodeId(0) }
    }

    #[test]
    fn every_term_of_an_index_is_remembered() {
        let mut prefixes = Prefixes::default();
        for (index, term) in [(1, 1), (2, 1), (2, 4), (2, 3), (1, 2)] {
            assert_eq!(prefixes.get(index, term), None);
            prefixes.set(index, term, holder(10 * index + term));
        }
        for (index, term) in [(1, 1), (2, 1), (2, 4), (2, 3), (1, 2)] {
            assert_eq!(prefixes.get(index, term), Some(holder(10 * index + term)));
        }
        assert_eq!(prefixes.get(2, 2), None);
        assert_eq!(prefixes.get(3, 1), None);
        assert_eq!(prefixes.get(0, 0), None);
    }

    #[test]
    fn a_prefix_can_be_replaced() {
        let mut prefixes = Prefixes::default();
        prefixes.set(1, 1, holder(1));
        prefixes.set(1, 2, holder(2));
        prefixes.set(1, 1, holder(3));
        assert_eq!(prefixes.get(1, 1), Some(holder(3)));
    }
}
