#!/usr/bin/env python3
"""websocket.py mute|deaf|greedy SERVER [USER PASSWORD]   a client over ws://SERVER/sip that behaves badly; one JSON line.
  mute     opens and says nothing
  deaf     registers as USER, then reads nothing and answers no ping
  greedy   registers as USER, then asks and asks and takes no answer
It ends when the server has closed the socket, or after 100 s."""
import base64, hashlib, json, os, re, select, socket, struct, sys, time


def frame(opcode, payload):
    mask, n = os.urandom(4), len(payload)
    head = bytes([0x80 | opcode, 0x80 | n]) if n < 126 else struct.pack("!BBH", 0x80 | opcode, 0xFE, n)
    return head + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(payload))


class Client:
    def __init__(self, server):
        host, _, port = server.rpartition(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((host, int(port)))
        self.socket.sendall(f"GET /sip HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(4096)
        self.buffer = self.buffer.partition(b"\r\n\r\n")[2]
        self.id, self.number, self.host = os.urandom(6).hex(), 0, host

    def say(self, method, user, more=""):
        self.number += 1
        self.socket.sendall(frame(1, (
            f"{method} sip:{self.host} SIP/2.0\r\nVia: SIP/2.0/WS lab.invalid;branch=z9hG4bK{os.urandom(6).hex()}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{user}@{self.host}>;tag={self.id}\r\nTo: <sip:{user}@{self.host}>\r\nCall-ID: {self.id}\r\nCSeq: {self.number} {method}\r\n"
            f"Contact: <sip:{user}@lab.invalid;transport=ws>;expires=600\r\n{more}Content-Length: 0\r\n\r\n").encode()))

    def hear(self):
        """The next text; "" when the server has closed the socket."""
        while True:
            if len(self.buffer) >= 4:
                opcode, n, at = self.buffer[0] & 15, self.buffer[1], 2
                if n == 126:
                    n, at = struct.unpack("!H", self.buffer[2:4])[0], 4
                if len(self.buffer) >= at + n:
                    payload, self.buffer = self.buffer[at:at + n], self.buffer[at + n:]
                    if opcode == 8:
                        return ""
                    if opcode == 1:
                        return payload.decode()
                    continue
            more = self.socket.recv(4096)
            if not more:
                return ""
            self.buffer += more

    def register(self, user, password):
        self.say("REGISTER", user)
        challenge = self.hear()
        given = dict(re.findall(r'(\w+)="?([^",\r\n]+)"?', re.search(r"WWW-Authenticate: Digest (.*MD5.*)", challenge)[1]))
        h = lambda text: hashlib.md5(text.encode()).hexdigest()
        uri, cnonce = f"sip:{self.host}", os.urandom(4).hex()
        ha1, ha2 = h(f"{user}:{given['realm']}:{password}"), h(f"REGISTER:{uri}")
        response = h(f"{ha1}:{given['nonce']}:00000001:{cnonce}:auth:{ha2}")
        opaque = f', opaque="{given["opaque"]}"' if "opaque" in given else ""
        self.say("REGISTER", user, f'Authorization: Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", '
                 f'algorithm=MD5, qop=auth, nc=00000001, cnonce="{cnonce}", response="{response}"{opaque}\r\n')
        return self.hear().split(" ", 2)[1]

    def closed(self):
        """Whether the server has closed it, without reading from it."""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(5))


def main(what, server, user="", password=""):
    client, report, asked = Client(server), {}, 0
    if user:
        report["registered"] = client.register(user, password)
        print(json.dumps(report), flush=True)
    started = time.monotonic()
    client.socket.settimeout(0.2)
    asks = what == "greedy"
    while not client.closed() and time.monotonic() < started + 100:
        try:
            if asks:
                client.say("OPTIONS", user)
                asked += 1
        except TimeoutError:
            asks = False                 # the server takes nothing any more, either
        except OSError:
            break
    print(json.dumps(report | dict(asked=asked, closed_after=round(time.monotonic() - started, 1))))


main(*sys.argv[1:])
