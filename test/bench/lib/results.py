"""A result is one line of JSON, on the terminal and at the end of RUN/results.jsonl."""
import json, os, time


class Results:
    """`Results(run, test=…, server=…)`, called with the values of each line; what it is made with is in all of them."""

    def __init__(self, run, **shared):
        self.path, self.shared = run + "/results.jsonl", shared

    def __call__(self, **values):
        line = json.dumps({**self.shared, "time": time.strftime("%H:%M:%S"), "load": round(os.getloadavg()[0], 1), **values})
        print(line, flush=True)
        with open(self.path, "a") as out:
            out.write(line + "\n")
