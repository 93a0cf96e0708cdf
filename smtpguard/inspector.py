"""Another process that deliberates over large mail, with a clock that can stop it.

Whatever could hold the event loop for more than a few milliseconds is asked here: the question
goes out pickled over a pipe, the answer comes back the same way. A process that does not answer
in time is killed, and the next question starts another. It ends by itself when it is not needed.

The other side of the pipe is ``python -m smtpguard.inspector``: our own code on our own pipe.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
import sys
from contextlib import suppress

from smtpguard.verdict.decision import Deliberation
from smtpguard.verdict.deliberate import Question, deliberate

PATIENCE = 20.0
"""Seconds that a question waits for its turn."""
LENGTH = struct.Struct(">Q")


class InspectionFailed(Exception):
    """The inspector was stopped by the clock, died, or could not be had."""

    def __init__(self, why: str, *, by_mail: bool = True) -> None:
        super().__init__(why)
        self.by_mail = by_mail
        """The mail at hand did it; not a host without processes, or a queue before it."""


class Inspector:
    """Asks one question at a time of one process."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def deliberate(self, question: Question) -> Deliberation:
        """The answer; ``InspectionFailed`` after ``seconds`` of one question.

        Whoever waits behind slow mail for longer than ``PATIENCE`` hears that as well.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._turn.acquire()
        except TimeoutError as late:
            raise InspectionFailed("too much mail waits for inspection", by_mail=False) from late
        try:
            try:
                process = await self._running()
            except (OSError, EOFError) as failure:
                await self.close()
                why = f"no inspector can be started: {failure}"
                raise InspectionFailed(why, by_mail=False) from failure
            try:
                async with asyncio.timeout(self.seconds):
                    answer = await _ask(process, question)
            except BaseException as failure:
                await self.close()
                if isinstance(failure, (TimeoutError, OSError, EOFError)):
                    raise InspectionFailed(type(failure).__name__) from failure
                raise
        finally:
            self._turn.release()
        if isinstance(answer, str):
            raise InspectionFailed(answer)
        return answer

    async def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "smtpguard.inspector",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert self._process.stdout is not None
            async with asyncio.timeout(30):
                await self._process.stdout.readexactly(1)
        return self._process


async def _ask(process: asyncio.subprocess.Process, question: Question) -> Deliberation | str:
    assert process.stdin is not None
    assert process.stdout is not None
    asked = pickle.dumps(question, protocol=5)
    process.stdin.write(LENGTH.pack(len(asked)))
    process.stdin.write(asked)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    answer: Deliberation | str = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301
    return answer


def main() -> None:
    """Answer questions from standard input until it ends."""
    inlet, outlet = sys.stdin.buffer, sys.stdout.buffer
    outlet.write(b"+")
    outlet.flush()
    while header := inlet.read(LENGTH.size):
        (length,) = LENGTH.unpack(header)
        answer: Deliberation | str
        try:
            answer = deliberate(pickle.loads(inlet.read(length)))  # noqa: S301
        except Exception as failure:  # the asker decides what it means for the mail
            answer = f"{type(failure).__name__}: {failure}"
        said = pickle.dumps(answer, protocol=5)
        outlet.write(LENGTH.pack(len(said)) + said)
        outlet.flush()


if __name__ == "__main__":
    main()
