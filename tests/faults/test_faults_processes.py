"""Real processes stopped, starved and cut off: one clear line, the documented exit code, nobody left behind."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.faults import EXAMPLE

import megawatt
from megawatt.results import verify

COMMAND = [sys.executable, "-m", "megawatt"]
SAMPLE = ["plan", str(EXAMPLE), "--set", "risk.paths=40000", "--workers", "3"]  # this process is one of them
SMALL = ["plan", str(EXAMPLE), "--set", "risk.paths=256"]


def finished(*words: object, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, words)], stderr=subprocess.PIPE, text=True, timeout=120, **how)  # type: ignore[call-overload, no-any-return]


def _family(pid: int) -> list[int]:
    """Processes of a session that still run."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split() if path.name.isdigit() else []
        except OSError:
            continue
        if fields and int(fields[3]) == pid and fields[0] != "Z":
            found.append(int(path.name))
    return found


def _until(ready: object, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not ready():  # type: ignore[operator]
        assert time.monotonic() < deadline, "not within a minute"
        time.sleep(0.02)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A plan with workers, in a session of its own."""
    command = [*COMMAND, *SAMPLE, "--out", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True) as running:  # type: ignore[call-overload]
        yield running
        running.kill()


def _workers(pid: int) -> list[int]:
    def serves(child: int) -> bool:
        try:
            return b"popen_loky" in Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:
            return False

    return [child for child in _family(pid) if serves(child)]


def _worked_s(pid: int) -> float:
    """Processor time of a process; its imports take one to two seconds. [s]"""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cut_while_starting(out: str, number: signal.Signals, wait_s: float) -> bool:
    """Whether all that was printed is a worker's word that its killed parent gave it nothing to start from.

    The pool's library prints it (twice for two workers) before any code of ours runs in the worker; only a parent that
    ends (SIGKILL, SIGTERM) in the tenth of a second in which a worker is started can cause it.
    """
    failures = out.count("failed with traceback")
    starved = out.count("EOFError: Ran out of input")
    return (
        number in (signal.SIGKILL, signal.SIGTERM)
        and wait_s == 0
        and 0 < failures <= 2
        and failures == starved
        and "megawatt" not in _frames(out)
    )


def _frames(out: str) -> str:
    """The files named in tracebacks, without the folders above the packages."""
    return "\n".join(line.split("site-packages")[-1] for line in out.splitlines() if line.lstrip().startswith("File "))


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted"), (signal.SIGKILL, -9, "")],
)
@pytest.mark.parametrize("wait_s", [0.0, 1.0], ids=["as the workers start", "at work"])
def test_workers_end_with_the_command(
    started: subprocess.Popen[str], tmp_path: Path, number: signal.Signals, code: int, word: str, wait_s: float
) -> None:
    _until(lambda: len(_workers(started.pid)) == 2)
    time.sleep(wait_s)
    (os.killpg if number == signal.SIGINT else os.kill)(started.pid, number)
    out, _ = started.communicate(timeout=20)  # the pipe is closed: no orphan holds it
    assert started.returncode == code
    assert out == (f"{word}; nothing was left half-written\n" if word else "") or _cut_while_starting(
        out, number, wait_s
    )
    _until(lambda: not _family(started.pid), 10)
    assert [p for p in tmp_path.iterdir() if not p.name.startswith(".megawatt-")] == []


def test_a_killed_worker_is_one_error(started: subprocess.Popen[str], tmp_path: Path) -> None:
    # At work: one that is killed while it waits for its first call is replaced, and the plan goes on.
    _until(lambda: len(_workers(started.pid)) == 2 and _worked_s(_workers(started.pid)[0]) > 3.0)
    os.kill(_workers(started.pid)[0], signal.SIGKILL)
    out, _ = started.communicate(timeout=240)
    assert started.returncode == 7
    assert "a worker process was killed" in out
    assert "fewer workers" in out
    assert "Traceback" not in out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wait_s", [0.1, 0.2, 0.4, 0.7, 1.0])
def test_an_interrupt_while_importing_has_no_traceback(wait_s: float) -> None:
    with subprocess.Popen([*COMMAND, *SMALL], stderr=subprocess.PIPE, text=True) as running:
        _until(lambda: "megawatt" in Path(f"/proc/{running.pid}/maps").read_text() or _answers(running.pid))
        time.sleep(wait_s)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (130, "interrupted; nothing was left half-written\n")


def _answers(pid: int) -> bool:
    """Whether a process has taken the answer to Ctrl-C and SIGTERM into its hands."""
    caught = next(li for li in Path(f"/proc/{pid}/status").read_text().splitlines() if li.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_an_ignored_interrupt_stays_ignored(tmp_path: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    command = [*COMMAND, *SMALL, "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=ignore) as running:
        _until(lambda: _answers(running.pid))
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    command = [*COMMAND, "catalogue", "sources", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr is not None
        err = running.stderr.read()
    assert (running.returncode, err) == (0, "")


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_full_standard_output_is_the_machines_error(as_json: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = finished("catalogue", "list", *as_json, stdout=full)
    assert done.returncode == 7
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_closed_streams(tmp_path: Path) -> None:
    def closed(number: int, *words: str) -> subprocess.CompletedProcess[str]:
        return finished(*words, preexec_fn=lambda: os.close(number), cwd=tmp_path)

    done = closed(1, "init")
    assert (done.returncode, "standard output is closed" in done.stderr) == (7, True)
    assert list(tmp_path.iterdir()) == []
    assert closed(0, "init").returncode == 0
    assert closed(2, "init").returncode == 2
    assert closed(2, "init", "other.toml").returncode == 0


def test_names_that_are_no_text_and_terminals_that_know_no_umlauts() -> None:
    done = finished("check", os.fsdecode(b"\xff\xfe.toml"))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    narrow = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    assert finished("catalogue", "show", "dublin", stdout=subprocess.DEVNULL, env=narrow).returncode == 0
    assert finished("check", "\u00fc\u2603.toml", env=narrow).returncode == 2


def _read_only(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _without_privilege() -> list[str]:
    """For root: a prefix under which the permissions of files hold for us too."""
    if os.geteuid() != 0:
        return []
    tool = shutil.which("setpriv") or pytest.skip("root without setpriv: every folder can be written")
    return [tool, "--bounding-set", "-dac_override,-dac_read_search,-fowner"]


def test_a_read_only_install_without_a_home_works(tmp_path: Path) -> None:
    package = Path(megawatt.__file__).parent
    shutil.copytree(package, tmp_path / "lib" / "megawatt", ignore=shutil.ignore_patterns("__pycache__"))
    _read_only(tmp_path / "lib")
    env = {k: v for k, v in os.environ.items() if k not in ("HOME", "NUMBA_CACHE_DIR")}
    env |= {"PYTHONPATH": str(tmp_path / "lib"), "XDG_CACHE_HOME": str(tmp_path / "lib" / "cache")}
    words = ["dispatch", str(EXAMPLE), "--battery", "50:200", "--solver", "exact", "--json"]
    command = [*_without_privilege(), *COMMAND, *words]
    done = subprocess.run(command, env=env, cwd="/", capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("out", [".", "deeper/still"])
def test_a_folder_without_permission_is_found_before_the_computation(tmp_path: Path, out: str) -> None:
    _read_only(tmp_path)
    command = [*_without_privilege(), *COMMAND, *SMALL, "--out", str(tmp_path / out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 7
    assert done.stderr.count("Permission denied") == 1
    tmp_path.chmod(0o755)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    tool = shutil.which("mount")
    made = tool and subprocess.run(
        [tool, "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(tmp_path)], capture_output=True
    )
    if not made or made.returncode:
        pytest.skip("no right to mount a small disk")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("words", [[*SMALL, "--out"], ["hall", "dublin", "--design", "air-chiller", "--report"]])
def test_a_disk_without_room_is_found_before_the_computation(small_disk: Path, words: list[str]) -> None:
    done = finished(*words, small_disk / "x")
    assert done.returncode == 7
    assert "No space left on device" in done.stderr
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_while_writing(tmp_path: Path) -> None:
    """A limit on the size of files, set after the look at the disk, stands for a disk that others fill."""
    code = (
        "import resource, megawatt.writing as w; w._probe = lambda *_: "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); from megawatt.cli import main; main()"
    )
    command = [sys.executable, "-c", code, *SMALL, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 7, done.stderr
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_memory_that_runs_out_is_the_machines_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from megawatt.cli.entry import main

    def starve(*_: object) -> None:
        raise MemoryError("Unable to allocate 7 GiB")

    monkeypatch.setattr("megawatt.catalogue.load_catalogue", starve)
    with pytest.raises(SystemExit, match="7"):
        main(["catalogue", "list"])
    assert "out of memory" in capsys.readouterr().err


def test_a_clock_that_goes_back_changes_nothing_but_the_time(tmp_path: Path) -> None:
    code = "import time; time.time = lambda: 0.0; from megawatt.cli import main; main()"
    for name, command in (("now", COMMAND), ("then", [sys.executable, "-c", code])):
        subprocess.run([*command, *SMALL, "--out", str(tmp_path / name)], check=True, capture_output=True, timeout=240)
        assert verify(tmp_path / name / EXAMPLE.stem) == []
    dated = ("manifest.json", "report.html")
    same = [f.name for f in (tmp_path / "now" / EXAMPLE.stem).iterdir() if f.name not in dated]
    for name in same:
        now, then = (tmp_path / t / EXAMPLE.stem / name for t in ("now", "then"))
        assert now.read_bytes() == then.read_bytes(), name
