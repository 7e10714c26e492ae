"""Results by row and server, how their cells are written, and the place that tables have in a document."""
import statistics


class Rows:
    """Of all lines, those that count: the repeats. A row is (test, note)."""

    def __init__(self, lines):
        self.found = {}
        for line in lines:
            if "repeat" in line:
                self.found.setdefault(((line["test"], line["note"]), line["server"]), []).append(line)

    def all(self, row, server, key):
        return [line[key] for line in self.found.get((row, server), []) if line.get(key) is not None]

    def median(self, row, server, key):
        values = self.all(row, server, key)
        return statistics.median(values) if values else None

    def cost(self, row, server):
        return self.median(row, server, "us_per_op")

    def threads(self, row, server, *prefixes):
        """CPU per operation of each thread whose name begins with one of the prefixes."""
        found = {}
        for threads in self.all(row, server, "threads"):
            for name, cost in threads.items():
                if name.startswith(prefixes):
                    found.setdefault(name, []).append(cost)
        return [statistics.median(costs) for costs in found.values()]

    def quantiles(self, row, server):
        """p50 and p99 of the round trip in ms; of media what the relay adds: less what the generator alone has."""
        ms = [self.median(row, server, key) for key in ("p50_ms", "p99_ms")]
        if ms[0] is None:
            us = [(self.median(row, server, key), self.median(row, "direct", key) or 0) for key in ("p50", "p99")]
            ms = [None if value is None else max(0, value - floor) / 1000 for value, floor in us]
        return ms

    def latency(self, row, server):
        return " / ".join(shown(value, 2) for value in self.quantiles(row, server))

    def lost(self, row, server):
        values = self.all(row, server, "lost") or self.all(row, server, "failed")
        return str(sum(values)) if values else "–"

    def drops(self, row, server):
        values = self.all(row, server, "drops")
        return str(sum(values)) if values else "–"


def shown(value, digits):
    return "–" if value is None else f"{value:.{digits}f}"


def met(value, due, least=False):
    """Whether VALUE is at most (or at least) what is due."""
    if value is None or due is None:
        return ""
    return "met" if (value >= due if least else value <= due) else "missed"


def put(document, marker, text):
    """TEXT in place of what stands between <!-- MARKER --> and the next <!-- end --> in the file."""
    before, begin, rest = open(document).read().partition(f"<!-- {marker} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not end:
        raise SystemExit(f"{document} has no place for {marker}")
    with open(document, "w") as out:
        out.write(f"{before}{begin}{text.strip()}\n{end}{after}")
