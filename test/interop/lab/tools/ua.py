#!/usr/bin/env python3
"""A scripted phone that reports, as one JSON object, what it saw on the wire.

  ua.py --server HOST:PORT [--at ADDR[:PORT]] [--tcp | --tls] [--user U --password P] [--algorithm MD5|SHA-256] COMMAND
    register [--expires N]        codes, challenges, contacts
    call TARGET [--seconds S] [--cancel-after S] [--hold-after S] [--dtmf DIGITS [--dtmf-after S]] [--header 'Name: value']...
                [--refer TARGET] [--refer-after S] [--leave-at-once] [--resume]
    answer [--code N] [--ring S] [--early S] [--bye-after S] [--header 'Name: value']... [--bye-header ...]...
                                  registers, says "registered" on stderr, serves one call
    options
  --refer, of call and answer: hands the other side over, on hold if --hold-after came first. After a NOTIFY of 200 it says
  BYE, with --leave-at-once already after the 202; after a failure it goes on, with --resume by taking it off hold.
  ua.py holds EXPRESSION          evaluates it with the report on stdin as r; prints the report

It plays a tone (--tone HZ, default 1000) as PCMA and can record what it hears (--record FILE.wav).
Loopback only; it sends nothing twice."""
import argparse, bisect, hashlib, json, math, os, re, select, socket, ssl, struct, sys, time, wave

COMPACT = dict(v="via", f="from", t="to", i="call-id", m="contact", l="content-length", c="content-type", s="subject", k="supported")
NOTED = ("reason", "warning", "retry-after", "allow", "contact", "server", "user-agent", "p-asserted-identity", "from", "to",
         "session-id", "max-forwards", "subject", "alert-info", "user-to-user", "x-lab")


