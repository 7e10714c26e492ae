#!/usr/bin/env python3
"""strangers.py half-open|register|invite|rubbish HOST:PORT COUNT : what strangers send, as fast as it is taken.
half-open connects COUNT times, sends half a header on each, sees that a phone's OPTIONS is answered, and closes.
The others send COUNT datagrams of different Call-IDs and users and read what comes back. Loopback only."""
import os, random, resource, select, socket, sys, time


def message(method, i, me, extra=""):
    user = f"stranger{i % 5000}"
    return (f"{method} sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {me[0]}:{me[1]};branch=z9hG4bK{os.urandom(6).hex()}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{user}@127.0.0.1>;tag={i}\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: s{i}-{os.getpid()}\r\nCSeq: 1 {method}\r\n"
            f"Contact: <sip:{user}@{me[0]}:{me[1]}>\r\n{extra}Content-Length: 0\r\n\r\n").encode()


def credentials(i):
    return (f'Authorization: Digest username="stranger{i % 5000}", realm="sip.localhost", nonce="{os.urandom(16).hex()}", '
            f'uri="sip:127.0.0.1", response="{os.urandom(16).hex()}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{i}"\r\n')


def datagrams(kind, server, count):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind(("127.0.0.66", 0))
    s.setblocking(False)
    me, codes, waiting = s.getsockname(), {}, 0
    rubbish = random.Random(1)
    for i in range(count):
        if kind == "rubbish":
            data = rubbish.randbytes(rubbish.randrange(1, 1400))
        elif kind == "register":
            data = message("REGISTER", i, me, credentials(i))
        else:
            data = message("INVITE", i, me)
        s.sendto(data, server)
        waiting += kind != "rubbish"
        # At most 200 unanswered: a flood that fits the receive buffer, so that every request is seen.
        until = time.monotonic() + 0.5
        while waiting > 200 and time.monotonic() < until:
            waiting = read(s, codes, waiting)
        if kind == "rubbish" and i % 200 == 0:
            time.sleep(0.005)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        waiting = read(s, codes, waiting)
    print(count, "sent, answers", codes)


def read(s, codes, waiting):
    if select.select([s], [], [], 0.01)[0]:
        code = s.recv(65535).split(b" ", 2)[1:2]
        codes[code[0].decode("utf8", "replace") if code else "?"] = codes.get(code[0].decode("utf8", "replace") if code else "?", 0) + 1
        waiting -= 1
    return max(waiting, 0)


def half_open(server, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, max(count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    held, refused = [], 0
    for i in range(count):
        s = socket.socket()
        s.settimeout(5)
        s.bind((f"127.0.1.{i % 200 + 1}", 0))
        try:
            s.connect(server)
            s.sendall(b"REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK%d\r\nContent-Le" % i)
            held.append(s)
        except OSError:
            refused += 1
    time.sleep(2)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.66", 0))
    s.settimeout(2)
    s.sendto(message("OPTIONS", 1, s.getsockname()), server)
    answer = s.recv(65535).split(b"\r\n")[0].decode()
    print(len(held), "held,", refused, "refused;", answer)
    assert answer.startswith("SIP/2.0 200")


kind, server, count = sys.argv[1], sys.argv[2].rpartition(":"), int(sys.argv[3])
server = (server[0], int(server[2]))
assert server[0].startswith("127."), "loopback only"
half_open(server, count) if kind == "half-open" else datagrams(kind, server, count)
