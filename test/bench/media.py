#!/usr/bin/env python3
"""RTP load on a media relay: PCMA both ways, and what the *relay* spent on it. See README.md. Loopback only, bounded.
With --convert speech one way between codecs, from the packets that the example `conversions` of test/cost wrote to RUN.
The calls are set up by the ng protocol (rtpengine's), or by INVITE through a SIP server; `direct` is the generator alone,
the floor of the latency."""
import argparse, json, os, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
import generator, ice, meter, ng, proc, results, sipcalls

PCMA = (8, "PCMA/8000", None)
CODECS = dict(pcma=PCMA, pcmu=(0, "PCMU/8000", None), g722=(9, "G722/8000", None), opus=(96, "opus/48000/2", "useinbandfec=1"))
STEPS = dict(pcma=160, pcmu=160, g722=160, opus=960)
WARM_S = 3.5          # first seconds of each call (a relay learns the endpoints) are outside all runs


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--direct", action="store_true")
    how.add_argument("--ng", help="HOST:PORT of a relay's control socket")
    how.add_argument("--sip", help="HOST:PORT of a server that anchors media")
    add("--name", required=True)
    add("--pid", type=int, action="append", default=[])
    add("--run", required=True)
    add("--domain", default="bench.test")
    add("--group", type=int, default=0, help="which 100 of the users r000000… and which ports: groups run at once")
    add("--sdes", action="store_true", help="the callers are encrypted, by keys in their descriptions")
    add("--dtls", action="store_true", help="the callers are browsers: ICE, keys by DTLS, a port each")
    add("--convert", help="FROM-TO: the callers say speech in one codec, the callees know another alone; one direction")
    add("--calls", type=int, default=250)
    add("--secs", type=float, default=10)
    add("--repeats", type=int, default=3, help="runs that count; one more goes before them")
    add("--sockets", type=int, default=20, help="per side")
    add("--note", default="")
    return parser.parse_args()


class Certificate:
    """What the callers of DTLS show, made anew: certificate and key in one file."""

    def __init__(self, run):
        self.path = run + "/dtls.pem"
        made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                "-subj", "/CN=bench", "-keyout", self.path + ".key", "-out", self.path + ".crt"]
        subprocess.run(made, check=True, stderr=subprocess.DEVNULL)
        shown = ["openssl", "x509", "-in", self.path + ".crt", "-noout", "-fingerprint", "-sha256"]
        self.fingerprint = subprocess.check_output(shown, text=True).strip().split("=", 1)[1]
        with open(self.path, "w") as both:
            for part in (".crt", ".key"):
                both.write(open(self.path + part).read())