class Message:
    """A request or a response, headers by lower-case name."""

    def __init__(self, raw):
        head, _, self.body = raw.partition("\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        self.start, self.headers = lines[0], {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            self.headers.setdefault(COMPACT.get(name, name), []).append(value.strip())
        first = self.start.split(" ", 2)
        self.code = int(first[1]) if first[0] == "SIP/2.0" else None
        self.method = self.get("cseq").split()[-1] if self.code else first[0]

    def get(self, name, default=""):
        return self.headers.get(name.lower(), [default])[0]

    def copy(self, *names):
        return "".join(f"{name}: {value}\r\n" for name in names for value in self.headers.get(name.lower(), []))

    def target(self):
        """The URI of the Contact."""
        found = re.search(r"<([^>]+)>", self.get("contact"))
        return found[1] if found else self.get("contact")

    def noted(self):
        return {name: self.get(name) for name in NOTED if name in self.headers}


def answer_to(challenge, method, uri, user, password):
    """The credentials for a Digest challenge (RFC 8760)."""
    given = {k.lower(): a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^",\s]+))', challenge)}
    algorithm = given.get("algorithm", "MD5")
    h = lambda text: hashlib.new({"MD5": "md5", "SHA-256": "sha256"}[algorithm.upper()], text.encode()).hexdigest()
    ha1, ha2, cnonce = h(f"{user}:{given['realm']}:{password}"), h(f"{method}:{uri}"), os.urandom(6).hex()
    value = f'Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", algorithm={algorithm}'
    if "qop" in given:
        response = h(":".join((ha1, given["nonce"], "00000001", cnonce, "auth", ha2)))
        value += f', qop=auth, nc=00000001, cnonce="{cnonce}", response="{response}"'
    else:
        value += ', response="%s"' % h(":".join((ha1, given["nonce"], ha2)))
    return value + (f', opaque="{given["opaque"]}"' if "opaque" in given else "")


def alaw_value(code):
    code ^= 0x55
    exponent, low = code >> 4 & 7, (code & 15) << 4 | 8
    value = low if exponent == 0 else (low + 0x100) << exponent - 1
    return value if code & 0x80 else -value


ALAW = [alaw_value(code) for code in range(256)]
BY_VALUE = sorted((value, code) for code, value in enumerate(ALAW))


def alaw_code(sample):
    return BY_VALUE[min(bisect.bisect(BY_VALUE, (sample,)), 255)][1]


class Audio:
    """RTP both ways: a tone out, counters and a recording in."""

    def __init__(self, address, hz):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.port, self.peer, self.next = self.socket.getsockname()[1], None, 0
        self.second = bytes(alaw_code(int(11600 * math.sin(2 * math.pi * hz * i / 8000))) for i in range(8000))
        self.sequence, self.time, self.ssrc = 1000, 0, struct.unpack("!I", os.urandom(4))[0]
        self.heard, self.received, self.types, self.events, self.last, self.sources = bytearray(), 0, {}, {}, 0.0, set()
        self.pending, self.muted, self.event = [], False, 101

    def packet(self, kind, timestamp, payload, marker=0):
        self.sequence = self.sequence + 1 & 0xFFFF
        self.socket.sendto(struct.pack("!BBHII", 0x80, marker << 7 | kind, self.sequence, timestamp, self.ssrc) + payload, self.peer)

    def tick(self, now):
        """Sends what is due; returns when to be called again."""
        if not self.peer or self.muted:
            return now + 0.02
        self.next = self.next or now
        while self.next <= now:
            if self.pending:
                digit, start, step = self.pending[0]
                start = start or self.time
                end = step >= 6
                self.packet(self.event, start, struct.pack("!BBH", digit, 0x80 * end | 10, min(step, 6) * 160 + 160), step == 0)
                self.pending[0] = (digit, start, step + 1)
                if step == 8:
                    self.pending.pop(0)
            else:
                at = self.time % 8000
                self.packet(8, self.time, self.second[at:at + 160])
            self.time += 160
            self.next += 0.02
        return self.next

    def digits(self, text):
        self.pending += [("0123456789*#ABCD".index(digit), None, 0) for digit in text]

    def read(self, now):
        data, source = self.socket.recvfrom(2048)
        if len(data) < 12 or 192 <= data[1] <= 223:
            return
        kind, stamp = data[1] & 127, struct.unpack("!I", data[4:8])[0]
        self.received, self.last = self.received + 1, now
        self.sources.add("%s:%d" % source)
        self.types[kind] = self.types.get(kind, 0) + 1
        if kind == 101:
            self.events[stamp] = "0123456789*#ABCD"[data[12] & 15]
        elif kind == 8:
            self.heard += data[12:]

    def save(self, path):
        with wave.open(path, "wb") as out:
            out.setparams((1, 2, 8000, 0, "NONE", ""))
            out.writeframes(struct.pack("<%dh" % len(self.heard), *(ALAW[code] for code in self.heard)))

    def report(self):
        return dict(received=self.received, types=self.types, digits="".join(self.events[k] for k in sorted(self.events)),
                    sources=sorted(self.sources))


class Phone:
    def __init__(self, options):
        self.o, self.report = options, dict(codes=[], reasons=[])
        host, _, port = options.server.rpartition(":")
        self.server = (host, int(port))
        address, _, local = options.at.partition(":")
        self.tcp, self.buffer, self.inbox = options.tcp or options.tls, b"", []
        if self.tcp:
            self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port of a phone before is still waiting
            self.socket.settimeout(5)
            self.socket.bind((address, int(local or 0)))
            self.socket.connect(self.server)
            if options.tls:
                # Whose certificate it is, is the matter of `secure`.
                self.socket = ssl._create_unverified_context().wrap_socket(self.socket)
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind((address, int(local or 0)))
        self.address, self.port = self.socket.getsockname()
        self.transport = "TLS" if options.tls else "TCP" if self.tcp else "UDP"
        self.contact = f"<sip:{options.user or 'lab'}@{self.address}:{self.port};transport={self.transport.lower()}>"
        self.audio = Audio(self.address, options.tone)

    # --- the wire

    def send(self, text):
        if self.o.trace:
            print(">>>\n" + text, file=sys.stderr)
        data = text.encode()
        self.socket.sendall(data) if self.tcp else self.socket.sendto(data, self.server)

    def take(self):
        """Reads the socket into the inbox."""
        if not self.tcp:
            data = self.socket.recv(65535)
            return self.inbox.append(Message(data.decode("utf8", "replace"))) if data.strip() else None
        data = self.socket.recv(65535)
        while self.o.tls and self.socket.pending():
            data += self.socket.recv(65535)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data
        while b"\r\n\r\n" in self.buffer.lstrip(b"\r\n"):
            self.buffer = self.buffer.lstrip(b"\r\n")
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            found = re.search(rb"(?mi)^(?:content-length|l)\s*:\s*(\d+)", head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                return
            self.inbox.append(Message((head + b"\r\n\r\n" + rest[:length]).decode("utf8", "replace")))
            self.buffer = rest[length:]

    def receive(self, until):
        """The next message, or none when the time has come; audio goes on meanwhile."""
        while True:
            if self.inbox:
                message = self.inbox.pop(0)
                if self.o.trace:
                    print("<<< " + message.start + "\n", message.headers, file=sys.stderr)
                return message
            now = time.monotonic()
            if now >= until:
                return None
            wake = min(self.audio.tick(now), until)
            ready, _, _ = select.select([self.socket, self.audio.socket], [], [], max(wake - now, 0))
            if self.audio.socket in ready:
                self.audio.read(time.monotonic())
            if self.socket in ready:
                self.take()

    def request(self, method, uri, leg, extra="", body="", branch=None):
        branch = branch or "z9hG4bK" + os.urandom(6).hex()
        if method not in ("ACK", "CANCEL"):
            leg["cseq"] += 1
        number = leg["cseq"]
        self.send(f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport} {self.address}:{self.port};branch={branch};rport\r\n"
                  f"Max-Forwards: 70\r\nFrom: {leg['from']}\r\nTo: {leg['to']}\r\nCall-ID: {leg['id']}\r\nCSeq: {number} {method}\r\n"
                  f"Contact: {self.contact}\r\n{leg.get('route', '')}{extra}"
                  + ("Content-Type: application/sdp\r\n" if body else "") + f"Content-Length: {len(body)}\r\n\r\n{body}")
        return branch

    def respond(self, request, code, text, leg_tag="", extra="", body=""):
        to = request.get("to")
        if leg_tag and ";tag=" not in to:
            to += ";tag=" + leg_tag
        self.send(f"SIP/2.0 {code} {text}\r\n" + request.copy("Via", "Record-Route") + f"From: {request.get('from')}\r\nTo: {to}\r\n"
                  + request.copy("Call-ID", "CSeq") + f"Contact: {self.contact}\r\n{extra}"
                  + ("Content-Type: application/sdp\r\n" if body else "") + f"Content-Length: {len(body)}\r\n\r\n{body}")

    def sdp(self, direction="sendrecv", version=1):
        return (f"v=0\r\no=lab 1 {version} IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\n"
                f"m=audio {self.audio.port} RTP/AVP {self.o.formats}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
                f"a=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n")

    def hear(self, message):
        """Takes the media address of an offer or answer."""
        address, port = re.search(r"(?m)^c=IN IP4 (\S+)", message.body), re.search(r"(?m)^m=audio (\d+)", message.body)
        if address and port and int(port[1]):
            self.audio.peer = (address[1], int(port[1]))
            self.report["media"] = "%s:%d" % self.audio.peer
            event = re.search(r"(?m)^a=rtpmap:(\d+) telephone-event/8000", message.body)
            self.audio.event = int(event[1]) if event else 101
            self.report["direction"] = (re.search(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)", message.body) or [0, "sendrecv"])[1]

    # --- requests with an answer

    def leg(self, target=None):
        user = f"<sip:{self.o.user or 'lab'}@{self.o.domain}>"
        return dict(id=os.urandom(8).hex(), cseq=0, to=f"<{target}>" if target else user, **{"from": user + ";tag=" + os.urandom(4).hex()})

    def final(self, leg, method, until):
        """The final response to the newest request of the leg; provisional ones are noted."""
        aside = []
        while message := self.receive(until):
            if message.code and message.get("call-id") == leg["id"] and message.get("cseq") == f"{leg['cseq']} {method}":
                self.report["codes"].append(message.code)
                if message.code >= 200:
                    self.inbox[:0] = aside
                    return message
                self.on_provisional(message)
            elif message.method == "OPTIONS":
                self.respond(message, 200, "OK")
            elif message.method == "NOTIFY" and message.get("call-id") == leg["id"] and not message.code:
                aside.append(message)
        self.inbox[:0] = aside
        self.report["timeout"] = method
        return None

    def on_provisional(self, message):
        if "reason" in message.headers:
            self.report["reasons"].append(message.get("reason"))
        if message.body:
            self.hear(message)
            self.report["early"] = True

    def credentials(self, response, method, uri):
        self.report["challenges"] = [re.search(r"(?i)algorithm=\"?([\w-]+)", c) for n in ("www-authenticate", "proxy-authenticate")
                                     for c in response.headers.get(n, [])]
        self.report["challenges"] = [found[1] if found else "MD5" for found in self.report["challenges"]]
        name = "Authorization" if response.code == 401 else "Proxy-Authorization"
        offered = response.headers.get("www-authenticate" if response.code == 401 else "proxy-authenticate", [])
        wanted = self.o.algorithm
        for challenge in offered:
            given = (re.search(r"(?i)algorithm=\"?([\w-]+)", challenge) or [0, "MD5"])[1]
            if not wanted or given.upper() == wanted.upper():
                return f"{name}: {answer_to(challenge, method, uri, self.o.auth_user or self.o.user, self.o.password)}\r\n"
        return ""

    def register(self, expires=None):
        uri, leg, extra = f"sip:{self.o.domain}", self.leg(), ""
        expires = self.o.expires if expires is None else expires
        for _ in range(2):
            self.request("REGISTER", uri, leg, f"Expires: {expires}\r\n" + extra)
            response = self.final(leg, "REGISTER", time.monotonic() + self.o.wait)
            if not response or response.code != 401 or extra:
                break
            extra = self.credentials(response, "REGISTER", uri)
            if not extra:
                break
        self.report["final"] = response.code if response else None
        if response:
            self.report.update(headers=response.noted(), contacts=response.headers.get("contact", []))
        return bool(response) and response.code == 200

    def options(self):
        uri, leg = f"sip:{self.o.server}", self.leg(f"sip:{self.o.server}")
        self.request("OPTIONS", uri, leg)
        response = self.final(leg, "OPTIONS", time.monotonic() + self.o.wait)
        self.report["final"] = response.code if response else None
        if response:
            self.report["headers"] = response.noted()

    # --- calls

    def call(self):
        target = self.o.target if self.o.target.startswith("sip:") else f"sip:{self.o.target}@{self.o.domain}"
        leg, extra, started = self.leg(target), "".join(h + "\r\n" for h in self.o.header), time.monotonic()
        auth = ""
        for _ in range(2):
            branch = self.request("INVITE", target, leg, extra + auth, self.sdp())
            response = self.invited(leg, target, branch, started)
            if response and response.code >= 300:
                self.request("ACK", target, dict(leg, to=response.get("to")), branch=branch)
            if not response or response.code not in (401, 407) or auth or not self.o.password:
                break
            auth = self.credentials(response, "INVITE", target)
            if not auth:
                break
        self.report.update(final=response.code if response else None, setup_ms=round((time.monotonic() - started) * 1000))
        if not response:
            return
        self.report["headers"], self.report["text"] = response.noted(), response.start.split(" ", 2)[2]
        if response.code >= 300:
            return
        self.hear(response)
        leg.update(to=response.get("to"), route="".join(f"Route: {r}\r\n" for r in reversed(response.headers.get("record-route", []))))
        uri = response.target()
        self.request("ACK", uri, leg)
        self.talk(leg, uri, response, self.o.seconds)

    def invited(self, leg, target, branch, started):
        """The final response to an INVITE; sends CANCEL when asked to."""
        cancel_at = started + self.o.cancel_after if self.o.cancel_after is not None else None
        until = started + self.o.wait
        response = self.final(leg, "INVITE", min(until, cancel_at or until))
        if response or cancel_at is None:
            return response
        self.report.pop("timeout", None)
        self.request("CANCEL", target, leg, "".join(h + "\r\n" for h in self.o.bye_header), branch=branch)
        while message := self.receive(until):
            if message.code and message.method == "CANCEL":
                self.report["cancel"] = message.code
            elif message.code and message.code >= 200 and message.get("cseq") == f"{leg['cseq']} INVITE":
                self.report["codes"].append(message.code)
                return message
        return None

    def talk(self, leg, uri, accepted, seconds):
        """Until the time is over (then BYE) or the other side hangs up."""
        started = time.monotonic()
        end, hold_at, on_hold = started + seconds, self.o.hold_after, False
        dtmf_at = self.o.dtmf_after if self.o.dtmf else None
        refer_at = self.o.refer_after if self.o.refer else None
        while True:
            until = min(end, *(started + at for at in (hold_at, refer_at, dtmf_at) if at is not None), end)
            message = self.receive(until)
            if not message:
                if dtmf_at is not None and until == started + dtmf_at:
                    dtmf_at = None
                    self.audio.digits(self.o.dtmf)
                    continue
                if refer_at is not None and until == started + refer_at:
                    refer_at, hold_at = None, None
                    self.refer(leg, uri)
                    if self.o.leave_at_once:
                        break
                    continue
                if hold_at is not None and until < end:
                    hold_at, on_hold = (hold_at + 2 if not on_hold else None), not on_hold
                    self.reinvite(leg, uri, "sendonly" if on_hold else "sendrecv")
                    continue
                break
            if message.code == 200 and message.get("cseq") == accepted.get("cseq") and accepted.method == "INVITE" and accepted.code:
                self.request("ACK", uri, leg)
            elif self.serve(message, leg):
                self.finish_audio(started)
                return
            elif message.method == "NOTIFY" and message.get("call-id") == leg["id"] and not message.code and (told := re.match(r"SIP/2.0 (\d+)", message.body)):
                code = int(told[1])
                self.report.setdefault("notified", []).append(code)
                if 200 <= code < 300:
                    break
                if code >= 300 and self.o.resume:
                    self.reinvite(leg, uri, "sendrecv")
        self.finish_audio(started)
        self.request("BYE", uri, leg, "".join(h + "\r\n" for h in self.o.bye_header))
        response = self.final(leg, "BYE", time.monotonic() + 5)
        self.report["bye"] = dict(by="us", answer=response.code if response else None)

    def reinvite(self, leg, uri, direction):
        self.report["version"] = self.report.get("version", 1) + 1
        branch = self.request("INVITE", uri, leg, body=self.sdp(direction, self.report["version"]))
        response = self.final(leg, "INVITE", time.monotonic() + 5)
        code = response.code if response else None
        self.report.setdefault("reinvites", []).append([direction, code])
        self.request("ACK", uri, leg, branch=None if code == 200 else branch)
        if code == 200:
            self.hear(response)

    def refer(self, leg, uri):
        target = self.o.refer if self.o.refer.startswith("sip:") else f"sip:{self.o.refer}@{self.o.domain}"
        self.request("REFER", uri, leg, f"Refer-To: <{target}>\r\n")
        response = self.final(leg, "REFER", time.monotonic() + 5)
        self.report["refer"] = response.code if response else None

    def serve(self, message, leg):
        """A request within the call; true when it was its end."""
        if message.code or message.method == "ACK":
            return False
        if message.method == "BYE" and message.get("call-id") != leg["id"]:
            # Of a call that whoever had this address before has left.
            self.respond(message, 481, "Call Does Not Exist")
            return False
        if message.method == "BYE":
            self.respond(message, 200, "OK")
            self.report["bye"] = dict(by="peer", reason=message.get("reason"), headers=message.noted())
            return True
        if message.method == "INVITE":
            self.hear(message)
            direction = {"sendonly": "recvonly", "inactive": "inactive", "recvonly": "sendonly"}.get(self.report["direction"], "sendrecv")
            self.report.setdefault("offers", []).append(self.report["direction"])
            self.report["version"] = self.report.get("version", 1) + 1
            self.respond(message, 200, "OK", body=self.sdp(direction, self.report["version"]))
        elif message.method == "INFO":
            self.report.setdefault("info", []).append(message.body)
            self.respond(message, 200, "OK")
        else:
            self.respond(message, 200, "OK")
        return False

    def finish_audio(self, started):
        self.report["rtp"] = self.audio.report()
        self.report["talk_s"] = round(time.monotonic() - started, 2)
        if self.o.record:
            self.audio.save(self.o.record)

    def answer(self):
        if self.o.user and self.o.password and not self.register():
            return
        self.report["codes"] = []
        print("registered", file=sys.stderr, flush=True)
        invite = self.receive(time.monotonic() + self.o.wait)
        while invite and invite.method != "INVITE":
            if not invite.code:
                self.respond(invite, 200, "OK")
            invite = self.receive(time.monotonic() + self.o.wait)
        if not invite:
            self.report["timeout"] = "INVITE"
            return
        self.report["invite"] = dict(invite.noted(), uri=invite.start.split()[1], vias=len(invite.headers["via"]))
        tag, extra = os.urandom(4).hex(), "".join(h + "\r\n" for h in self.o.header)
        self.respond(invite, 100, "Trying")
        self.respond(invite, 183 if self.o.early else 180, "Progress", tag, body=self.sdp() if self.o.early else "")
        if invite.body:
            self.hear(invite)
        self.audio.muted = not self.o.early
        ended = self.ring(invite, tag)
        if ended:
            return
        if self.o.code != 200:
            self.refuse(invite, tag, extra)
            return
        self.audio.muted = False
        self.respond(invite, 200, "OK", tag, extra, self.sdp())
        to = invite.get("to") + ";tag=" + tag
        leg = {"id": invite.get("call-id"), "cseq": 0, "from": to, "to": invite.get("from"),
               "route": "".join(f"Route: {r}\r\n" for r in invite.headers.get("record-route", []))}
        seconds = self.o.bye_after if self.o.bye_after is not None else self.o.wait
        self.talk(leg, invite.target(), invite, seconds)

    def ring(self, invite, tag):
        """Rings for --ring seconds; true when the caller gave up."""
        until = time.monotonic() + max(self.o.ring, self.o.early or 0)
        while message := self.receive(until):
            if message.method == "CANCEL":
                self.respond(message, 200, "OK", tag)
                self.respond(invite, 487, "Request Terminated", tag)
                self.report["cancelled"] = dict(reason=message.get("reason"))
                self.ended_by_ack(2)
                return True
        return False

    def refuse(self, invite, tag, extra):
        """Who had no codec is asked again with others."""
        self.respond(invite, self.o.code, self.o.text, tag, extra)
        self.ended_by_ack(2)
        again = self.receive(time.monotonic() + 1) if self.o.code == 488 else None
        if again and again.method == "INVITE":
            self.refuse(again, tag, extra)

    def ended_by_ack(self, seconds):
        until = time.monotonic() + seconds
        while message := self.receive(until):
            if message.method == "ACK":
                self.report["acked"] = True
                return


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--server", default="127.0.0.1:5060")
    add("--domain", help="of the address of record [the server's address]")
    add("--at", default="127.0.0.31")
    add("--tcp", action="store_true"), add("--tls", action="store_true")
    add("--trace", action="store_true", help="every message on stderr")
    add("--user"), add("--password"), add("--auth-user"), add("--algorithm")
    add("--tone", type=float, default=1000)
    add("--record"), add("--formats", default="8 101", help="payload types offered")
    add("--expires", type=int, default=120)
    add("--wait", type=float, default=15, help="seconds for whatever is waited for")
    add("--seconds", type=float, default=2), add("--cancel-after", type=float), add("--hold-after", type=float)
    add("--refer"), add("--refer-after", type=float, default=2)
    add("--leave-at-once", action="store_true"), add("--resume", action="store_true")
    add("--dtmf", default=""), add("--dtmf-after", type=float, default=0), add("--header", action="append", default=[]), add("--bye-header", action="append", default=[])
    add("--code", type=int, default=200), add("--text", default="As Asked"), add("--ring", type=float, default=0)
    add("--early", type=float), add("--bye-after", type=float)
    add("command", choices=("register", "call", "answer", "options"))
    add("target", nargs="?")
    chosen = parser.parse_args()
    chosen.domain = chosen.domain or chosen.server.rpartition(":")[0]
    if not all(address.startswith(("127.", "203.0.113.")) for address in (chosen.server, chosen.at)):
        parser.error("loopback and 203.0.113.0/24 only")
    return chosen


def holds(expression):
    r = json.load(sys.stdin)
    print(expression, json.dumps(r))
    sys.exit(not eval(expression, {"r": r}))


def main():
    if sys.argv[1:2] == ["holds"]:
        holds(sys.argv[2])
    phone = Phone(options())
    try:
        getattr(phone, phone.o.command)()
    except ConnectionError as error:
        phone.report["broken"] = str(error)
    if phone.audio.received and "rtp" not in phone.report:
        phone.report["rtp"] = phone.audio.report()
        if phone.o.record:
            phone.audio.save(phone.o.record)
    print(json.dumps(phone.report))


main()
