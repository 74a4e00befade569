"""A small run in a separate folder, which the campaigns in this folder start, disturb and compare."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = Path(os.environ.get("PHD_BUILD_DIRECTORY") or ROOT / ".build/release")
LAUNCH = ROOT / "launch"
#: Fields of step and validation records that differ between two equal runs.
TIMES = ("seconds", "tokens_per_second")


def environment(**more):
    """This process's environment without the variables of OpenBLAS, with settings for ranks that share cores."""
    names = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    names |= {
        "PHD_TRAIN": str(PROGRAMS / "phd-train"),
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    }
    if os.geteuid() == 0:
        names |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return names | more


class Launched:
    """A context manager with `_start` and `__exit__`; `__exit__` also cleans up after a failed start."""

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self


class SmallRun:
    """A folder with a corpus and the run of `small-run.json`. Paths are relative, so all such runs have equal files."""

    def __init__(self, folder, settings=(), absolute=False):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.run = self.folder / "runs/small"
        self.log = self.run / "log.jsonl"
        text = (HERE / "small-run.json").read_text()
        if absolute:
            text = text.replace('"corpus.h5"', f'"{self.folder}/corpus.h5"').replace('"runs"', f'"{self.folder}/runs"')
        (self.folder / "config.json").write_text(text)
        corpus = self.folder / "corpus.h5"
        if not corpus.exists():
            # Built from this project's sources, which every checkout has.
            command = [PROGRAMS / "phd", "corpus", "build", *sorted((ROOT / "Sources/Storage").glob("*.swift"))]
            subprocess.run([*command, "--output", corpus, "--tokenizer", "bytes"], check=True, capture_output=True)
        #: The configuration and the settings, passed to every program that starts this run.
        self.arguments = ["config.json", *(word for setting in settings for word in ("--set", setting))]

    def local(self, ranks, *more):
        """The command that trains this run on this machine."""
        return [str(LAUNCH / "local.sh"), str(ranks), *self.arguments, *more]

    def start(self, command, **names):
        """Starts a command in the folder, in a separate session; its output goes to `output.txt`."""
        with open(self.folder / "output.txt", "ab") as output:
            return subprocess.Popen(
                [str(word) for word in command], cwd=self.folder, env=environment(**names), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True)

    def finish(self, command, timeout=600, **names):
        """Runs a command in the folder; returns its exit status and its standard error."""
        done = subprocess.run(
            [str(word) for word in command], cwd=self.folder, env=environment(**names), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=timeout)
        return done.returncode, done.stderr

    # The run's files.

    def printed(self):
        return (self.folder / "output.txt").read_text(errors="replace")

    def records(self, *events):
        """The log's records of these events, or all records; an incomplete last line is skipped."""
        lines = self.log.read_bytes().split(b"\n")[:-1] if self.log.exists() else []
        records = [json.loads(line) for line in lines]
        return [record for record in records if not events or record["event"] in events]

    def step(self):
        """The last step in the log."""
        if not self.log.exists():
            return 0
        with open(self.log, "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            found = re.findall(rb'"event":"step","step":(\d+)', log.read())
        return int(found[-1]) if found else 0

    def checkpoints(self):
        """The checkpoints by step, oldest first."""
        return {int(file.name[5:-3]): file for file in sorted(self.run.glob("step-*.h5"))}

    def differences(self, other):
        """The differences from a run that should be the same bit for bit, one line each."""
        def kept(run):
            return [{name: value for name, value in record.items() if name not in TIMES}
                    for record in run.records("step", "validation")]
        faults = []
        mine, theirs = kept(self), kept(other)
        if mine != theirs:
            first = next((pair for pair in zip(mine, theirs) if pair[0] != pair[1]), "one is longer")
            faults.append(f"the logs differ, {len(mine)} and {len(theirs)} records: {first}")
        last, others = list(self.checkpoints().items())[-1:], list(other.checkpoints().items())[-1:]
        if not last or not others or last[0][0] != others[0][0]:
            faults.append(f"the last checkpoints are {last} and {others}")
        elif last[0][1].read_bytes() != others[0][1].read_bytes():
            faults.append(f"the checkpoints of step {last[0][0]} differ")
        return faults


# Processes are only found as descendants of one that a campaign started, so no foreign process is touched.

def descendants(process):
    """The descendants of a process."""
    found, open_ends = [], [process]
    while open_ends:
        parent = open_ends.pop()
        try:
            children = [int(word) for task in os.listdir(f"/proc/{parent}/task")
                        for word in Path(f"/proc/{parent}/task/{task}/children").read_text().split()]
        except OSError:
            continue
        found += children
        open_ends += children
    return found


def trains(process):
    """Whether a process is a rank."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip() == "phd-train"
    except OSError:
        return False


def ranks(process):
    """The descendants that are ranks."""
    return [child for child in descendants(process) if trains(child)]


def end(process, seconds=20):
    """Kills a command that was started here, and all its descendants."""
    if process.poll() is None:
        for child in [*descendants(process.pid), process.pid]:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
    process.wait(seconds)


def wait(condition, seconds, pause=0.02):
    """Waits for a condition; False if it does not hold within `seconds`."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(pause)
    return True


class Expectation(Exception):
    """An expected event did not happen."""


class Workshop:
    """A temporary folder, removed at the end. SIGTERM and SIGHUP end the campaign with all cleanup, as SIGINT does."""

    def __enter__(self):
        def leave(number, _):
            raise SystemExit(128 + number)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, leave)
        self.folder = Path(tempfile.mkdtemp(prefix="phd-"))
        os.chmod(self.folder, 0o755)
        return self.folder

    def __exit__(self, *_):
        if not os.environ.get("PHD_KEEP_FOLDER"):
            shutil.rmtree(self.folder, ignore_errors=True)


def verdict(name, tried, faults):
    """Prints the failures and, last, a summary of the test; returns the exit status."""
    for fault in faults[:20]:
        print(f"  failed: {fault}")
    print(f"{name}: {tried}: {f'{len(faults)} FAILED' if faults else 'nothing failed'}", flush=True)
    return 1 if faults else 0


def unavailable(name, reason):
    """Ends a campaign that cannot run here with status 69 and the reason."""
    print(f"{name}: cannot run here: {reason}", file=sys.stderr)
    raise SystemExit(69)
