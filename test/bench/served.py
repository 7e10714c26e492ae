#!/usr/bin/env python3
"""What calls cost that the server itself talks to: CPU per call and second while it plays to them, records them or mixes them.
The callers say speech in PCMA all the time, or are quiet; what they should have heard and the files that should be there are
counted. See README.md. Loopback only, bounded."""
import argparse, glob, os, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/lib")
import generator, ng, plan, results, sipcalls

PCMA = (8, "PCMA/8000", None)
QUIET = 96            # the payload type by which rtpgen knows what the quiet ones say
WARM_S = 3.5
VARIED = 0.25         # so many packets are not silence where speech is heard
LATE = 0.98           # of what is due, so much is all of it: the ends of a run are not sharp


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("test", choices=("playback", "recording", "mixing"))
    add("--name", required=True)
    add("--pid", type=int, action="append", required=True)
    add("--sip", required=True, help="HOST:PORT of the server")
    add("--run", required=True)
    add("--files", help="where the server keeps what it records")
    add("--calls", type=int, default=200)
    add("--rooms", type=int, default=1, help="of a mixing, with so many calls each")
    add("--talkers", type=int, default=3, help="of each room; the others are quiet")
    add("--native", action="store_true", help="what is played lies there in the codec of the call, where the server can use that")
    add("--secs", type=float, default=10)
    add("--repeats", type=int, default=3)
    add("--sockets", type=int, default=20)
    add("--note", default="")
    return parser.parse_args()


class Served:
    def __init__(self, options):
        self.o = options
        self.emit = results.Results(options.run, test=options.test, server=options.name, note=options.note)
        self.count = options.calls * (options.rooms if options.test == "mixing" else 1)
        self.ports = [45000 + 2 * i for i in range(options.sockets)]

    def number(self, call):
        if self.o.test == "mixing":
            return plan.room(call % self.o.rooms)
        return plan.RECORD if self.o.test == "recording" else plan.PLAY_ALAW if self.o.native else plan.PLAY

    def talks(self, call):
        return self.o.test != "mixing" or call // self.o.rooms < self.o.talkers

    def call(self, calls, call):
        offer = ng.sdp(self.ports[call % len(self.ports)], [PCMA], ip=plan.CALLER)
        heard = ng.parse(calls.call("bench", None, self.number(call), offer, None)[1].encode())
        return heard["ip"], heard["port"]

    def table(self, places):
        lines = [f"sock {i} {plan.CALLER} {port}" for i, port in enumerate(self.ports)]
        lines += [f"packets {PCMA[0]} 160 {self.o.run}/speech.packets", f"packets {QUIET} 160 {self.o.run}/quiet.packets as {PCMA[0]}"]
        for call, (ip, port) in enumerate(places):
            kind = PCMA[0] if self.talks(call) else QUIET
            lines.append(f"flow {call % len(self.ports)} {ip} {port} {kind} {3000000 + 7 * call}")
        return generator.write(f"{self.o.run}/served.table", lines)

    def play(self, table, seconds, sequence):
        spent, got = generator.play(self.o.run, self.o.pid, table, seconds, sequence)
        each = spent.cpu / (self.count * seconds)
        due = 0 if self.o.test == "recording" else round(LATE * self.count * seconds * 50)
        heard = got["received"] if got["varied"] >= VARIED * got["received"] else 0
        return dict(cpu=round(spent.cpu, 2), us_per_op=round(each * 1e6, 1), sent=got["sent"], received=got["received"],
                    varied=got["varied"], lost=max(0, due - heard), **spent.lost(),
                    threads={name: round(spent / self.count / seconds * 1e6, 1) for name, spent in spent.threads.items() if spent > 0.02})

    def run(self):
        calls = sipcalls.Calls(self.o.sip, self.o.sip.split(":")[0], at=plan.CALLER)
        before, played = self.files(), 0
        places = [self.call(calls, call) for call in range(self.count)]
        try:
            table, sequence = self.table(places), 1000
            for repeat, seconds in enumerate([WARM_S] + [self.o.secs] * self.o.repeats, -1):
                result = self.play(table, seconds, sequence)
                self.emit(**({"repeat": repeat} if repeat >= 0 else {"discarded": True}), **result)
                sequence += round(seconds * 50)
                played += seconds
        finally:
            calls.hangup()
        if self.o.test == "recording":
            self.look(before, played)

    def files(self):
        return set(glob.glob(self.o.files + "/*.wav")) if self.o.files else set()

    def look(self, before, seconds):
        """Each call has a file by now, with all that was said."""
        time.sleep(2)
        whole = [path for path in self.files() - before if os.path.getsize(path) >= LATE * seconds * 16000]
        self.emit(repeat=0, test="recorded", files=len(whole), lost=self.count - len(whole))


if __name__ == "__main__":
    Served(arguments()).run()
