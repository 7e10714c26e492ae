//! `cargo xtask instructions`: what the hot paths cost, in instructions under valgrind, against a baseline in the tree.
//!
//! `test/cost` does the work without sockets, clocks or random seeds, in a profile of its own; the difference of two
//! counts leaves start-up out, and only what runs in the shard or the media plane counts, not the peer. A path that
//! grew by more than [`ROOM`] per cent fails until its row is moved, with a reason, in the same change.
//!
//! Another compiler makes other code. Counts of another version are given [`ROOM_ELSEWHERE`], so that newcomers are
//! not stopped and a path that doubles still is; on another processor nothing is compared, only shown.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What one run found.
#[derive(Debug)]
pub(crate) struct Report {
    /// For people.
    pub(crate) text: String,
    /// Whether no path grew too much.
    pub(crate) passed: bool,
}

/// Counts every path; with a reason, moves the rows of those that changed.
pub(crate) fn check(root: &Path, reason: Option<&str>) -> Result<Report, String> {
    let file = root.join(BASELINE);
    let stored = fs::read_to_string(&file).map_err(|error| format!("{BASELINE}: {error}"))?;
    let baseline = Baseline::parse(&stored)?;
    let target = target(root)?;
    run(Command::new("cargo")
        .args(["build", "--quiet", "--profile", "cost", "-p", "cost"])
        .current_dir(root))?;
    let mut counts = Vec::new();
    for path in &baseline.rows {
        counts.push(count(&target, path)?);
    }
    let tools = tools()?;
    match reason {
        None => Ok(baseline.compare(&counts, &tools)),
        Some(reason) => {
            let moved = baseline.moved(&counts, &tools, reason)?;
            fs::write(&file, moved.to_string()).map_err(|error| format!("{BASELINE}: {error}"))?;
            Ok(moved.compare(&counts, &tools))
        }
    }
}

/// The baseline as it stands in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Baseline {
    /// The comment that opens the file.
    head: String,
    tools: Tools,
    rows: Vec<Row>,
}

/// What the counts depend on besides our code.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tools {
    compiler: String,
    processor: String,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    work: String,
    few: u64,
    many: u64,
    instructions: u64,
    reason: String,
}

impl Baseline {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut head, mut tools, mut rows) = (String::new(), None, Vec::new());
        for (line, number) in text.lines().zip(1..) {
            let wrong = |what: &str| format!("{BASELINE}:{number}: {what}");
            let number = |text: &str| text.parse::<u64>().map_err(|_| wrong("not a number"));
            let columns: Vec<&str> = line.split('\t').collect();
            match columns.as_slice() {
                [comment] if comment.starts_with('#') || comment.is_empty() => {
                    head.push_str(line);
                    head.push('\n');
                }
                ["made with", compiler, processor] => {
                    tools =
                        Some(Tools { compiler: (*compiler).to_owned(), processor: (*processor).to_owned() });
                }
                [_, _, _, _, reason] if reason.trim().is_empty() => {
                    return Err(wrong("a row without a reason"));
                }
                [work, few, many, instructions, reason] => rows.push(Row {
                    work: (*work).to_owned(),
                    few: number(few)?,
                    many: number(many)?,
                    instructions: number(instructions)?,
                    reason: (*reason).to_owned(),
                }),
                _ => return Err(wrong("not understood")),
            }
        }
        let tools = tools.ok_or_else(|| format!("{BASELINE}: says not what it was made with"))?;
        Ok(Self { head, tools, rows })
    }

    fn compare(&self, counts: &[u64], tools: &Tools) -> Report {
        let comparable = self.tools.processor == tools.processor;
        let room = if self.tools.compiler == tools.compiler { ROOM } else { ROOM_ELSEWHERE };
        let (mut text, mut grew, mut shrank) = (String::new(), Vec::new(), Vec::new());
        let _ = writeln!(text, "{:<16}{:>14}{:>14}{:>10}", "instructions", "baseline", "now", "change");
        for (row, &now) in self.rows.iter().zip(counts) {
            let change = percent(row.instructions, now);
            let _ = writeln!(text, "{:<16}{:>14}{now:>14}{change:>+9.1}%", row.work, row.instructions);
            if change > room && comparable {
                grew.push(row.work.as_str());
            } else if change < -ROOM {
                shrank.push(row.work.as_str());
            }
        }
        if self.tools != *tools {
            let (theirs, ours) = (&self.tools, tools);
            let _ = writeln!(
                text,
                "The baseline was made with {} for {}, this is {} for {}: {}.",
                theirs.compiler,
                theirs.processor,
                ours.compiler,
                ours.processor,
                if comparable {
                    format!("a path may differ by {room} per cent")
                } else {
                    "the counts are not compared".to_owned()
                }
            );
        }
        if !shrank.is_empty() {
            let _ = writeln!(
                text,
                "Cheaper than the baseline: {}. Move it, so that it stays so: {MOVE}",
                shrank.join(", ")
            );
        }
        if !grew.is_empty() {
            let _ = writeln!(
                text,
                "Grew by more than {room} per cent: {}. If it is worth that, move the baseline in the same commit:\n  {MOVE}\n\
                 Where the instructions go: valgrind --tool=callgrind --toggle-collect='{COUNTED}' \
                 target/cost/cost {} 1000, then callgrind_annotate.",
                grew.join(", "),
                grew[0]
            );
        }
        Report { passed: grew.is_empty(), text: text.trim_end().to_owned() }
    }

    /// Rows that changed by more than counting differs get the reason; made with another compiler, all do.
    fn moved(&self, counts: &[u64], tools: &Tools, reason: &str) -> Result<Self, String> {
        if reason.trim().len() < 10 || reason.contains(['\t', '\n']) {
            return Err("UPDATE_BASELINE is the reason, in a few words on one line".to_owned());
        }
        let mut moved = Self { tools: tools.clone(), ..self.clone() };
        for (row, &now) in moved.rows.iter_mut().zip(counts) {
            if percent(row.instructions, now).abs() > NOISE || self.tools != *tools {
                (row.instructions, row.reason) = (now, reason.trim().to_owned());
            }
        }
        Ok(moved)
    }
}

