"""Hosts simulated by namespaces, each with its network, name, shared memory and sshd. The file system is shared."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from smallrun import Launched, wait

PROGRAMS = ("ip", "unshare", "nsenter", "ssh", "ssh-keygen", "sshd")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def missing():
    """The reason why hosts cannot be simulated here; None if they can."""
    absent = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if absent:
        return f"not installed: {', '.join(absent)}; run launch/setup.sh iproute2 openssh-server"
    if os.geteuid() != 0:
        return "network namespaces need root"
    tried = subprocess.run(["unshare", "--net", "--uts", "--mount", "true"], capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode != 0 else None


class Network(Launched):
    """Hosts 1 to `count` at 10.77.0.1, .2, …, on a switch, which is host 0. A context manager starts and ends them.

    A host is a sleeping process in its own namespaces, which exist as long as it or another process in them.
    """

    def __init__(self, folder, count):
        self.folder, self.count = Path(folder), count
        self.environment = os.environ | {"PATH": PATH}
        self.holders, self.daemons = {}, []
        #: The network namespace of each host, set once it is private; this program owns all processes in it.
        self.networks = {}

    def address(self, host):
        return f"10.77.0.{host}"

    def __exit__(self, *_):
        for process in self.daemons:
            process.kill()
        # Sessions of sshd outlive it if their client is unreachable.
        for host in self.networks:
            for process in self.processes(host):
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for process in [*self.daemons, *self.holders.values()]:
            process.kill()
            process.wait()

    def _start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        for host in range(self.count + 1):
            self._hold(host)
        self.run(0, "ip", "link", "add", "switch", "type", "bridge", "forward_delay", "0")
        self.run(0, "ip", "link", "set", "switch", "up")
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / key], check=True)
        (self.folder / "ssh_config").write_text(
            f"IdentityFile {self.folder}/user\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n"
            "LogLevel ERROR\n")
        Path("/run/sshd").mkdir(exist_ok=True)
        for host in range(1, self.count + 1):
            self._connect(host)
            self._serve(host)
        for host in range(1, self.count + 1):
            if not wait(lambda: self.answers(host), 10):
                raise RuntimeError(f"host {host} does not answer: " + (self.folder / f"sshd-{host}.log").read_text())

    def _hold(self, host):
        # Each host has its own shared memory, because Open MPI would find the other hosts' files there.
        script = f"hostname phd{host} && mount -t tmpfs tmpfs /dev/shm && ip link set lo up && exec sleep infinity"
        self.holders[host] = subprocess.Popen(
            ["unshare", "--net", "--uts", "--mount", "--propagation", "private", "sh", "-c", script],
            env=self.environment, stdin=subprocess.DEVNULL)
        holder = Path(f"/proc/{self.holders[host].pid}/comm")
        if not wait(lambda: holder.exists() and holder.read_text().strip() == "sleep", 10):
            raise RuntimeError(f"cannot create namespaces for host {host}")
        network = os.readlink(f"/proc/{self.holders[host].pid}/ns/net")
        if network == os.readlink("/proc/self/ns/net"):
            raise RuntimeError(f"host {host} has no private network namespace")
        self.networks[host] = network

    def _connect(self, host):
        self.run(0, "ip", "link", "add", f"port{host}", "type", "veth", "peer", "name", "eth0", "netns",
                 str(self.holders[host].pid))
        self.run(0, "ip", "link", "set", f"port{host}", "master", "switch", "up")
        self.run(host, "ip", "address", "add", f"{self.address(host)}/24", "dev", "eth0")
        self.run(host, "ip", "link", "set", "eth0", "up")

    def _serve(self, host):
        config = self.folder / f"sshd-{host}.conf"
        config.write_text(
            f"ListenAddress {self.address(host)}\nHostKey {self.folder}/host\n"
            f"AuthorizedKeysFile {self.folder}/user.pub\n"
            "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n")
        with open(self.folder / f"sshd-{host}.log", "wb") as log:
            self.daemons.append(subprocess.Popen(
                self.inside(host, shutil.which("sshd", path=PATH), "-D", "-e", "-f", config), env=self.environment,
                stdin=subprocess.DEVNULL, stderr=log))

    def inside(self, host, *command):
        """The command line that runs a command on a host."""
        namespaces = ["nsenter", "--target", str(self.holders[host].pid), "--net", "--uts", "--mount"]
        return [*namespaces, f"--wd={os.getcwd()}", *(str(word) for word in command)]

    def run(self, host, *command):
        """Runs a command on a host (0 is the switch) and returns its output. Raises a RuntimeError if it fails."""
        done = subprocess.run(
            self.inside(host, *command), env=self.environment, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} on host {host}: {done.stderr.strip()}")
        return done.stdout

    def answers(self, host):
        """Whether ssh from host 1 connects, as mpirun's would."""
        agent = ["ssh", "-F", self.folder / "ssh_config", "-o", "ConnectTimeout=2", self.address(host), "true"]
        return subprocess.run(self.inside(1, *agent), env=self.environment, capture_output=True).returncode == 0

    def unplug(self, host):
        """Takes a host's link down. No packet passes, and no process is notified."""
        self.run(0, "ip", "link", "set", f"port{host}", "down")

    def plug(self, host):
        self.run(0, "ip", "link", "set", f"port{host}", "up")

    def processes(self, host, name=None):
        """The living processes in a host's network namespace, all or those with a name."""
        network, found = self.networks[host], []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if (os.readlink(f"/proc/{entry}/ns/net") == network
                        and (name is None or Path(f"/proc/{entry}/comm").read_text().strip() == name)
                        and Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"):
                    found.append(int(entry))
            except OSError:
                continue
        return found
