"""Sets up calls through a SIP server, with caller and callee in this process, so that rtpgen can send media to whatever
addresses the server put into its SDP. Digest is MD5. Loopback only; nothing is sent twice."""
import hashlib, os, re, select, socket, time


def header(message, name):
    return (headers(message, name) or [""])[0]


def headers(message, name):
    return re.findall(rf"(?mi)^{name}\s*:\s*(.*?)\r?$", message)


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


def credentials(message, name, method, uri, user, password):
    """The answer to the MD5 challenge of a 401 or 407."""
    offered = [dict((k.lower(), a or b) for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', value))
               for value in headers(message, name)]
    p = next(p for p in offered if p.get("algorithm", "MD5").upper() == "MD5")
    a1, a2, cnonce = md5(user, p["realm"], password), md5(method, uri), os.urandom(4).hex()
    value = f'Digest username="{user}", realm="{p["realm"]}", nonce="{p["nonce"]}", uri="{uri}", algorithm=MD5'
    if "qop" in p:
        value += f', qop=auth, nc=00000001, cnonce="{cnonce}", response="{md5(a1, p["nonce"], "00000001", cnonce, "auth", a2)}"'
    else:
        value += f', response="{md5(a1, p["nonce"], a2)}"'
    return value + (f', opaque="{p["opaque"]}"' if "opaque" in p else "")


class Phone:
    def __init__(self, server, port, host="127.0.0.1"):
        self.server, self.at = server, f"{host}:{port}"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((host, port))

    def send(self, text):
        self.socket.sendto(text.encode(), self.server)

    def receive(self, seconds=3):
        ready, _, _ = select.select([self.socket], [], [], seconds)
        return self.socket.recv(65535).decode("utf8", "replace") if ready else None

    def request(self, method, uri, leg, extra="", body="", branch=None):
        branch = branch or "z9hG4bK" + os.urandom(6).hex()
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.send(f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.at};branch={branch}\r\nMax-Forwards: 70\r\n"
                  f"From: {leg['from']}\r\nTo: {leg['to']}\r\nCall-ID: {leg['id']}\r\nCSeq: {leg['cseq']} {method}\r\n"
                  f"Contact: <sip:bench@{self.at}>\r\n{extra}{kind}Content-Length: {len(body)}\r\n\r\n{body}")
        return branch

    def respond(self, request, to_tag="", body="", status="200 OK"):
        """200 to a request, or another answer."""
        kept = "".join(f"{name}: {value}\r\n" for name in ("Via", "Record-Route") for value in headers(request, name))
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.send(f"SIP/2.0 {status}\r\n{kept}From: {header(request, 'From')}\r\nTo: {header(request, 'To')}{to_tag}\r\n"
                  f"Call-ID: {header(request, 'Call-ID')}\r\nCSeq: {header(request, 'CSeq')}\r\n"
                  f"Contact: <sip:bench@{self.at}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}")


class Calls:
    def __init__(self, address, domain, caller_port=5081, callee_port=5082, at="127.0.0.1"):
        host, _, port = address.rpartition(":")
        assert host.startswith("127."), "loopback only"
        self.domain, self.up = domain, []
        self.a, self.b = (Phone((host, int(port)), p, at) for p in (caller_port, callee_port))

    def leg(self, user, to):
        return dict(id=os.urandom(6).hex(), cseq=1, to=f"<sip:{to}@{self.domain}>", **{"from": f"<sip:{user}@{self.domain}>;tag={os.urandom(4).hex()}"})

    def register(self, user, password):
        uri, leg, extra, message = f"sip:{self.domain}", self.leg(user, user), "Expires: 3600\r\n", None
        for _ in range(2):
            self.b.request("REGISTER", uri, leg, extra)
            message = self.b.receive() or ""
            if message.startswith("SIP/2.0 200"):
                return
            extra += "Authorization: " + credentials(message, "WWW-Authenticate", "REGISTER", uri, user, password) + "\r\n"
            leg["cseq"] += 1
        raise RuntimeError("not registered: " + message[:200])

    def call(self, caller, password, callee, offer, answer):
        """-> (the SDP that the callee got, the SDP that the caller got); `answer` may be a function of the offer, and
        whatever it gives nothing for is refused by 488. There is no callee where the server itself answers."""
        uri, leg = f"sip:{callee}@{self.domain}", self.leg(caller, callee)
        branch, invite, end = self.a.request("INVITE", uri, leg, body=offer), None, time.monotonic() + 10
        while time.monotonic() < end:
            ready, _, _ = select.select([self.a.socket, self.b.socket], [], [], 1)
            if self.b.socket in ready:
                message = self.b.receive()
                if message.startswith("INVITE ") and not invite:
                    given = answer(body(message)) if callable(answer) else answer
                    invite = message if given else None
                    self.b.respond(message, ";tag=b" + leg["id"], given or "", "200 OK" if given else "488 Not Acceptable Here")
                elif not message.startswith(("SIP/", "ACK", "INVITE ")):
                    self.b.respond(message)
            if self.a.socket in ready:
                message = self.a.receive()
                code = int(message[8:11]) if message.startswith("SIP/2.0 ") else 0
                if header(message, "Call-ID") != leg["id"] or code < 200:
                    continue
                if code == 200:
                    return invite and body(invite), body(self.accepted(message, leg))
                if code not in (401, 407) or leg["cseq"] > 1:
                    raise RuntimeError("call refused: " + message[:300])
                self.a.request("ACK", uri, dict(leg, to=header(message, "To")), branch=branch)
                leg["cseq"] += 1
                names = ("Proxy-Authenticate", "Proxy-Authorization") if code == 407 else ("WWW-Authenticate", "Authorization")
                extra = f"{names[1]}: {credentials(message, names[0], 'INVITE', uri, caller, password)}\r\n"
                branch = self.a.request("INVITE", uri, leg, extra, offer)
        raise RuntimeError("no answer to a call")

    def accepted(self, message, leg):
        target = re.search(r"<([^>]+)>", header(message, "Contact"))[1]
        leg.update(to=header(message, "To"))
        routes = "".join(f"Route: {value}\r\n" for value in reversed(headers(message, "Record-Route")))
        self.a.request("ACK", target, leg, routes)
        self.up.append((target, dict(leg, cseq=leg["cseq"] + 1), routes))
        return message

    def hangup(self):
        for target, leg, routes in self.up:
            self.a.request("BYE", target, leg, routes)
            end = time.monotonic() + 0.02
            while time.monotonic() < end:
                ready, _, _ = select.select([self.a.socket, self.b.socket], [], [], 0.005)
                if self.b.socket in ready:
                    message = self.b.receive()
                    if not message.startswith(("SIP/", "ACK")):
                        self.b.respond(message)
                if self.a.socket in ready:
                    self.a.receive()
        self.up = []


def body(message):
    return message.split("\r\n\r\n", 1)[1]
