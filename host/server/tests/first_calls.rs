//! The first minutes of an installation, through the binary alone: start, key, phone, call, history, stop.

mod installation;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use installation::{Installation, text};

#[test]
fn from_an_empty_folder_to_a_call_with_audio_both_ways() {
    let here = Installation::new();
    let began = Instant::now();
    let running = here.start();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(running.banner["data_is_new"], true);
    let link = running.banner["setup_link"].as_str().expect("a link");
    assert!(link.starts_with(&format!("http://127.0.0.1:{}/#setup=", here.http)), "{link}");
    let file = std::fs::read_to_string(here.data.join("setup-link")).expect("the file");
    assert_eq!(file.trim(), link);

    let made = here.json(&[
        "connection",
        "create",
        "--name",
        "Desk",
        "--user",
        "alice",
        "--password",
        "wonderland-7",
    ]);
    assert_eq!(made["kind"], "device");
    let target = format!("sip:echo@127.0.0.1:{}", here.sip);
    let call = ["call-test", &target, "--user", "alice", "--seconds", "2", "--password", "wonderland-7"];
    let report = here.json(&call);
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["audio"]["both_ways"], true, "{report:#}");
    assert_eq!(report["audio"]["packets_lost"], 0, "{report:#}");

    let history = eventually(|| {
        let history = here.json(&["history", "list"]);
        (!history["data"].as_array()?.is_empty()).then_some(history)
    });
    assert_eq!(history["data"][0]["outcome"], "answered", "{history:#}");
    assert!(here.output(&["status"]).contains("ready"));
}

#[test]
fn a_wrong_password_is_refused_and_written_down() {
    let here = Installation::new();
    let _running = here.start();
    here.output(&["connection", "create", "--user", "alice", "--password", "wonderland-7"]);
    let target = format!("sip:echo@127.0.0.1:{}", here.sip);
    let call = here.run(&["call-test", &target, "--user", "alice", "--password", "wrong", "--seconds", "1"]);
    assert_eq!(call.status.code(), Some(5), "{}", text(&call.stderr));
    assert!(text(&call.stdout).contains("407"), "{}", text(&call.stdout));
    let refused = eventually(|| {
        let refused = here.json(&["refused", "list"]);
        (!refused["data"].as_array()?.is_empty()).then_some(refused)
    });
    assert_eq!(refused["data"][0]["reason_code"], "A-01", "{refused:#}");
}

#[test]
fn a_key_is_one_line_with_the_server_running_or_not() {
    let here = Installation::new();
    let mut keys = vec![here.output(&["key", "create", "--scopes", "admin"])];
    let _running = here.start();
    keys.push(here.output(&["key", "create", "--scopes", "admin"]));
    let server = format!("http://127.0.0.1:{}", here.http);
    for key in &keys {
        assert_eq!(key.lines().count(), 1, "{key}");
        assert!(key.starts_with("tk_"), "{key}");
        here.output(&["--server", &server, "--key", key.trim(), "connection", "list"]);
    }
    let wrong = here.run(&["--server", &server, "--key", "tk_wrong", "connection", "list"]);
    assert_eq!(wrong.status.code(), Some(1));
}

#[test]
fn a_certificate_is_added_listed_and_removed_from_the_command_line() {
    let here = Installation::new();
    let _running = here.start();
    let names = || -> Vec<String> {
        let list = here.json(&["certificate", "list"]);
        let rows = list["data"].as_array().expect("a list").clone();
        rows.iter().map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(names(), ["self-signed"]);
    let file = |name: &str| here.data.join("certificates").join(name).display().to_string();
    let (chain, key) = (file("self-signed.pem"), file("self-signed.key"));
    here.output(&["certificate", "add", "--cert", &chain, "--private-key", &key, "--name", "mine"]);
    assert_eq!(names(), ["mine", "self-signed"]);
    let wrong = here.run(&["certificate", "add", "--cert", &key, "--private-key", &chain]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("certificate"), "{wrong:?}");
    std::fs::write(file("mine.pem"), "nonsense").expect("a file");
    assert!(here.output(&["certificate", "reload"]).contains("the new file is not used"));
    let check = here.json(&["api", "GET", "/system/check"]);
    assert_eq!(check["state"], "warning", "{check:#}");
    here.output(&["certificate", "remove", "mine"]);
    assert_eq!(names(), ["self-signed"]);
    assert_eq!(here.run(&["certificate", "remove", "mine"]).status.code(), Some(3));
}

#[test]
fn it_stops_at_once_without_calls_and_keeps_what_it_knew() {
    let here = Installation::new();
    let running = here.start();
    here.output(&["connection", "create", "--user", "alice", "--password", "wonderland-7"]);
    let (code, took) = running.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(here.run(&["connection", "list"]).status.code(), Some(4));
    let again = here.start();
    assert_eq!(again.banner["data_is_new"], false);
    assert!(here.output(&["connection", "list"]).contains("alice"));
    here.output(&["connection", "delete", "alice", "--yes"]);
    assert_eq!(here.run(&["connection", "get", "alice"]).status.code(), Some(3));
}

#[test]
fn calls_go_on_while_it_drains_and_are_ended_in_time() {
    let here = Installation::new();
    let running = here.start();
    let mut call = here.call_in_progress();
    let (code, took) = running.stop();
    assert_eq!(code, Some(0));
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&took), "{took:?}");
    let report: serde_json::Value = serde_json::from_slice(&call.output()).expect("a report");
    assert_eq!(report["ended_by"], "peer", "{report:#}");
    assert_eq!(report["audio"]["both_ways"], true, "{report:#}");
    let _again = here.start();
    let history = here.json(&["history", "list"]);
    assert_eq!(history["data"][0]["outcome"], "answered", "{history:#}");
    assert_eq!(history["data"][0]["reason_code"], "S-01", "{history:#}");
}

#[test]
fn a_second_signal_ends_it_now() {
    let here = Installation::new();
    let running = here.start();
    let _call = here.call_in_progress();
    running.signal();
    std::thread::sleep(Duration::from_millis(100));
    let (code, took) = running.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_taken_sip_port_ends_the_start_and_names_its_holder() {
    let here = Installation::new();
    let _taken = UdpSocket::bind(("127.0.0.1", here.sip)).expect("a free port");
    let (code, words) = here.fails_to_start();
    assert_eq!(code, Some(1), "{words}");
    let holder = format!("pid {}", std::process::id());
    for part in [format!("udp:127.0.0.1:{}", here.sip), holder, "--sip".to_owned()] {
        assert!(words.contains(&part), "{part} is not in {words}");
    }
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let here = Installation::new();
    let _running = here.start();
    let (code, words) = here.fails_to_start();
    assert_eq!(code, Some(1));
    assert!(words.contains("already"), "{words}");
}

/// What shows up within a second.
fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "it did not show up");
        std::thread::sleep(Duration::from_millis(50));
    }
}
