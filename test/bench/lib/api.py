"""The server's API over one connection that is kept open."""
import http.client, json


class Api:
    def __init__(self, address, key=None):
        self.connection = http.client.HTTPConnection(address, timeout=300)
        self.headers = {"Authorization": "Bearer " + key} if key else {}

    def __call__(self, method, path, body=None, kind="application/json"):
        """-> what was answered, out of JSON; a body of octets is sent as it is"""
        octets = body if body is None or isinstance(body, bytes) else json.dumps(body)
        self.connection.request(method, "/api/v1" + path, octets, {**self.headers, "Content-Type": kind})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()[:500]}")
        return json.loads(text) if text else None

    def text(self, path):
        self.connection.request("GET", path, None, self.headers)
        return self.connection.getresponse().read().decode()


def metrics(text):
    """{name and labels: value} of a Prometheus page."""
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")}
