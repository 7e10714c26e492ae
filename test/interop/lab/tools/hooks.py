#!/usr/bin/env python3
"""hooks.py ADDRESS:PORT LOG     a receiver of webhooks: one JSON line for each request, with whether its signature is good
The path says how it answers: /ok, /fail/N (503 the first N times), /slow (never), /gone (410).
Secrets: POST /secret/NAME with the secret as body, used for /…?name=NAME."""
import base64, hashlib, hmac, json, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

secrets, counts, lock, log = {}, {}, threading.Lock(), open(sys.argv[2], "a", buffering=1)


def good(name, headers, body):
    secret = base64.b64decode(secrets.get(name, "").removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    young = abs(time.time() - int(headers["webhook-timestamp"])) < 60
    return young and wanted in headers["webhook-signature"].split()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        url = urlparse(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if url.path.startswith("/secret/"):
            secrets[url.path.rsplit("/", 1)[1]] = body.decode()
            return self.answer(200)
        name = parse_qs(url.query).get("name", [""])[0]
        with lock:
            counts[url.path] = counts.get(url.path, 0) + 1
            count = counts[url.path]
        code = 200
        if url.path.startswith("/fail/") and count <= int(url.path.split("/")[2]):
            code = 503
        if url.path == "/gone":
            code = 410
        event = json.loads(body)
        log.write(json.dumps({"path": url.path, "code": code, "good": good(name, self.headers, body),
                              "id": self.headers["webhook-id"], "type": event["type"], "data": event["data"]}) + "\n")
        if url.path == "/slow":
            time.sleep(600)
        self.answer(code)

    def answer(self, code):
        self.send_response(code)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


host, _, port = sys.argv[1].rpartition(":")
ThreadingHTTPServer((host, int(port)), Receiver).serve_forever()
