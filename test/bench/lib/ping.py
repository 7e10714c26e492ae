"""Round trips under load: an OPTIONS every few ms beside the load generator. (SIPp's own clock ticks in 4 ms.)"""
import os, select, socket, threading, time

EVERY_S = 0.005


class Prober(threading.Thread):
    def __init__(self, address, domain):
        super().__init__(daemon=True)
        host, _, port = address.rpartition(":")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect((host, int(port)))
        self.address, self.domain, self.values, self.lost, self.ended = address, domain, [], 0, False
        self.start()

    def run(self):
        local = "127.0.0.1:%d" % self.socket.getsockname()[1]
        while not self.ended:
            branch = os.urandom(6).hex()
            start = time.perf_counter()
            self.socket.send((f"OPTIONS sip:{self.address} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{branch}\r\n"
                              f"Max-Forwards: 70\r\nFrom: <sip:ping@{self.domain}>;tag=1\r\nTo: <sip:{self.address}>\r\n"
                              f"Call-ID: {branch}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode())
            if select.select([self.socket], [], [], 0.5)[0]:
                self.socket.recv(4096)
                self.values.append((time.perf_counter() - start) * 1000)
            else:
                self.lost += 1
            time.sleep(EVERY_S)

    def stop(self):
        """p50 and p99 in ms, and how many pings got no answer."""
        self.ended = True
        self.join()
        values = sorted(self.values)
        at = lambda share: round(values[int((len(values) - 1) * share)], 3) if values else None
        return dict(p50_ms=at(0.5), p99_ms=at(0.99), pings_lost=self.lost)
