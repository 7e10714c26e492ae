"""A connectivity check of ICE (RFC 8445 §7.2): what a browser sends before anything else, and to keep its consent."""
import binascii, hashlib, hmac, os, socket, struct

COOKIE = 0x2112A442


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def request(theirs, ours, password):
    """A nominating check of an agent with the name `ours` at one with the name `theirs` and this password."""
    body = attribute(0x0006, f"{theirs}:{ours}".encode()) + attribute(0x0024, struct.pack("!I", 2130706431))
    body += attribute(0x802A, os.urandom(8)) + attribute(0x0025, b"")
    head = lambda length, start=os.urandom(12): struct.pack("!HHI", 0x0001, length, COOKIE) + start
    signed = head(len(body) + 24) + body
    body += attribute(0x0008, hmac.new(password.encode(), signed, hashlib.sha1).digest())
    whole = head(len(body) + 8) + body
    return whole + attribute(0x8028, struct.pack("!I", binascii.crc32(whole) ^ 0x5354554E))


def check(port, to, theirs, ours, password):
    """Sends one from a port of 127.0.0.1, which stays free; whether it was answered."""
    assert to[0].startswith("127."), "loopback only"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", port))
        s.settimeout(1)
        for _ in range(3):
            s.sendto(request(theirs, ours, password), to)
            try:
                while (answer := s.recv(2000))[:2] != b"\x01\x01":
                    if answer[:2] == b"\x01\x11":
                        return False
                return True
            except socket.timeout:
                continue
    return False
