#!/usr/bin/env python3
"""RTP load on a media relay: PCMA both ways, and what the *relay* spent on it. See README.md. Loopback only, bounded.
The calls are set up by the ng protocol (rtpengine's), or by INVITE through a SIP server; `direct` is the generator alone,
the floor of the latency."""
import argparse, json, os, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
import ng, proc, sipcalls

PCMA = (8, "PCMA/8000", None)
WARM_S = 3.5          # first seconds of each call (a relay learns the endpoints) are outside the measured repeats


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
    add("--user", default="r{:06}", help="users, from 1 on; the first is the callee of all")
    add("--calls", type=int, default=250)
    add("--secs", type=float, default=10)
    add("--repeats", type=int, default=3)
    add("--sockets", type=int, default=20, help="per side")
    add("--note", default="")
    return parser.parse_args()


class Media:
    def __init__(self, options):
        self.o = options
        self.port_a = [40000 + 2 * i for i in range(options.sockets)]
        self.port_b = [41000 + 2 * i for i in range(options.sockets)]

    def emit(self, **values):
        line = json.dumps(dict(test="media", server=self.o.name, note=self.o.note, time=time.strftime("%H:%M:%S"),
                               load=round(os.getloadavg()[0], 1), **values))
        print(line, flush=True)
        with open(self.o.run + "/results.jsonl", "a") as out:
            out.write(line + "\n")

    # Each way of setting up yields (where A sends, where B sends) and returns how to end the calls.

    def by_nothing(self, call):
        return ("127.0.0.1", self.port_b[call % self.o.sockets]), ("127.0.0.1", self.port_a[call % self.o.sockets])

    def by_ng(self, control, call):
        a, b = (ports[call % self.o.sockets] for ports in (self.port_a, self.port_b))
        shared = dict(call_id=f"bench-{os.getpid()}-{call}", from_tag="a", replace=["origin", "session-connection"], ICE="remove",
                      rtcp_mux=["demux"])
        offer = control("offer", sdp=ng.sdp(a, [PCMA]), **shared)
        assert offer["result"] == b"ok", offer
        answer = control("answer", to_tag="b", sdp=ng.sdp(b, [PCMA]), **shared)
        assert answer["result"] == b"ok", answer
        return tuple((side["ip"], side["port"]) for side in (ng.parse(answer["sdp"]), ng.parse(offer["sdp"])))

    def by_sip(self, calls, call):
        a, b = (ports[call % self.o.sockets] for ports in (self.port_a, self.port_b))
        offer, answer = calls.call(self.o.user.format(2 + call), f"pw{2 + call:06}", self.o.user.format(1), ng.sdp(a, [PCMA]),
                                   ng.sdp(b, [PCMA]))
        return tuple((side["ip"], side["port"]) for side in (ng.parse(answer.encode()), ng.parse(offer.encode())))

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
            calls = sipcalls.Calls(self.o.sip, self.o.domain)
            calls.register(self.o.user.format(1), "pw000001")
            one, end = lambda call: self.by_sip(calls, call), calls.hangup
        pss = proc.pss(self.o.pid)
        with proc.Meter(self.o.pid) as meter:
            pairs = [one(call) for call in range(self.o.calls)]
        self.emit(phase="setup", calls=self.o.calls, us_per_setup=round(meter.cpu / self.o.calls * 1e6, 1),
                  pss_per_call=round((proc.pss(self.o.pid) - pss) / self.o.calls))
        return pairs, end

    def table(self, pairs):
        lines = [f"sock {i} 127.0.0.1 {port}" for i, port in enumerate(self.port_a + self.port_b)]
        for side in (0, 1):
            for call, pair in enumerate(pairs):
                ip, port = pair[side]
                lines.append(f"flow {call % self.o.sockets + side * self.o.sockets} {ip} {port} 8 {1000000 * (side + 1) + call}")
        path = f"{self.o.run}/media.table"
        with open(path, "w") as out:
            out.write("\n".join(lines) + "\n")
        return path

    def play(self, table, seconds, sequence):
        with proc.Meter(self.o.pid) as meter:
            out = subprocess.run([f"{self.o.run}/rtpgen", "-t", table, "-d", str(seconds), "-q", str(sequence)],
                                 stdout=subprocess.PIPE, check=True, text=True, timeout=seconds + 60).stdout
        got = json.loads(out)
        return dict(calls=self.o.calls, streams=2 * self.o.calls, cpu=round(meter.cpu, 2),
                    us_per_packet=round(meter.cpu / max(1, got["received"]) * 1e6, 2),
                    loss_pct=round(100 * (1 - got["received"] / max(1, got["sent"])), 4), **got)

    def run(self):
        pairs, end = self.set_up()
        try:
            table, sequence, results = self.table(pairs), 1000, []
            self.emit(phase="warm", loss_pct=self.play(table, WARM_S, sequence)["loss_pct"])
            sequence += round(WARM_S * 50)
            for repeat in range(self.o.repeats):
                results.append(self.play(table, self.o.secs, sequence))
                self.emit(repeat=repeat, **results[-1])
                sequence += round(self.o.secs * 50)
            self.emit(summary=True, **{key: statistics.median(r[key] for r in results)
                                       for key in ("us_per_packet", "loss_pct", "p50", "p99", "p999")})
        finally:
            end()


Media(arguments()).run()
