#!/usr/bin/env python3
"""What setting up a relayed call costs a relay that is told by the ng protocol: offer, answer and delete at a fixed rate.
See README.md. Loopback only, bounded."""
import argparse, os, select, socket, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import meter, ng, results

PCMA = (8, "PCMA/8000", None)
LATE_S = 2            # an answer that takes longer makes the call a failed one


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--ng", default="127.0.0.1:2223")
    add("--name", required=True), add("--run", required=True), add("--note", default="")
    add("--pid", type=int, action="append", required=True)
    add("--n", type=int, default=5000), add("--rate", type=float, default=500), add("--repeats", type=int, default=3)
    return parser.parse_args()


class Driver:
    """Starts calls when they are due; sends the next command of a call when the last one was answered."""
    STEPS = ("offer", "answer", "delete")

    def __init__(self, address, prefix):
        host, _, port = address.rpartition(":")
        assert host.startswith("127."), "loopback only"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.connect((host, int(port)))
        self.prefix, self.open, self.times, self.failed = prefix, {}, [], 0

    def command(self, call, step):
        body = dict(command=self.STEPS[step], **{"call-id": f"{self.prefix}{call}", "from-tag": "a"})
        if step < 2:
            body.update({"sdp": ng.sdp(40000 + 2 * (call % 20) + 1000 * step, [PCMA]), "ICE": "remove", "rtcp-mux": ["demux"],
                         "replace": ["origin", "session-connection"]})
        if step == 1:
            body["to-tag"] = "b"
        self.open[call] = (step, time.perf_counter())
        self.socket.send(f"{self.prefix}{call}-{step} ".encode() + ng.encode(body))

    def take(self):
        cookie, _, body = self.socket.recv(65535).partition(b" ")
        call, step = map(int, cookie.decode()[len(self.prefix):].split("-"))
        if self.open.get(call, (None,))[0] != step:
            return
        self.times.append((time.perf_counter() - self.open.pop(call)[1]) * 1000)
        if ng.decode(body)[0].get("result") != b"ok":
            self.failed += 1
        elif step < 2:
            self.command(call, step + 1)

    def run(self, count, rate):
        start, begun = time.perf_counter(), 0
        while begun < count or self.open:
            now = time.perf_counter() - start
            if begun < count and now >= begun / rate:
                self.command(begun, 0)
                begun += 1
                continue
            wait = begun / rate - now if begun < count else LATE_S
            if select.select([self.socket], [], [], wait)[0]:
                self.take()
            elif begun == count:
                break
        self.failed += len(self.open)


def main():
    o = arguments()
    emit = results.Results(o.run, test="setup", server=o.name, note=o.note)
    for repeat in range(-1, o.repeats):
        driver = Driver(o.ng, f"s{os.getpid()}r{repeat + 1}c")
        with meter.Meter(o.pid) as spent:
            driver.run(o.n, o.rate)
        times = sorted(driver.times)
        at = lambda share: round(times[int((len(times) - 1) * share)], 3) if times else None
        emit(**({"repeat": repeat} if repeat >= 0 else {"discarded": True}), rate=o.rate, n=o.n, failed=driver.failed,
             cpu=round(spent.cpu, 2), us_per_op=round(spent.cpu / o.n * 1e6, 1), p50_ms=at(0.5), p99_ms=at(0.99), **spent.lost())


main()
