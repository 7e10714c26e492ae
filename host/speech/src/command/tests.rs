use super::*;
use crate::{Choice, engine};

fn wish(languages: &[&str]) -> Wish {
    Wish {
        choice: Choice::Off,
        languages: languages.iter().map(|&language| language.to_owned()).collect(),
        ..Wish::default()
    }
}

fn words(text: &str) -> Words {
    Words { text: text.to_owned(), voice: "anna".to_owned(), language: "en".to_owned() }
}

#[test]
fn command_lines_are_parted_and_filled_in() {
    for (text, parts) in [
        (
            "piper --model '/opt/a b.onnx' -f {out}",
            Ok(vec!["piper", "--model", "/opt/a b.onnx", "-f", "{out}"]),
        ),
        ("  say \"it's\"'' ", Ok(vec!["say", "it's"])),
        ("x ''", Ok(vec!["x", ""])),
        ("", Err("it names no program")),
        ("say 'x", Err("a quote is not closed")),
    ] {
        let parts = parts.map(|parts| parts.into_iter().map(str::to_owned).collect());
        assert_eq!(argv(text), parts, "{text}");
    }
    let places = [("{text}", "a {out} b"), ("{out}", "/x.wav")];
    assert_eq!(fill("{text}|{out}|{other}{", &places), "a {out} b|/x.wav|{other}{");
}

#[tokio::test]
async fn a_program_speaks_by_output_or_by_file() {
    let scratch = std::env::temp_dir().join(store::new_id("scratch"));
    std::fs::create_dir_all(&scratch).expect("a folder");
    let voice = |line: &str| Voice::new(&argv(line).expect("a command"), &wish(&[]), &scratch);
    for (line, said) in [
        ("cat", "hello; $(id)"),
        ("printf %s {text}", "hello; $(id)"),
        ("printf %s,%s {voice} {language}", "anna,en"),
        ("cp /dev/stdin {out}", "hello; $(id)"),
    ] {
        let spoken = voice(line).speak(&words("hello; $(id)")).await;
        assert_eq!(spoken.as_deref(), Ok(said.as_bytes()), "{line}");
    }
    assert_eq!(std::fs::read_dir(&scratch).expect("a folder").count(), 0);
    std::fs::remove_dir_all(&scratch).expect("removed");
    for (line, why) in [
        ("false", "false: exit status: 1"),
        ("sh -c 'echo no model >&2; exit 3'", "sh: exit status: 3: no model"),
        ("/nowhere/piper x", "piper: there is no such program"),
        ("trunkline-has-no-such-voice", "trunkline-has-no-such-voice: there is no such program"),
        ("true {out}", "true: it made no file {out}"),
    ] {
        let spoken = voice(line).speak(&words("hello")).await;
        assert_eq!(spoken.expect_err(line).to_string(), why, "{line}");
    }
    for name in ["-w/etc/passwd", "../x", "a/b", "x\n"] {
        let wished = Words { voice: name.to_owned(), ..words("hello") };
        assert!(matches!(voice("cat").speak(&wished).await, Err(Fault::Voice { .. })), "{name}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_end_is_ended() {
    let patient = Run {
        engine: "sleep",
        program: "sleep".into(),
        arguments: vec!["600".into()],
        input: "",
        niceness: 0,
        patience: Duration::from_millis(50),
        longest: 10,
    };
    let fault = run(patient).await.expect_err("too long");
    assert_eq!(fault.to_string(), "sleep: it took longer than 0 s");
    let wordy = Run {
        engine: "head",
        program: "head".into(),
        arguments: vec!["-c".into(), "100000".into(), "/dev/zero".into()],
        input: "",
        niceness: 0,
        patience: Duration::from_secs(20),
        longest: 10,
    };
    let fault = run(wordy).await.expect_err("too much");
    assert_eq!(fault.to_string(), "head: it wrote more than 10 octets");
}

#[tokio::test]
async fn a_recognizer_knows_the_languages_that_it_was_given() {
    let listens = |languages: &[&str]| {
        let argv = argv("printf '%s  %s\\n' {language} {in}").expect("a command");
        Recognizer::new(&argv, &wish(languages))
    };
    let file = Path::new("/x y.wav");
    assert_eq!(listens(&[]).transcribe(file, "de").await, Ok("de /x y.wav".to_owned()));
    assert_eq!(listens(&["en"]).transcribe(file, "en-GB").await, Ok("en-GB /x y.wav".to_owned()));
    let fault = listens(&["en"]).transcribe(file, "de").await.expect_err("not known");
    assert_eq!(fault, engine::check("printf", "de", &["en".to_owned()]).expect_err("not known"));
}

#[tokio::test]
async fn a_program_runs_with_low_priority() {
    let argv = argv("nice").expect("a command");
    let heard = Recognizer::new(&argv, &wish(&[])).transcribe(Path::new("/x"), "en").await;
    assert_eq!(heard, Ok(RECOGNIZER_NICENESS.to_string()));
}
