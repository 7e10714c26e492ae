//! An installation of its own for each test: the real binary, a folder, free ports on loopback.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A data folder and the ports that go with it.
pub(crate) struct Installation {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// SIP, UDP and TCP.
    pub(crate) sip: u16,
    /// HTTP.
    pub(crate) http: u16,
    media: u16,
}

/// A call of a phone of ours to the echo, as long as it lives.
pub(crate) struct TestCall(Child);

/// A server that runs on it.
pub(crate) struct Running {
    /// The process.
    pub(crate) child: Child,
    /// The line it printed at start.
    pub(crate) banner: Value,
}

impl Installation {
    /// A folder that does not exist yet.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("trunkline-test-{}-{number}", std::process::id());
        let media = 20_000 + (std::process::id() % 60) as u16 * 200 + number as u16 * 40;
        Self { data: std::env::temp_dir().join(name), sip: free_port(), http: free_port(), media }
    }

    /// Runs a command on the folder and waits for it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// The same, which must succeed; stdout.
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out
    }

    /// The same as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["-o", "json"]).collect();
        serde_json::from_str(&self.output(&arguments)).expect("JSON")
    }

    /// Arguments of a server on these ports.
    pub(crate) fn serve(&self) -> Command {
        let sip = |transport: &str| format!("{transport}:127.0.0.1:{}", self.sip);
        let mut command = self.command(&["serve", "--log", "warn", "--drain-s", "2"]);
        command.args(["--http", &format!("127.0.0.1:{}", self.http)]);
        command.args(["--https", "off"]);
        command.args(["--sip", &sip("udp"), "--sip", &sip("tcp")]);
        command.args(["--media-ports", &format!("{}-{}", self.media, self.media + 39)]);
        command
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn start(&self) -> Running {
        self.start_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(&self, more: &[&str]) -> Running {
        let mut child = self.serve().args(more).stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a banner");
        let banner = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no banner: {line}"));
        let running = Running { child, banner };
        let until = Instant::now() + Duration::from_secs(10);
        while !self.run(&["api", "GET", "/readyz"]).status.success() {
            assert!(Instant::now() < until, "not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    /// A phone calls the echo; returns once the call is up.
    pub(crate) fn call_in_progress(&self) -> TestCall {
        self.output(&["connection", "create", "--user", "caller", "--password", "wonderland-7"]);
        let target = format!("sip:echo@127.0.0.1:{}", self.sip);
        let mut command =
            self.command(&["call-test", &target, "--user", "caller", "--seconds", "20", "-o", "json"]);
        let call = command.args(["--password", "wonderland-7"]).stdout(Stdio::piped()).spawn();
        let call = TestCall(call.expect("the binary starts"));
        let until = Instant::now() + Duration::from_secs(5);
        while self.json(&["call", "list"])["data"].as_array().is_none_or(Vec::is_empty) {
            assert!(Instant::now() < until, "no call");
            std::thread::sleep(Duration::from_millis(20));
        }
        call
    }

    /// Starts a server that cannot start; the exit code and what it said.
    pub(crate) fn fails_to_start(&self) -> (Option<i32>, String) {
        let mut child =
            self.serve().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let until = Instant::now() + Duration::from_secs(10);
        while child.try_wait().expect("a process").is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(child.kill());
        let output = child.wait_with_output().expect("it ended");
        (output.status.code(), text(&output.stderr))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.args(arguments).arg("--data").arg(&self.data).stdin(Stdio::null());
        command
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.data));
    }
}

impl TestCall {
    /// What it printed at its end.
    pub(crate) fn output(&mut self) -> Vec<u8> {
        let mut printed = Vec::new();
        self.0.stdout.take().expect("a pipe").read_to_end(&mut printed).expect("a report");
        printed
    }
}

impl Drop for TestCall {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Running {
    /// Sends SIGTERM.
    pub(crate) fn signal(&self) {
        Command::new("kill").arg(self.child.id().to_string()).status().expect("kill runs");
    }

    /// Sends SIGTERM; the exit code and how long it took.
    pub(crate) fn stop(mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        self.signal();
        let status = self.child.wait().expect("it ends");
        (status.code(), began.elapsed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a process printed.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A port that is free for UDP and TCP. Below the ephemeral ports, so that no connection of another test takes it
/// before the server does, and never the same twice.
pub(crate) fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let first = 10_000 + std::process::id() % 100 * 100;
    loop {
        let port = (first + COUNT.fetch_add(1, Ordering::Relaxed)) as u16;
        let tcp = TcpListener::bind(("127.0.0.1", port));
        if tcp.is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
