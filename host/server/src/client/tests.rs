//! What the command line makes of answers, with a server that says one thing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use hyper::Method;
use serde_json::json;

use super::Client;
use crate::failure::Failure;

/// Answers one request with `head` and `body`; the request as it came.
fn server(head: &'static str, body: &'static str) -> (Client, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let authority = listener.local_addr().expect("an address").to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut buffer = [0; 4096];
        let mut request = Vec::new();
        loop {
            let len = stream.read(&mut buffer).expect("a request");
            request.extend_from_slice(&buffer[..len]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let end = text.find("\r\n\r\n").map(|end| end + 4);
            if len == 0 || end.is_some_and(|end| text.len() >= end + length.unwrap_or(0)) {
                break;
            }
        }
        write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}").expect("an answer");
        String::from_utf8_lossy(&request).into_owned()
    });
    (Client::Remote { authority, key: Some("tk_x".to_owned()) }, served)
}

#[test]
fn a_request_carries_key_and_body() {
    let (client, served) = server("201 Created", "{\"id\": \"con_1\"}");
    let reply = client.call(Method::POST, "/api/v1/connections", Some(&json!({"user": "a"})));
    assert_eq!(reply.expect("accepted"), json!({"id": "con_1"}));
    let request = served.join().expect("served");
    for part in ["POST /api/v1/connections HTTP/1.1", "authorization: Bearer tk_x", "{\"user\":\"a\"}"] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
}

#[test]
fn refusals_say_which_field_is_wrong() {
    let problem = "{\"title\": \"Invalid\", \"detail\": \"2 fields are wrong\", \"code\": \"invalid_field\", \
                   \"errors\": [{\"pointer\": \"/user\", \"message\": \"is taken\", \"hint\": \"choose another\"}, \
                                  {\"pointer\": \"/kind\", \"message\": \"is unknown\"}]}";
    let (client, _served) = server("422 Unprocessable Content", problem);
    let fault = client.call(Method::POST, "/x", None).expect_err("refused");
    assert_eq!(
        fault.to_string(),
        "2 fields are wrong (invalid_field)\n  user: is taken: choose another\n  kind: is unknown"
    );
    assert!(matches!(fault, Failure::Failed(_)));
    let (client, _served) = server("404 Not Found", "{\"title\": \"There is no such thing\"}");
    assert!(matches!(client.call(Method::GET, "/x", None), Err(Failure::NotFound(_))));
}

#[test]
fn nobody_there_is_a_failure_of_its_own() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let authority = free.local_addr().expect("an address").to_string();
    drop(free);
    let client = Client::Remote { authority, key: None };
    assert!(matches!(client.call(Method::GET, "/x", None), Err(Failure::NotReachable(_))));
    let client = Client::Local { socket: "/nonexistent/trunkline.sock".into() };
    let fault = client.call(Method::GET, "/x", None).expect_err("not there").to_string();
    assert!(fault.contains("no server runs on /nonexistent"), "{fault}");
}

#[test]
fn a_stream_is_read_line_by_line() {
    let (client, _served) = server("200 OK\r\ncontent-type: text/event-stream", "id: 1\ndata: {}\n\nid: 2\n");
    let mut lines = Vec::new();
    let ended = client.follow("/events", |line| {
        lines.push(line.to_owned());
        lines.len() < 2
    });
    assert!(ended.is_ok());
    assert_eq!(lines, ["id: 1", "data: {}"]);
}