class Media:
    def __init__(self, options):
        self.o = options
        test, ways = ("convert", 1) if options.convert else ("media", 2)
        self.emit = results.Results(options.run, test=test, server=options.name, note=options.note, streams=ways * options.calls)
        self.said, self.wanted = (options.convert or "pcma-pcma").split("-")
        self.mine, self.yours = CODECS[self.said], CODECS[self.wanted]
        first = 40000 + 100 * options.group
        # A browser is known by its port.
        self.port_a = [first + 2 * i for i in range(options.calls if options.dtls else options.sockets)]
        self.ours, self.theirs, self.agents = {}, {}, {}
        self.certificate = Certificate(options.run) if options.dtls else None
        self.port_b = [first + 1000 + 2 * i for i in range(options.sockets)]

    # Each way of setting up yields (where A sends, where B sends), and keeps the keys of A's side.

    def key(self, call):
        if self.o.sdes:
            self.ours[call] = os.urandom(30)
        return self.ours.get(call)

    def ports(self, call):
        return [ports[call % len(ports)] for ports in (self.port_a, self.port_b)]

    def offer(self, port, call):
        browser = dict(dtls=self.certificate.fingerprint, checks=bool(self.o.sip)) if self.o.dtls else {}
        return ng.sdp(port, [self.mine], key=self.key(call), **browser)

    def by_nothing(self, call):
        a, b = self.ports(call)
        return ("127.0.0.1", b), ("127.0.0.1", a)

    def by_ng(self, control, call):
        a, b = self.ports(call)
        shared = dict(call_id=f"bench-{os.getpid()}-{call}", from_tag="a", replace=["origin", "session-connection"], ICE="remove",
                      rtcp_mux=["demux"])
        if self.o.sdes or self.o.dtls:
            shared["transport_protocol"] = "RTP/AVP"
        converted = dict(codec=dict(transcode=[self.yours[1]], mask=[self.mine[1].split("/")[0]])) if self.said != self.wanted else {}
        offer = control("offer", sdp=self.offer(a, call), **shared, **converted)
        assert offer["result"] == b"ok", offer
        shared.pop("transport_protocol", None)
        answer = control("answer", to_tag="b", sdp=self.answer(b, offer["sdp"]), **shared)
        assert answer["result"] == b"ok", answer
        self.theirs[call] = ng.parse(answer["sdp"])["key"]
        return tuple((side["ip"], side["port"]) for side in (ng.parse(answer["sdp"]), ng.parse(offer["sdp"])))

    def by_sip(self, calls, call):
        a, b = self.ports(call)
        caller, callee = (f"{100 * self.o.group + number:06}" for number in (1 + call, 0))
        offer, answer = calls.call("r" + caller, "pw" + caller, "r" + callee,
                                   self.offer(a, call), lambda asked: self.answer(b, asked.encode()))
        heard = ng.parse(answer.encode())
        self.theirs[call] = heard["key"]
        if self.o.dtls:
            self.agents[call] = (heard["ip"], heard["port"]), heard["ufrag"], ng.AGENT, heard["password"]
        return tuple((side["ip"], side["port"]) for side in (ng.parse(answer.encode()), ng.parse(offer.encode())))

    def answer(self, port, offer):
        """What the callee answers: its one codec by the number in the offer, or nothing."""
        number = ng.parse(offer)["types"].get(self.yours[1].lower())
        return None if number is None else ng.sdp(port, [(number, *self.yours[1:])])

    def set_up(self):
        """-> (pairs of addresses, function that ends the calls)"""
        if self.o.direct:
            return [self.by_nothing(call) for call in range(self.o.calls)], lambda: None
        if self.o.ng:
            control = ng.Ng(self.o.ng)
            assert control("ping")["result"] == b"pong"
            one = lambda call: self.by_ng(control, call)
            end = lambda: [control("delete", call_id=f"bench-{os.getpid()}-{call}") for call in range(self.o.calls)]
        else:
            calls = sipcalls.Calls(self.o.sip, self.o.domain, *(5081 + 2 * self.o.group + side for side in (0, 1)))
            callee = f"{100 * self.o.group:06}"
            calls.register("r" + callee, "pw" + callee)
            one, end = lambda call: self.by_sip(calls, call), calls.hangup
        pss = proc.pss(self.o.pid)
        pairs = [one(call) for call in range(self.o.calls)]
        self.emit(phase="setup", calls=self.o.calls, pss_per_call=round((proc.pss(self.o.pid) - pss) / self.o.calls))
        if self.o.dtls:
            self.shake_hands(pairs, pss)
        return pairs, end

    def consent(self):
        for call, agent in self.agents.items():
            assert ice.check(self.port_a[call], *agent), f"no answer to a check of call {call}"

    def shake_hands(self, pairs, pss):
        """Checks and handshakes of all callers; what they cost the relay, and what a call holds then."""
        lines = "".join(f"{self.port_a[call]} {ip} {port}\n" for call, ((ip, port), _) in enumerate(pairs))
        with meter.Meter(self.o.pid) as spent:
            self.consent()
            keys = subprocess.run([f"{self.o.run}/dtls", self.certificate.path, self.certificate.path], input=lines,
                                  stdout=subprocess.PIPE, check=True, text=True, timeout=300).stdout.splitlines()
        for call, both in enumerate(keys):
            self.ours[call], self.theirs[call] = map(bytes.fromhex, both.split())
        self.emit(test="handshake", repeat=0, us_per_op=round(spent.cpu / self.o.calls * 1e6, 1),
                  bytes_each=round((proc.pss(self.o.pid) - pss) / self.o.calls))

    def table(self, pairs):
        lines = [f"sock {i} 127.0.0.1 {port}" for i, port in enumerate(self.port_a + self.port_b)]
        if self.o.convert:
            lines.append(f"packets {self.mine[0]} {STEPS[self.said]} {self.o.run}/{self.said}.packets")
        for side in (0,) if self.o.convert else (0, 1):
            for call, pair in enumerate(pairs):
                ip, port = pair[side]
                key = self.ours.get(call, b"").hex() if side == 0 else ""
                socket = (call % len(self.port_a), len(self.port_a) + call % len(self.port_b))[side]
                lines.append(f"flow {socket} {ip} {port} {self.mine[0]} {1000000 * (side + 1) + call} {key}")
        # What B says comes to A under the relay's key.
        lines += [f"key {2000000 + call} {self.theirs[call].hex()}" for call in self.ours]
        return generator.write(f"{self.o.run}/media.{self.o.group}.table", lines)

    def play(self, table, seconds, sequence):
        spent, got = generator.play(self.o.run, self.o.pid, table, seconds, sequence)
        return dict(cpu=round(spent.cpu, 2), us_per_op=round(spent.cpu / max(1, got["received"]) * 1e6, 2),
                    lost=got["sent"] - got["received"], **spent.lost(), **(self.untimed(got) if self.o.convert else got))

    @staticmethod
    def untimed(got):
        """What is converted carries no time."""
        return {key: value for key, value in got.items() if key[0] != "p" and key != "max"}

    def run(self):
        pairs, end = self.set_up()
        try:
            table, sequence = self.table(pairs), 1000
            for repeat, seconds in enumerate([WARM_S, self.o.secs] + [self.o.secs] * self.o.repeats, -2):
                self.consent()
                result = self.play(table, seconds, sequence)
                self.emit(**({"repeat": repeat} if repeat >= 0 else {"discarded": True}), **result)
                sequence += round(seconds * 50)
        finally:
            end()


Media(arguments()).run()
