//! A script: commands, and the transcript of their effects.

use std::path::Path;

use super::director::{Director, Without};

/// A script without its transcript.
pub struct Script<'a> {
    name: String,
    lines: Vec<&'a str>,
    withouts: Vec<Without<'a>>,
}

/// One line of a script as it was played.
#[derive(PartialEq)]
struct Scene<'a> {
    line: &'a str,
    told: Vec<String>,
}

/// Where two runs of a script diverge.
pub struct Parting<'a> {
    at: &'a str,
    /// The lines with the rule that are missing without it.
    with: Vec<String>,
    /// The lines without the rule that are missing with it.
    without: Vec<String>,
    /// The properties that are violated afterwards.
    pub broken: Vec<String>,
}

/// The prefixes of lines about violated properties and failed commands.
const BROKEN: &str = "BROKEN ";
const FAILED: &str = "FAILED ";
/// The maximum number of lines of each side, and of violated properties, that are shown where two
/// runs diverge.
const ENOUGH: usize = 2;

impl<'a> Script<'a> {
    /// Extracts the commands and comments of a transcript.
    pub fn parse(path: &Path, text: &'a str) -> Self {
        let own = |line: &&str| !line.starts_with("  ") && !line.starts_with("#>");
        let lines: Vec<&str> = text.lines().filter(own).collect();
        let withouts = lines.iter().filter_map(|line| {
            let rule = line.strip_prefix("# rule: ").map(Without::Rule);
            rule.or_else(|| line.strip_prefix("# switch: ").map(Without::Switch))
        });
        let withouts = withouts.collect();
        Self { name: path.display().to_string(), lines, withouts }
    }

    /// The rule or switch whose necessity the script shows.
    pub fn withouts(&self) -> &[Without<'a>] {
        &self.withouts
    }

    /// Lines that must not occur with all rules in force.
    pub fn faults(&self) -> Vec<String> {
        let fault = |told: &&String| told.starts_with(BROKEN) || told.starts_with(FAILED);
        let of_scene = |Scene { line, told }: Scene<'a>| {
            let told = told.iter().filter(fault);
            told.map(|fault| format!("{}: {line}: {fault}", self.name)).collect::<Vec<_>>()
        };
        self.scenes(None).into_iter().flat_map(of_scene).collect()
    }

    /// The whole transcript.
    pub fn play(&self) -> String {
        let mut text = String::new();
        for Scene { line, told } in self.scenes(None) {
            text.extend([line, "\n"]);
            told.iter().for_each(|told| text.extend(["  ", told, "\n"]));
        }
        let mut text = format!("{}\n", text.trim_end());
        for without in &self.withouts {
            text.push_str(&self.foot(*without));
        }
        text
    }

    fn foot(&self, without: Without<'a>) -> String {
        let title = match without {
            Without::Rule(bug) => format!("with the bug {bug}"),
            Without::Switch(switch) => format!("with {switch}"),
        };
        let Some(Parting { at, with, without, broken }) = self.parting(without) else {
            return format!("#> {title}: the same\n");
        };
        let mut foot = format!("#> {title}, at \"{at}\":\n");
        let sides = [("-", with), ("+", without), ("!", broken)];
        for (mark, told) in sides {
            for told in told.iter().take(ENOUGH) {
                foot.extend(["#>   ", mark, " ", told, "\n"]);
            }
        }
        foot
    }

    /// Where a run without the rule diverges; `None` if it does not.
    pub fn parting(&self, without: Without<'a>) -> Option<Parting<'a>> {
        let (with, without) = (self.scenes(None), self.scenes(Some(without)));
        let at = with.iter().zip(&without).position(|(a, b)| a != b)?;
        let only = |a: &Scene<'_>, b: &Scene<'_>| {
            let told = a.told.iter().filter(|line| !b.told.contains(line));
            told.cloned().collect::<Vec<_>>()
        };
        let broken = without.iter().flat_map(|scene| &scene.told);
        let broken = broken.filter_map(|told| told.strip_prefix(BROKEN));
        let mut gained = only(&without[at], &with[at]);
        gained.retain(|told| !told.starts_with(BROKEN));
        Some(Parting {
            at: with[at].line,
            with: only(&with[at], &without[at]),
            without: gained,
            broken: broken.map(String::from).collect(),
        })
    }

    fn scenes(&self, without: Option<Without<'a>>) -> Vec<Scene<'a>> {
        let mut director = Director::new(without);
        let mut play = |&line: &&'a str| {
            let comment = line.starts_with('#') || line.trim().is_empty();
            let told = if comment { Ok(Vec::new()) } else { director.obey(line) };
            Scene { line, told: told.unwrap_or_else(|fault| vec![format!("{FAILED}{fault}")]) }
        };
        self.lines.iter().map(&mut play).collect()
    }
}
