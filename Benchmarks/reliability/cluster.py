"""A Slurm cluster on one machine, in a separate folder: munged, slurmctld, and a slurmd for each node."""

import os
import random
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from smallrun import Launched, wait

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel")


def missing():
    """The required programs that are not on the PATH; Debian's packages slurm-wlm and munge contain them."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [program for program in PROGRAMS if not shutil.which(program, path=path)]


class Cluster(Launched):
    """A context manager that starts and ends the cluster. Uses only its folder and some ports of 127.0.0.1."""

    def __init__(self, folder, nodes=1, cores=4):
        self.folder, self.nodes, self.cores = Path(folder), nodes, cores
        self.conf = self.folder / "slurm.conf"
        self.environment = os.environ | {
            "SLURM_CONF": str(self.conf), "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}

    def __exit__(self, *_):
        """Ends the jobs, whose steps would outlive slurmd, and then the daemons, by the pid files in the folder."""
        try:
            self.run("scancel", "--user", str(os.geteuid()))
            wait(lambda: not self.run("squeue", "-h").strip(), 20, 0.2)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            pass
        for name in (*(f"slurmd-node{n + 1}" for n in range(self.nodes)), "slurmctld", "munged"):
            try:
                process = int((self.folder / f"{name}.pid").read_text())
                os.kill(process, signal.SIGTERM)
            except (OSError, ValueError):
                continue
            if not wait(lambda: not Path(f"/proc/{process}").exists(), 10):
                os.kill(process, signal.SIGKILL)

    def _start(self):
        user, host = subprocess.getoutput("id -un"), socket.gethostname().split(".")[0]
        names = [f"node{n + 1}" for n in range(self.nodes)]
        ports = self._ports(self.nodes + 1)
        for name in ("state", *(f"spool/{name}" for name in names), *(f"tmp-{name}" for name in names)):
            (self.folder / name).mkdir(parents=True)
        # cred_expire: seconds until a requeued job starts; the minimum is 5, the default 120.
        self.conf.write_text(f"""
ClusterName=phd
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={self.folder}/munge,cred_expire=5
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool/%n
TmpFS={self.folder}/tmp-%n
SlurmctldPidFile={self.folder}/slurmctld.pid
SlurmdPidFile={self.folder}/slurmd-%n.pid
SlurmctldLogFile={self.folder}/slurmctld.log
SlurmdLogFile={self.folder}/slurmd-%n.log
KillWait=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName={','.join(names)} NodeHostname={host} NodeAddr=127.0.0.1 Port={','.join(map(str, ports[1:]))} CPUs={self.cores}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""")
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self.run("munged", f"--key-file={key}", f"--socket={self.folder}/munge", f"--pid-file={self.folder}/munged.pid",
                 f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munge.seed", "--num-threads=10")
        self.run("slurmctld", "-c")
        for name in names:
            self.run("slurmd", "-N", name)
        if not wait(lambda: self.run("sinfo", "-h", "-t", "idle", "-o", "%D").strip() == str(self.nodes), 30, 0.2):
            raise RuntimeError("the nodes are not idle: " + self.run("sinfo"))

    @staticmethod
    def _ports(count):
        """Ports that are free now, below the range of the kernel's ephemeral ports."""
        found = []
        while len(found) < count:
            port = random.randrange(10000, 32000)
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            found.append(port)
        return found

    def run(self, *command, directory=None, **more):
        """Runs a Slurm command and returns its output. Raises a RuntimeError with its message if it fails."""
        done = subprocess.run(
            [str(word) for word in command], env=self.environment | more, cwd=directory, capture_output=True, text=True,
            timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def job(self, number):
        """The fields of a job in `scontrol show job`."""
        shown = self.run("scontrol", "show", "job", "-o", str(number))
        return dict(word.split("=", 1) for word in shown.split() if "=" in word)

    def tasks(self, number):
        """The process ids of a job's steps, as listed by Slurm."""
        lines = [line.split() for line in self.run("scontrol", "listpids", str(number), "node1").splitlines()[1:]]
        return [int(fields[0]) for fields in lines if fields[2] not in ("batch", "extern")]
