"""A real Ray cluster of two nodes on this machine, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from daemons import descendants, free_ports, kill, kill_at_work
from waiting import patience, wait_for

#: Reports to nobody, and notices a dead node after some seconds instead of fifteen.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


class Cluster:
    """A running cluster: its address, and how to lose its second node."""

    def __init__(self, address, nodes):
        self.address = address
        self.nodes = nodes

    def lose(self, out):
        """End the second node as a power failure would, while it has runs in ``out``; returns how many."""
        worker = self.nodes[1].pid
        return kill_at_work(lambda: [worker, *descendants(worker)], out)


@contextmanager
def cluster(folder, cpus=2):
    """Start a head and a worker with this many CPUs each; end them, by their own numbers, after the block."""
    port = free_ports(4)[0]
    ray = Path(sys.executable).with_name("ray")
    ray = str(ray) if ray.exists() else shutil.which("ray")
    common = [f"--num-cpus={cpus}", "--object-store-memory=100000000", "--node-ip-address=127.0.0.1", "--block"]
    common += ["--disable-usage-stats", "--include-log-monitor=false"]
    # Paths of sockets must be short, and those of pytest are not.
    head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
    nodes = []
    try:
        for number, special in enumerate((head, [f"--address=127.0.0.1:{port}"])):
            with (folder / f"node-{number}.out").open("w") as said:
                command = [ray, "start", *special, *common]
                nodes.append(
                    subprocess.Popen(
                        command,
                        env={**os.environ, **ENVIRONMENT},
                        stdout=said,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
            said = folder / f"node-{number}.out"
            wait_for(lambda said=said: "Ray runtime started" in said.read_text(), "a node has started", 120)
        yield Cluster(f"127.0.0.1:{port}", nodes)
    finally:
        for node in reversed(nodes):
            left = descendants(node.pid)
            node.send_signal(signal.SIGTERM)
            try:
                node.wait(patience(20))
            except subprocess.TimeoutExpired:
                kill(node.pid)
                node.wait()
            for pid in left:
                kill(pid)
