"""HTTP requests that we make ourselves, to places that the operator named and no other.

A redirect is not followed, no cookie is kept and the environment names no proxy: whoever answers
cannot send us to a third place, nor have the next request go where this one went. Answers are asked
for as they are: a server that compressed them would change what is compared, and could send much
in little.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from smtpguard import __version__

DEADLINE = 5.0
"""Seconds for one request, from the name to the end of the answer."""
LARGEST = 65_536
"""Octets of an answer that are read."""
LONGEST_WHY = 200
"""Characters of a reason: what is wrong with an answer is often quoted from it."""
HEADERS = {"User-Agent": f"smtpguard/{__version__}", "Accept-Encoding": "identity"}


class Unreachable(ConnectionError):
    """No answer; ``str()`` says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    certified: int = 0
    """When the server's certificate ends, seconds since the epoch; 0 without TLS."""


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
                headers=HEADERS,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
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
                return Answer(response.status_code, bytes(found[:LARGEST]), _certified(response))
        except TimeoutError:
            raise Unreachable(f"no answer within {self._deadline:g} s") from None
        except Exception as error:  # of httpx, and what httpx lets through of sockets and names
            why = (str(error) or type(error).__name__)[:LONGEST_WHY]
            raise Unreachable("".join(c if c.isprintable() else " " for c in why)) from None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _certified(response: httpx.Response) -> int:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    ends = (tls.getpeercert() or {}).get("notAfter") if tls is not None else None
    return int(ssl.cert_time_to_seconds(ends)) if ends else 0
