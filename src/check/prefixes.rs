//! The table for Log Matching: the prefix hash of every entry that was ever appended.

use std::collections::BTreeMap;

use crate::protocol::NodeId;

/// A node that has an entry, with the prefix hash of its log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Holder {
    /// Hash of the log up to the entry.
    pub(super) hash: u64,
    /// Fingerprint of the entry's command.
    pub(super) print: u32,
    pub(super) node: NodeId,
    /// Whether the node was honest when it appended the entry.
    pub(super) honest: bool,
}

/// Maps (index, term) to the histories that end there, nearly always one. "If two logs contain an
/// entry with the same index and term, then the logs are identical in all entries up through the
/// given index" (Figure 3).
///
/// Each history is kept with its first holder, or its first honest holder once there is one, so
/// that any two honest holders with different histories are found.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefixes {
    /// By index, for the highest term that any entry there had: nearly always the only one.
    newest: Vec<(u64, Holder)>,
    /// The others, by index and term.
    older: BTreeMap<(u64, u64), Holder>,
    /// Further histories of one index and term. Invariant: none of them is honest unless the first
    /// one is.
    rivals: BTreeMap<(u64, u64), Vec<Holder>>,
}

impl Prefixes {
    /// The first history of an entry; an honest one if there is any.
    #[inline]
    pub(super) fn first(&self, index: u64, term: u64) -> Option<&Holder> {
        match self.newest.get(index.wrapping_sub(1) as usize) {
            Some((newest, holder)) if *newest == term => Some(holder),
            Some((newest, _)) if *newest > term => self.older.get(&(index, term)),
            _ => None,
        }
    }

    fn all(&self, index: u64, term: u64) -> impl Iterator<Item = Holder> {
        let rivals = self.rivals.get(&(index, term)).into_iter().flatten();
        self.first(index, term).into_iter().chain(rivals).copied()
    }

    /// Fingerprint of the command at the end of this history, if it ends with an entry of this
    /// term.
    pub(super) fn print(&self, index: u64, term: u64, hash: u64) -> Option<u32> {
        self.all(index, term).find(|holder| holder.hash == hash).map(|holder| holder.print)
    }

    /// The term and the fingerprint of the command at the end of this history.
    pub(super) fn entry(&self, index: u64, hash: u64) -> Option<(u64, u32)> {
        if hash == 0 {
            return None; // no log had an entry here
        }
        let (newest, _) = self.newest.get(index.checked_sub(1)? as usize)?;
        let older = self.older.range((index, 0)..=(index, u64::MAX)).map(|((_, term), _)| *term);
        let mut terms = older.chain([*newest]);
        terms.find_map(|term| Some((term, self.print(index, term, hash)?)))
    }

    /// Whether an entry has another history; with `honest`, another one of an honest node.
    pub(super) fn has_rival(&self, index: u64, term: u64, hash: u64, honest: bool) -> bool {
        self.all(index, term).any(|other| other.hash != hash && (other.honest || !honest))
    }

    /// Records the holder of an entry. Returns the holder that it contradicts, if this is new: an
    /// honest one rather than a liar, and only an honest one if the history was known only from
    /// liars. Entries are appended in log order; indices of logs that were never observed remain
    /// gaps.
    #[inline]
    pub(super) fn note(&mut self, index: u64, term: u64, holder: Holder) -> Option<Holder> {
        match self.first(index, term) {
            None => {
                self.insert(index, term, holder);
                None
            }
            Some(first) if first.hash == holder.hash && (first.honest || !holder.honest) => None,
            Some(first) => self.note_another(index, term, *first, holder),
        }
    }

    #[cold]
    fn note_another(
        &mut self,
        index: u64,
        term: u64,
        first: Holder,
        holder: Holder,
    ) -> Option<Holder> {
        let place = (index, term);
        let same = self.all(index, term).find(|other| other.hash == holder.hash);
        if same.is_some_and(|same| same.honest || !holder.honest) {
            return None;
        }
        let mut others: Vec<_> =
            self.all(index, term).filter(|other| other.hash != holder.hash).collect();
        let contradicts = others.iter().find(|other| other.honest).copied();
        let contradicts = contradicts.or(others.first().copied().filter(|_| same.is_none()));
        others.push(holder);
        others.sort_by_key(|other| !other.honest);
        if others[0] != first {
            self.replace_first(index, term, others[0]);
        }
        if others.len() > 1 {
            debug_assert!(
                others[0].honest || others.iter().all(|other| !other.honest),
                "an honest history comes first"
            );
            self.rivals.insert(place, others.split_off(1));
        }
        contradicts
    }

