"""SIPp as caller and as callee. Every run is bounded in count and time."""
import csv, os, signal, subprocess, time

HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIO = dict(register=("register.xml", "register"), call=("call_uac.xml", "call"), relayed=("call_uac.xml", "relayed"),
                trunk=("call_uac.xml", "trunk"), options=("options.xml", None), refused=("refused.xml", None),
                answered=("answered.xml", None))


class Sipp:
    def __init__(self, address, run, domain="bench.test", uac_port=5061, uas_port=5070, at="127.0.0.1"):
        self.address, self.run, self.domain, self.uac_port, self.uas_port, self.at = address, run, domain, uac_port, uas_port, at

    def start(self, kind, count, rate, hold=0, limit=None, skip=0, number=""):
        """The caller: COUNT of KIND, RATE a second, calls of HOLD ms, with the users after the first SKIP, or to a number;
        -> (process, statistics file)."""
        scenario, users = SCENARIO[kind]
        statistics = f"{self.run}/sipp.csv"
        if os.path.exists(statistics):
            os.unlink(statistics)
        command = ["sipp", self.address, "-sf", f"{HERE}/../scenarios/{scenario}", "-m", str(count), "-r", str(int(rate)),
                   "-l", str(limit or max(1000, int(rate * 4))), "-i", self.at, "-mi", self.at, "-p", str(self.uac_port),
                   "-key", "number", number, "-key", "domain", self.domain, "-key", "contact", f"127.0.0.1:{self.uas_port}", "-key", "expires", "3600",
                   "-key", "uac_media_port", "46000", "-d", str(hold), "-nostdin", "-trace_stat", "-stf", statistics, "-fd", "1",
                   "-buff_size", "4000000", "-recv_timeout", "20000", "-max_retrans", "8",
                   "-timeout", str(int(count / rate * 1.5 + hold / 1000 + 60))]
        if users:
            command += ["-inf", self.slice(users, skip, count)]
        return self.process(command, "sipp.out"), statistics

    def callee(self, seconds=900):
        process = self.process(["sipp", "-sf", f"{HERE}/../scenarios/call_uas.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1",
                                "-p", str(self.uas_port), "-nostdin", "-key", "uas_media_port", "47000",
                                "-buff_size", "4000000", "-timeout", str(seconds), "-l", "200000"], "callee.out")
        time.sleep(0.5)
        assert process.poll() is None, "the callee did not start"
        return process

    def process(self, command, output):
        with open(f"{self.run}/{output}", "w") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=self.run)

    def slice(self, users, skip, count):
        """SIPp reads the whole file at its start: give it only what it needs. It begins again at the end of the file."""
        path = f"{self.run}/{users}.slice.csv"
        with open(f"{self.run}/{users}.csv") as all_users, open(path, "w") as out:
            for number, line in enumerate(all_users):
                if number == 0 or skip < number <= skip + count:
                    out.write(line)
        return path


def outcome(path):
    """What SIPp counted up to now, from its statistics file."""
    with open(path) as file:
        head, *_, last = csv.reader(file, delimiter=";")
    row = dict(zip(head, last))
    return dict(ok=int(row["SuccessfulCall(C)"]), failed=int(row["FailedCall(C)"]), retrans=int(row["Retransmissions(C)"]),
                peak=int(row["CurrentCall"]))


def end(process, seconds=5):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
