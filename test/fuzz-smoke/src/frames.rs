//! Frames of WebSocket (RFC 6455) as clients should not send them, read as the office reads them: without a mask, in
//! fragments that interleave, with lengths that lie, with opcodes that nobody knows.
//!
//! Reading ends, and a message is never longer than the office takes.

use std::io::{self, Cursor, Read, Write};

use tungstenite::WebSocket;
use tungstenite::protocol::{Role, WebSocketConfig};

use crate::dice::Dice;

/// Frames of whatever the octets say.
pub fn story(octets: &[u8]) {
    let mut dice = Dice::new(octets);
    let mut stream = Vec::new();
    while !dice.is_over() && stream.len() < 2 * MOST_READ {
        // Mostly as long as messages are, and now and then too long.
        let len = if dice.below(64) == 1 { dice.below(4) << dice.below(17) } else { dice.below(1_500) };
        let message = [dice.octet()].repeat(len);
        write(&message, &mut dice, &mut stream);
    }
    read(&stream);
    read(octets);
}

/// What is heard of a message that a client sends in a way of its own.
pub fn heard(message: &[u8], dice: &mut Dice<'_>) -> Vec<Vec<u8>> {
    let mut stream = Vec::new();
    write(message, dice, &mut stream);
    read(&stream)
}

/// The messages of a stream, up to where it makes no sense.
fn read(stream: &[u8]) -> Vec<Vec<u8>> {
    let limits = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_frame_size(Some(MOST_READ))
        .max_message_size(Some(MOST_READ));
    let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(stream)), Role::Server, Some(limits));
    let mut heard = Vec::new();
    // An empty frame takes two octets and a mask.
    for _ in 0..=stream.len() {
        let Ok(message) = socket.read() else { return heard };
        assert!(message.len() <= MOST_READ);
        if message.is_text() || message.is_binary() {
            heard.push(message.into_data().to_vec());
        }
    }
    panic!("{} octets are no end of messages", stream.len());
}

/// Writes a message in frames; mostly in one, and as it should be.
fn write(message: &[u8], dice: &mut Dice<'_>, out: &mut Vec<u8>) {
    let mut opcode = if dice.below(8) == 1 { 2 } else { 1 };
    let mut rest = message;
    loop {
        let whole = dice.below(4) != 1;
        let (part, others) = rest.split_at(if whole { rest.len() } else { dice.below(rest.len() + 1) });
        frame(whole, opcode, part, dice, out);
        if dice.below(8) == 1 {
            // In between, as pings and pongs may come.
            let opcode = dice.below(16) as u8;
            frame(dice.below(8) != 1, opcode, &part[..part.len().min(dice.below(140))], dice, out);
        }
        if whole {
            return;
        }
        opcode = if dice.below(16) == 1 { dice.below(16) as u8 } else { 0 };
        rest = others;
    }
}

fn frame(last: bool, opcode: u8, payload: &[u8], dice: &mut Dice<'_>, out: &mut Vec<u8>) {
    let lie = if dice.below(16) == 1 { 1 << dice.below(63) } else { 0 };
    let len = payload.len() as u64 ^ lie;
    let reserved = if dice.below(32) == 1 { dice.octet() & 0x70 } else { 0 };
    let masked = u8::from(dice.below(16) != 1) << 7;
    out.push(u8::from(last) << 7 | reserved | opcode);
    match len {
        0..126 => out.push(masked | len as u8),
        126..0x1_0000 => {
            out.push(masked | 126);
            out.extend((len as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend(len.to_be_bytes());
        }
    }
    let key: [u8; 4] = if masked == 0 { [0; 4] } else { core::array::from_fn(|_| dice.octet()) };
    if masked != 0 {
        out.extend(key);
    }
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key));
}

/// What the client sent; what is sent to it is nobody's concern.
#[derive(Debug)]
struct Wire<'s>(Cursor<&'s [u8]>);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the office reads of one message.
const MOST_READ: usize = 2 * 65_535;
