#!/usr/bin/env python3
"""What codecs cost alone: the example `conversions` of test/cost, as results; it also writes the speech that media.py plays."""
import argparse, os, re, subprocess, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import results

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--run", required=True)
parser.add_argument("program")
options = parser.parse_args()
emit = results.Results(options.run, test="bare", server="codecs")
for repeat in range(3):
    said = subprocess.run([options.program, options.run], stdout=subprocess.PIPE, check=True, text=True, timeout=300).stdout
    for source, target, alone in re.findall(r"(?m)^(\w+) -> (\w+) +.* ([0-9.]+)$", said):
        # Milliseconds of a second of sound, which is fifty packets.
        emit(note=f"{source}-{target}", repeat=repeat, us_per_op=round(float(alone) * 20, 2))
