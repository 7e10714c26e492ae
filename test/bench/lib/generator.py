"""The generator of RTP, rtpgen: it plays a table of sockets, packets and flows, while what the server spends is measured."""
import json, subprocess

import meter


def write(path, lines):
    """Writes a table; its path."""
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")
    return path


def play(run, pids, table, seconds, sequence):
    """Plays a table for so many seconds, from a sequence number on: what was spent, and what rtpgen counted."""
    with meter.Meter(pids) as spent:
        out = subprocess.run([f"{run}/rtpgen", "-t", table, "-d", str(seconds), "-q", str(sequence)],
                             stdout=subprocess.PIPE, check=True, text=True, timeout=seconds + 60).stdout
    return spent, json.loads(out)
