"""HTTP requests that we make ourselves, to places that the operator named and no other.

A redirect is not followed and the environment names no proxy: whoever answers cannot send us to a
third place.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

DEADLINE = 5.0
"""Seconds for one request, from the name to the end of the answer."""
LARGEST = 65_536
"""Octets of an answer that are read."""


class Unreachable(ConnectionError):
    """No answer; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


class Courier:
    """One for a process; it connects when it is first used."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._client: httpx.AsyncClient | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send ``body`` there. Raises ``Unreachable``."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=ssl.create_default_context(),
                follow_redirects=False,
                trust_env=False,
                timeout=self._deadline,
            )
        found = bytearray()
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._client.stream("POST", url, content=body, headers=headers) as response,
            ):
                async for piece in response.aiter_raw():
                    found += piece
                    if len(found) > LARGEST:
                        break
                return Answer(response.status_code, bytes(found[:LARGEST]))
        except TimeoutError:
            raise Unreachable(f"no answer within {self._deadline:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unreachable(str(error) or type(error).__name__) from None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