    /// The first history of an entry.
    #[inline]
    pub(super) fn insert(&mut self, index: u64, term: u64, holder: Holder) {
        if self.newest.len() as u64 + 1 == index {
            self.newest.push((term, holder));
        } else {
            self.insert_elsewhere(index, term, holder);
        }
    }

    /// Below the end of the table, or beyond it after a gap.
    #[inline(never)] // as rare as elections
    fn insert_elsewhere(&mut self, index: u64, term: u64, holder: Holder) {
        let at = index as usize - 1;
        match self.newest.get_mut(at) {
            None => {
                self.newest.resize(at, (0, Holder { hash: 0, ..holder }));
                self.newest.push((term, holder));
            }
            Some((newest, known)) if *newest < term => {
                self.older.insert((index, *newest), *known);
                (*newest, *known) = (term, holder);
            }
            Some(_) => {
                self.older.insert((index, term), holder);
            }
        }
    }

    fn replace_first(&mut self, index: u64, term: u64, holder: Holder) {
        match self.newest.get_mut(index as usize - 1) {
            Some((newest, known)) if *newest == term => *known = holder,
            _ => {
                self.older.insert((index, term), holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(hash: u64, node: u8, honest: bool) -> Holder {
        Holder { hash, print: hash as u32, node: NodeId(node), honest }
    }

    #[test]
    fn every_term_of_an_index_is_remembered() {
        let mut prefixes = Prefixes::default();
        for (index, term) in [(1, 1), (2, 1), (2, 4), (2, 3), (1, 2)] {
            assert_eq!(prefixes.first(index, term), None);
            assert_eq!(prefixes.note(index, term, holder(10 * index + term, 0, true)), None);
        }
        for (index, term) in [(1, 1), (2, 1), (2, 4), (2, 3), (1, 2)] {
            assert_eq!(prefixes.first(index, term), Some(&holder(10 * index + term, 0, true)));
        }
        assert_eq!(prefixes.first(2, 2), None);
        assert_eq!(prefixes.first(3, 1), None);
        assert_eq!(prefixes.first(0, 0), None);
    }

    /// Every order of arrival of two honest histories and two of liars, some of them the same.
    #[test]
    fn any_two_honest_holders_that_differ_are_found_once_whoever_came_first() {
        let arrivals = [(7, 0, false), (7, 1, true), (8, 2, false), (8, 3, true), (9, 4, false)];
        let mut orders = vec![vec![]];
        for _ in 0..arrivals.len() {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<usize>| {
                    let left = (0..arrivals.len()).filter(|i| !order.contains(i));
                    left.map(|i| [&order[..], &[i]].concat()).collect::<Vec<_>>()
                })
                .collect();
        }
        for order in orders {
            let mut prefixes = Prefixes::default();
            let (mut honest, mut liars) = (0, 0);
            for i in &order {
                let (hash, node, truthful) = arrivals[*i];
                let holder = holder(hash, node, truthful);
                match prefixes.note(3, 2, holder) {
                    Some(other) if truthful && other.honest => {
                        assert_eq!((hash + other.hash, node + other.node.0), (15, 4));
                        honest += 1;
                    }
                    Some(other) => {
                        assert_ne!(other.hash, hash);
                        liars += 1;
                    }
                    None => {}
                }
            }
            assert_eq!(honest, 1, "{order:?}");
            assert!(liars >= 1, "{order:?}");
            assert!(prefixes.first(3, 2).is_some_and(|first| first.honest));
            let known: Vec<_> = [7, 8, 9].map(|hash| prefixes.print(3, 2, hash)).to_vec();
            assert_eq!(known, [Some(7), Some(8), Some(9)]);
            assert!(prefixes.has_rival(3, 2, 7, true) && !prefixes.has_rival(3, 1, 7, false));
        }
    }

    #[test]
    fn a_holder_takes_no_more_room_than_a_hash_and_a_word() {
        assert_eq!(size_of::<Holder>(), 16);
    }
}
