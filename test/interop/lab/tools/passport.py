#!/usr/bin/env python3
"""passport.py ROOT KEY URL [orig=N dest=N attest=A|B|C div=N age=SECONDS]
An Identity header field (RFC 8224): a PASSporT signed by the key (PEM; openssl in the chroot ROOT makes the signature),
whose certificate is at URL. With div= it is one of a diversion (RFC 8946) from that number."""
import base64, json, subprocess, sys, time, uuid


def encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(value):
    return encoded(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def plain(der):
    """The two numbers of an ECDSA signature in DER, 32 octets each."""
    at, numbers = 2, b""
    for _ in range(2):
        length = der[at + 1]
        numbers += der[at + 2:at + 2 + length].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + length
    return numbers


root, key, url, *rest = sys.argv[1:]
given = dict(pair.split("=", 1) for pair in rest)
kind = "div" if "div" in given else "shaken"
payload = {"dest": {"tn": [given.get("dest", "15550101")]}, "iat": int(time.time()) - int(given.get("age", 0)),
           "orig": {"tn": given.get("orig", "15550199")}}
if kind == "div":
    payload["div"] = {"tn": given["div"]}
else:
    payload |= {"attest": given.get("attest", "A"), "origid": str(uuid.uuid4())}
signed = compact({"alg": "ES256", "ppt": kind, "typ": "passport", "x5u": url}) + "." + compact(payload)
openssl = ["chroot", root, "openssl", "dgst", "-sha256", "-sign", key]
signature = subprocess.run(openssl, input=signed.encode(), stdout=subprocess.PIPE, check=True).stdout
print(f"{signed}.{encoded(plain(signature))};info=<{url}>;alg=ES256;ppt={kind}")