impl std::fmt::Display for Baseline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { head, tools, rows } = self;
        writeln!(f, "{head}made with\t{}\t{}", tools.compiler, tools.processor)?;
        for Row { work, few, many, instructions, reason } in rows {
            writeln!(f, "{work}\t{few}\t{many}\t{instructions}\t{reason}")?;
        }
        Ok(())
    }
}

fn percent(before: u64, now: u64) -> f64 {
    if before == 0 { f64::INFINITY } else { (now as f64 / before as f64 - 1.0) * 100.0 }
}

/// Instructions of one piece of work.
fn count(target: &Path, row: &Row) -> Result<u64, String> {
    let of = |times: u64| -> Result<u64, String> {
        // A short relative path and no environment: both lie on the stack of the program that is counted.
        let said = run(Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .args([
                format!("--toggle-collect={COUNTED}").as_str(),
                "cost/cost",
                &row.work,
                &times.to_string(),
            ])
            .current_dir(target)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default()))?;
        let collected = said.lines().find_map(|line| line.split_once("Collected :"));
        let number = collected.and_then(|(_, number)| number.trim().parse().ok());
        number.ok_or_else(|| format!("valgrind said nothing of {}:\n{said}", row.work))
    };
    let (few, many) = (of(row.few)?, of(row.many)?);
    Ok(many.saturating_sub(few) / row.many.saturating_sub(row.few).max(1))
}

/// The folder of what cargo builds.
fn target(root: &Path) -> Result<PathBuf, String> {
    let said = run(Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root))?;
    let json: serde_json::Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
    Ok(json["target_directory"].as_str().ok_or("cargo metadata names no target_directory")?.into())
}

fn tools() -> Result<Tools, String> {
    let said = run(Command::new("rustc").arg("--version"))?;
    let compiler = said.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Ok(Tools { compiler, processor: env::consts::ARCH.to_owned() })
}

/// What a program says on both of its outputs; an error if it fails.
fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(said) } else { Err(format!("{name} failed:\n{said}")) }
}

const BASELINE: &str = "test/cost/baseline.tsv";
const MOVE: &str = "UPDATE_BASELINE='why' make instructions";

/// The functions of `test/cost` in which instructions count.
const COUNTED: &str = "*counted_work*";

/// Per cent by which a path may grow unasked: below that it is not worth anybody's time.
const ROOM: f64 = 5.0;

/// The same with another version of the compiler, which moves all paths a little and may inline differently.
const ROOM_ELSEWHERE: f64 = 20.0;

/// Per cent by which two builds of the same code may differ.
const NOISE: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str =
        "# head\nmade with\trustc 1.95.0\tx86_64\ncall\t20\t120\t1000\tfirst\npacket\t10\t20\t200\tfirst\n";

    fn tools(compiler: &str, processor: &str) -> Tools {
        Tools { compiler: compiler.to_owned(), processor: processor.to_owned() }
    }

    #[test]
    fn a_path_may_grow_by_five_per_cent_and_by_more_elsewhere() {
        let baseline = Baseline::parse(STORED).expect("parses");
        assert_eq!(baseline.to_string(), STORED);
        let rows = [
            // counts, compiler, processor: passes
            ([1049, 200], "rustc 1.95.0", "x86_64", true),
            ([1051, 200], "rustc 1.95.0", "x86_64", false),
            ([500, 211], "rustc 1.95.0", "x86_64", false),
            ([1190, 200], "rustc 1.96.0", "x86_64", true),
            ([1210, 200], "rustc 1.96.0", "x86_64", false),
            ([9000, 200], "rustc 1.95.0", "aarch64", true),
        ];
        for (counts, compiler, processor, passes) in rows {
            let report = baseline.compare(&counts, &tools(compiler, processor));
            assert_eq!(report.passed, passes, "{counts:?} {compiler} {processor}: {}", report.text);
        }
    }

    #[test]
    fn a_move_takes_a_reason_and_leaves_alone_what_did_not_change() {
        let (baseline, same) = (Baseline::parse(STORED).expect("parses"), tools("rustc 1.95.0", "x86_64"));
        assert!(baseline.moved(&[1100, 200], &same, " ").is_err());
        let moved = baseline.moved(&[1100, 200], &same, "limits of sources").expect("moves");
        let reasons: Vec<_> = moved.rows.iter().map(|row| (row.instructions, row.reason.as_str())).collect();
        assert_eq!(reasons, [(1100, "limits of sources"), (200, "first")]);
        assert!(moved.compare(&[1100, 200], &same).passed);
    }

    #[test]
    fn a_row_without_a_reason_is_no_baseline() {
        assert!(Baseline::parse("made with\trustc\tx86_64\ncall\t1\t2\t3\t \n").is_err());
        assert!(Baseline::parse("call\t1\t2\t3\twhy\n").is_err());
    }
}
