#!/usr/bin/env python3
"""What a SIP server keeps: memory of a binding and of a held call, round after round. See README.md.

  binding   registers all users in steps on a server that has none; the growth is a line through the steps, so that
            room freed before it, which the first step may fill, does not hide in it
  held      calls up at once, first when the transactions that set them up are over
After each round the server rests until timers of its transactions have run out."""
import argparse, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import proc, results, sipp, slope, subprocess

REST_S = 36           # Timers H, J, L and D end after 32 s
SETTLE_S = 4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("test", choices=("binding", "held"))
    add("--name", required=True, help="of the server, in the results")
    add("--addr", default="127.0.0.1:5060")
    add("--pid", type=int, action="append", required=True, help="root process of the server")
    add("--run", required=True, help="scratch folder with the files of mkusers.py; results.jsonl is appended to")
    add("--n", type=int, default=100000, help="bindings, or calls held at once")
    add("--rate", type=float, default=4000)
    add("--steps", type=int, default=5)
    add("--rounds", type=int, default=3)
    add("--kind", choices=("call", "relayed"), default="call")
    add("--note", default="")
    add("--inside", default="", help="shell command that prints the bytes in use inside the server, if it can tell")
    return parser.parse_args()


class Memory:
    def __init__(self, options):
        self.o, self.sipp = options, sipp.Sipp(options.addr, os.path.abspath(options.run))
        self.emit = results.Results(self.sipp.run, test=options.test, server=options.name, note=options.note)

    def now(self):
        """Bytes: the growth of what the server counts itself, or of its proportional set size."""
        if self.o.inside:
            return int(subprocess.check_output(self.o.inside, shell=True, text=True).split()[0])
        return proc.pss(self.o.pid)

    def binding(self):
        """Each round registers everybody; in the first the bindings are new."""
        time.sleep(SETTLE_S)
        after, failed, points = [], 0, [(0, self.now())]
        for round in range(self.o.rounds):
            each = self.o.n // self.o.steps
            for step in range(self.o.steps):
                process, path = self.sipp.start("register", each, self.o.rate, skip=step * each)
                process.wait()
                failed += sipp.outcome(path)["failed"]
                time.sleep(SETTLE_S)
                if round == 0:
                    points.append(((step + 1) * each, self.now()))
            after.append(self.now())
        growth, (per, _) = (after[0] - points[0][1]) / self.o.n, slope.line(points[1:])
        self.emit(repeat=0, n=self.o.n, failed=failed, bytes_each=round_to(max(growth, per)), by_growth=round_to(growth),
                  by_line=round_to(per), **self.rounds(after, points[0][1]))

    def held(self):
        time.sleep(REST_S)
        ramp, before, after, each, failed = self.o.n / self.o.rate, self.now(), [], [], 0
        for _ in range(self.o.rounds):
            start = self.now()
            process, path = self.sipp.start("call" if self.o.kind == "call" else "relayed", self.o.n, self.o.rate,
                                            hold=int((ramp + REST_S + 2 * SETTLE_S) * 1000), limit=self.o.n + 10)
            time.sleep(ramp + REST_S + SETTLE_S)
            up = max(1, sipp.outcome(path)["peak"])
            each.append(round_to((self.now() - start) / up))
            process.wait()
            failed += sipp.outcome(path)["failed"] + self.o.n - up
            time.sleep(REST_S)
            after.append(self.now())
        self.emit(repeat=0, n=self.o.n, failed=failed, bytes_each=each[0], each_round=each, **self.rounds(after, before))

    @staticmethod
    def rounds(after, before):
        """How far the later rounds are from the first, as a share of all memory."""
        return dict(mb_before=round_to(before / 1e6, 1), mb_after=[round_to(v / 1e6, 1) for v in after],
                    drift=round_to(max((v / after[0] - 1 for v in after[1:]), default=0.0), 4))

    def run(self):
        callee = self.sipp.callee(3600) if self.o.test == "held" else None
        try:
            getattr(self, self.o.test)()
        finally:
            if callee:
                sipp.end(callee)


def round_to(value, digits=0):
    return round(value, digits) if digits else round(value)


Memory(arguments()).run()
