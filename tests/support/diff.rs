//! Differences between texts, line by line.

/// The lines of both texts in order, those of only one marked `-` or `+`, with three lines around
/// them.
pub fn unified(old: &str, new: &str) -> String {
    const AROUND: usize = 3;
    let lines = edits(&old.lines().collect::<Vec<_>>(), &new.lines().collect::<Vec<_>>());
    let near = |at: usize| {
        let window = at.saturating_sub(AROUND)..lines.len().min(at + AROUND + 1);
        lines[window].iter().any(|(mark, _)| *mark != " ")
    };
    let mut text = String::new();
    for (at, (mark, line)) in lines.iter().enumerate() {
        if near(at) {
            text.extend([mark, " ", line, "\n"]);
        } else if !text.ends_with("...\n") {
            text.push_str("...\n");
        }
    }
    text
}

/// The shortest way from one text to the other, by their longest common subsequence.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(&'static str, &'a str)> {
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut way) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            way.push((" ", old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            way.push(("-", old[i]));
            i += 1;
        } else {
            way.push(("+", new[j]));
            j += 1;
        }
    }
    way
}

#[test]
fn a_difference_shows_what_changed_and_where() {
    let old = "a\nb\nc\nd\ne\nf\ng\nh";
    let new = "a\nb\nc\nd\nE\nf\ng\nh\ni";
    let expected = "...\n  b\n  c\n  d\n- e\n+ E\n  f\n  g\n  h\n+ i\n";
    assert_eq!(unified(old, new), expected);
}
