//! A call handed over ten times to a user whose ten phones answer after their CANCEL each time: its legs do not run out
//! of numbers.

use core::fmt::Write as _;

#[test]
fn numbers_of_legs_come_back() {
    let mut text = String::from("device alice at 10.0.0.1\ndevice carol at 10.0.0.2\n");
    text.push_str("device bob at 10.0.0.20 dialled.ring_s=1\n");
    for phone in 1..PHONES {
        writeln!(text, "device desk{phone} at 10.0.0.{} of bob", 20 + phone).expect("text");
    }
    text.push_str(
        "alice -> us INVITE carol sdp\nus -> alice 407\nalice -> us ACK\nalice -> us INVITE carol sdp auth\n\
         us -> carol INVITE\ncarol -> us 200 sdp\nus -> carol ACK\nus -> alice 200 INVITE\nalice -> us ACK\n",
    );
    for round in 0..10 {
        text.push_str(
            "alice -> us REFER \"Refer-To: <sip:bob@example.test>\"\nus -> alice 202 REFER\n\
             us -> alice NOTIFY body=100\nalice -> us 200 NOTIFY\n",
        );
        let phones: Vec<String> = (0..PHONES)
            .map(|n| if n == 0 { format!("bob#{round}") } else { format!("desk{n}#{round}") })
            .collect();
        for phone in &phones {
            writeln!(text, "us -> {phone} INVITE\n{phone} -> us 180").expect("text");
        }
        text.push_str("us -> alice NOTIFY body=180\nalice -> us 200 NOTIFY\n");
        for phone in &phones {
            writeln!(text, "us -> {phone} CANCEL within 2s\n{phone} -> us 200 CANCEL").expect("text");
        }
        text.push_str("us -> alice NOTIFY body=480\nalice -> us 200 NOTIFY\n");
        for phone in &phones {
            writeln!(text, "{phone} -> us 200 INVITE sdp\nus -> {phone} ACK\nus -> {phone} BYE")
                .expect("text");
            writeln!(text, "{phone} -> us 200 BYE").expect("text");
        }
        text.push_str("wait 100ms\n");
    }
    text.push_str("alice -> us BYE\nus -> alice 200\nus -> carol BYE\ncarol -> us 200\n");
    for shards in [1, 2, 3] {
        if let Err(error) = sim::ladder::play(&text, shards, 1) {
            panic!("{error}");
        }
    }
}

const PHONES: usize = 10;
