#!/usr/bin/env python3
"""registrar.py ADDR:PORT udp|tcp USER PASSWORD [grant=60] [min=0] [stale=0] : a registrar for one user, to be killed.
It wants MD5 credentials, answers 423 to less than `min` seconds, grants at most `grant`, and finds the first `stale` nonces
stale that are used. One line of each REGISTER goes to stdout: seconds since the first, asked, answered, granted or what was wrong."""
import hashlib, os, re, selectors, socket, sys, time

REALM = "registrar.test"


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class Registrar:
    def __init__(self, user, password, grant=60, min=0, stale=0):
        self.user, self.password = user, password
        self.grant, self.min, self.stale = int(grant), int(min), int(stale)
        self.nonces, self.began = set(), None

    def answer(self, request):
        """The response to a request, or none to what needs none."""
        head = request.split("\r\n\r\n")[0]
        method = head.split(" ", 1)[0]
        field = lambda name: (re.findall(rf"(?mi)^{name}\s*:\s*(.*?)\r?$", head) or [""])[0]
        if method in ("ACK", "SIP/2.0"):
            return None
        code, extra = self.register(field) if method == "REGISTER" else ("200 OK", "")
        kept = "".join(line + "\r\n" for line in head.split("\r\n") if re.match(r"(?i)(via|from|call-id|cseq)\s*:", line))
        to = field("To") + ("" if ";tag=" in field("To") else ";tag=" + os.urandom(4).hex())
        return f"SIP/2.0 {code}\r\n{kept}To: {to}\r\n{extra}Content-Length: 0\r\n\r\n"

    def register(self, field):
        now = time.monotonic()
        self.began = self.began or now
        contact = field("Contact")
        asked = int((re.findall(r"expires=(\d+)", contact) or [field("Expires") or "3600"])[0])
        code, extra, told = self.judge(field("Authorization"), asked, contact)
        print(f"{now - self.began:.1f} {asked} {code.split()[0]} {told}", flush=True)
        return code, extra

    def judge(self, authorization, asked, contact):
        given = {k.lower(): a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', authorization)}
        if given.get("nonce") not in self.nonces:
            return self.challenge("new")
        ha2 = md5("REGISTER", given["uri"])
        proof = md5(md5(self.user, REALM, self.password), given["nonce"], given["nc"], given["cnonce"], given["qop"], ha2)
        if given.get("username") != self.user or given.get("response") != proof:
            return self.challenge("wrong")
        if self.stale:
            self.stale -= 1
            return self.challenge("stale")
        if 0 < asked < self.min:
            return "423 Interval Too Brief", f"Min-Expires: {self.min}\r\n", f"min={self.min}"
        granted = min(asked, self.grant)
        bound = re.sub(r";expires=\d+", "", contact) + f";expires={granted}"
        return "200 OK", f"Contact: {bound}\r\n" if granted else "", f"granted={granted}"

    def challenge(self, why):
        nonce = os.urandom(8).hex()
        self.nonces.add(nonce)
        stale = ", stale=true" if why == "stale" else ""
        return "401 Unauthorized", f'WWW-Authenticate: Digest realm="{REALM}", nonce="{nonce}", qop="auth", algorithm=MD5{stale}\r\n', why


def main(address, transport, user, password, *settings):
    registrar = Registrar(user, password, **dict(setting.split("=") for setting in settings))
    host, _, port = address.rpartition(":")
    assert host.startswith("127."), "loopback only"
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    listener = socket.socket(socket.AF_INET, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, int(port)))
    if transport == "udp":
        while True:
            data, source = listener.recvfrom(65535)
            if data.strip() and (reply := registrar.answer(data.decode())):
                listener.sendto(reply.encode(), source)
    listener.listen()
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ, None)
    while True:
        for key, _ in waiting.select():
            if key.data is None:
                stream, _ = listener.accept()
                waiting.register(stream, selectors.EVENT_READ, [b""])
                continue
            data = key.fileobj.recv(65535)
            if not data:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
                continue
            key.data[0] += data.lstrip(b"\r\n") if not key.data[0] else data
            # What comes here has no body.
            while b"\r\n\r\n" in key.data[0]:
                head, _, key.data[0] = key.data[0].partition(b"\r\n\r\n")
                if reply := registrar.answer(head.decode() + "\r\n\r\n"):
                    key.fileobj.sendall(reply.encode())


main(*(sys.argv[1:] if len(sys.argv) > 4 else sys.exit(__doc__)))
