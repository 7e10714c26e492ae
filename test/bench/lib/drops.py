"""Datagrams that the kernel threw away for want of room in a socket's buffer."""
import os
import proc


def in_namespace(text=None):
    """RcvbufErrors of all UDP sockets of this network namespace, the load generators' among them."""
    names = values = None
    for line in (text or open("/proc/net/snmp").read()).splitlines():
        if line.startswith("Udp:"):
            names, values = values, line.split()
    return int(values[names.index("RcvbufErrors")])


def by_inode(*tables):
    """Drops of each socket in tables as /proc/net/udp has them."""
    found = {}
    for table in tables:
        for line in table.splitlines()[1:]:
            fields = line.split()
            found[fields[9]] = int(fields[12])
    return found


def of_processes(roots):
    """Drops of each UDP socket that the processes have open, by inode."""
    tables = [open(f"/proc/net/{name}").read() for name in ("udp", "udp6")]
    own = set()
    for pid in proc.tree(roots):
        folder = f"/proc/{pid}/fd"
        try:
            for fd in os.listdir(folder):
                target = os.readlink(f"{folder}/{fd}")
                if target.startswith("socket:["):
                    own.add(target[8:-1])
        except OSError:
            continue
    return {inode: count for inode, count in by_inode(*tables).items() if inode in own}


def grown(before, after):
    """By how much the sockets' drops grew; a socket that is new began at none, one that closed counts no more."""
    return sum(count - before.get(inode, 0) for inode, count in after.items())
