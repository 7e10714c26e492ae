"""What a server spent and lost while something ran."""
import time
import drops, proc


class Meter:
    """`with Meter(roots) as m`: then m.cpu and m.wall in seconds; m.drops, datagrams that the kernel dropped at the
    server's sockets; m.drops_all, at all sockets of the namespace; m.threads, CPU seconds by name of the thread."""

    def __init__(self, roots):
        self.roots = roots

    def __enter__(self):
        self.sockets, self.all = drops.of_processes(self.roots), drops.in_namespace()
        self.threads_before = proc.cpu_by_thread(self.roots)
        self.before, self.start = proc.cpu(self.roots), time.monotonic()
        return self

    def __exit__(self, *_):
        self.wall, self.cpu = time.monotonic() - self.start, proc.cpu(self.roots) - self.before
        after = proc.cpu_by_thread(self.roots)
        self.threads = {name: after[name] - self.threads_before.get(name, 0) for name in after}
        self.drops = drops.grown(self.sockets, drops.of_processes(self.roots))
        self.drops_all = drops.in_namespace() - self.all

    def lost(self):
        return dict(drops=self.drops, drops_all=self.drops_all)
