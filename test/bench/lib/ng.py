"""rtpengine's ng control protocol (a cookie, a space, a bencoded dictionary, over UDP), and SDP for it."""
import base64, os, socket


def encode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:" % len(value) + value
    if isinstance(value, (list, tuple)):
        return b"l" + b"".join(map(encode, value)) + b"e"
    return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"


def decode(data, at=0):
    """-> (value, where it ends)"""
    kind = data[at:at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1:end]), end + 1
    if kind in (b"l", b"d"):
        at, items = at + 1, []
        while data[at:at + 1] != b"e":
            item, at = decode(data, at)
            items.append(item)
        return (items if kind == b"l" else {k.decode(): v for k, v in zip(items[::2], items[1::2])}), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1:end], end


# The name of our ICE agent; six times it is the password.
AGENT = "bench"
# Payload types that need no name (RFC 3551).
STATIC = {"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000"}


class Ng:
    def __init__(self, address):
        host, _, port = address.rpartition(":")
        assert host.startswith("127."), "loopback only"
        self.address, self.id, self.count = (host, int(port)), os.urandom(4).hex(), 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(3)

    def __call__(self, command, **keys):
        self.count += 1
        cookie = f"{self.id}{self.count} ".encode()
        body = encode({"command": command, **{key.replace("_", "-"): value for key, value in keys.items()}})
        for _ in range(3):
            self.socket.sendto(cookie + body, self.address)
            try:
                while not (answer := self.socket.recv(65535)).startswith(cookie):
                    pass
                return decode(answer, len(cookie))[0]
            except socket.timeout:
                continue
        raise RuntimeError("no answer to " + command)


def sdp(port, codecs, ip="127.0.0.1", key=None, dtls=None, checks=False):
    """An offer or answer; codecs are (payload type, rtpmap, fmtp or None), key the 30 octets of one that demands SRTP, dtls the
    fingerprint of one that begins a handshake for its keys, with checks of ICE before as browsers do."""
    profile = "UDP/TLS/RTP/SAVPF" if dtls else "RTP/SAVP" if key else "RTP/AVP"
    lines = ["v=0", f"o=- 1 1 IN IP4 {ip}", "s=-", f"c=IN IP4 {ip}", "t=0 0",
             f"m=audio {port} {profile} " + " ".join(str(codec[0]) for codec in codecs)]
    for kind, rtpmap, fmtp in codecs:
        lines += [f"a=rtpmap:{kind} {rtpmap}"] + ([f"a=fmtp:{kind} {fmtp}"] if fmtp else [])
    if key:
        lines.append(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(key).decode()}")
    if dtls:
        lines += ["a=fingerprint:sha-256 " + dtls, "a=setup:active", "a=rtcp-mux"]
    if checks:
        lines += [f"a=ice-ufrag:{AGENT}", "a=ice-pwd:" + 6 * AGENT]
    return "\r\n".join(lines + ["a=ptime:20", "a=sendrecv", ""])


def parse(text):
    """The media address of an SDP, its key, its payload types by encoding, and name and password of its ICE agent."""
    found = dict(ip=None, port=None, key=None, types={}, ufrag=None, password=None)
    for line in text.decode().splitlines():
        if line.startswith("c=IN IP4 "):
            found["ip"] = line[9:].split("/")[0].strip()
        elif line.startswith("m=audio"):
            found["port"] = int(line.split()[1])
            found["types"] = {STATIC[number].lower(): int(number) for number in line.split()[3:] if number in STATIC}
        elif line.startswith("a=ice-ufrag:"):
            found["ufrag"] = line[12:].strip()
        elif line.startswith("a=ice-pwd:"):
            found["password"] = line[10:].strip()
        elif line.startswith("a=rtpmap:"):
            number, encoding = line[9:].split(" ", 1)
            found["types"][encoding.strip().lower()] = int(number)
        elif line.startswith("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"):
            found["key"] = base64.b64decode(line.split("inline:")[1].split("|")[0].split()[0])
    return found
