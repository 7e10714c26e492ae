"""CPU, memory, descriptors and threads of a server's processes, from /proc."""
import os

TICK = os.sysconf("SC_CLK_TCK")


def fields(pid):
    """The fields of /proc/PID/stat after the command's name; none when the process is gone."""
    try:
        text = open(f"/proc/{pid}/stat").read()
    except OSError:
        return None
    return text[text.rindex(")") + 2:].split()


def tree(roots):
    """The processes and all that descend from them."""
    children = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if found := fields(pid):
            children.setdefault(int(found[1]), []).append(int(pid))
    out, todo = set(), list(roots)
    while todo:
        pid = todo.pop()
        if os.path.exists(f"/proc/{pid}"):
            out.add(pid)
            todo += children.get(pid, [])
    return sorted(out)


def cpu(roots):
    """User and system seconds of the tree, with those of children that ended."""
    found = [fields(pid) for pid in tree(roots)]
    return sum(int(part) for line in found if line for part in line[11:15]) / TICK


def cpu_by_thread(roots):
    """User and system seconds of the tree's threads that live, by the name of the thread."""
    found = {}
    for pid in tree(roots):
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            if line := fields(f"{pid}/task/{thread}"):
                name = thread_name(pid, thread)
                found[name] = found.get(name, 0) + sum(map(int, line[11:13])) / TICK
    return found


def thread_name(pid, thread):
    try:
        return open(f"/proc/{pid}/task/{thread}/comm").read().strip()
    except OSError:
        return "ended"


def pss(roots):
    """Proportional set size of the tree in bytes: shared memory counts once."""
    return memory(roots, "Pss:")


def rss(roots):
    """Resident set size of the tree in bytes."""
    return memory(roots, "Rss:")


def memory(roots, name):
    total = 0
    for pid in tree(roots):
        try:
            lines = open(f"/proc/{pid}/smaps_rollup").readlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
    return total


def descriptors(roots):
    """Open file descriptors of the tree."""
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in tree(roots))


def threads(roots):
    return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in tree(roots))
