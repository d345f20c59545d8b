"""A real SLURM cluster of two nodes on this machine, for tests: controller, two daemons, authentication.

    python tests/slurm_cluster.py FOLDER     starts one, says how to use it, and ends it with Ctrl-C

Everything listens on loopback, lives in one folder and is started by its own process number, without systemd
and without an accounting database. Needs Debian's slurmctld, slurmd, slurm-client and munge, and root.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from daemons import descendants, free_ports, kill, kill_at_work, processes
from waiting import patience, wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "sinfo")
NODES = ("n1", "n2")
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={port}
SrunPortRange={srun}-{srun_last}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000
ReturnToService=2
KillWait=5
JobRequeue=1
SlurmdTimeout=10
SlurmctldTimeout=10
SlurmdParameters=config_overrides
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=2 RealMemory=1000
PartitionName=test Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """Why there can be no cluster here; None if there can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{missing[0]} is not installed (apt-get install slurmctld slurmd slurm-client munge)"
    return None if os.geteuid() == 0 else "SLURM's daemons need root here"


class Cluster:
    """A running cluster: its environment, and how to lose one of its nodes."""

    def __init__(self, folder, environment, daemons):
        self.folder = folder
        self.environment = environment
        self.daemons = daemons

    def run(self, *command):
        """Output of one of SLURM's commands."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=patience(60)
        ).stdout

    def lose(self, node, out):
        """End a node as a power failure would, while it has runs in ``out``; returns how many.

        Its daemon ends, and all that its jobs started.
        """
        return kill_at_work(lambda: [self.daemons[node].pid, *jobs_on(node)], out)


@contextmanager
def cluster(folder):
    """Start a cluster in a folder that is empty; end it and all its jobs after the block."""
    for name in ("state", *(f"spool-{node}" for node in NODES)):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)  # munged refuses a socket that others cannot reach
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o400)
    ports = free_ports(24)
    values = {"port": ports[0], "first": ports[1], "last": ports[2], "srun": ports[3], "srun_last": ports[-1]}
    config = folder / "slurm.conf"
    config.write_text(CONFIG.format(host=socket.gethostname(), folder=folder, **values))
    environment = {"SLURM_CONF": str(config)}
    munge = ["munged", "--foreground", "--force", f"--socket={folder}/munge.sock", f"--key-file={folder}/key"]
    munge += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "seed")]
    commands = {"munge": [*munge, f"--log-file={folder}/munge.log"], "controller": ["slurmctld", "-D", "-c"]}
    commands |= {node: ["slurmd", "-D", "-N", node] for node in NODES}
    daemons = {}
    started = Cluster(folder, environment, daemons)
    try:
        for name, command in commands.items():
            with (folder / f"{name}.out").open("w") as said:
                daemons[name] = subprocess.Popen(
                    command, env={**os.environ, **environment}, stdout=said, stderr=subprocess.STDOUT
                )
            wait_for(lambda: (folder / "munge.sock").exists(), "munged makes its socket", 20)
        wait_for(lambda: started.run("sinfo", "-h", "-o", "%T %D").strip() == "idle 2", "both nodes are idle")
        yield started
    finally:
        end(started)


def end(started):
    """End the jobs, then the daemons, in the order in which they need each other."""
    with suppress(subprocess.SubprocessError):  # the controller never came up, or is gone
        started.run("scancel", "--signal=KILL", "--full", "--user=root")
    left = {pid for node in NODES if node in started.daemons for pid in jobs_on(node)}
    for daemon in reversed(started.daemons.values()):
        left |= descendants(daemon.pid)
        daemon.terminate()
    for daemon in started.daemons.values():
        try:
            daemon.wait(patience(10))
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    for pid in left:
        kill(pid)


def jobs_on(node):
    """Processes of the jobs of a node, first their keepers (slurmstepd), which would report the others' end.

    The keepers leave the family of the node's daemon; what they start has the node's name in its environment.
    """
    keepers, found = set(), set()
    listed = processes()
    for pid, (parent, _) in listed.items():
        try:
            names = dict(
                pair.partition("=")[::2]
                for pair in Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
            )
        except OSError:
            continue
        if names.get("SLURMD_NODENAME") == node:
            found.add(pid)
            if "slurmstepd" in listed.get(parent, (0, ""))[1]:
                keepers.add(parent)
    return [*keepers, *(found - keepers)]


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(f"No cluster here: {reason}.")
    with cluster(Path(sys.argv[1]).resolve()) as running:
        sys.stdout.write(f"export SLURM_CONF={running.environment['SLURM_CONF']}   Ctrl-C ends it.\n")
        sys.stdout.flush()
        # Whatever it was started from: a shell has its background jobs ignore Ctrl-C.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
