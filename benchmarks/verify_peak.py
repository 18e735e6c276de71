"""Peak memory of the worker itself; alone in its module, as the peers' environment has none of our libraries."""

import resource
import sys


def peak_mib() -> float:
    """The most resident memory this program had, in MiB.

    Linux tells it since the program began (`VmHWM`). What `getrusage` tells there was begun by the process that started
    us, so a small worker of a large benchmark would be as large as the benchmark.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
