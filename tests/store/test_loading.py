"""Lists into the store: in batches, with pauses, bad rows named by their line."""

import time
from collections.abc import Iterator, Sequence

import pytest

from smtpguard.store.loading import BATCH, BadRow, load
from smtpguard.store.shared_domain import why_shared
from smtpguard.store.table import Row


def rows(count: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        yield Row(number, f"{number}\n", (str(number),), "torn" if number == 7 else "")


def read(row: Row) -> int:
    number = int(row.cell(0))
    if number % 100 == 0:
        raise BadRow("a round number")
    return number


async def test_batches_counts_and_complaints() -> None:
    written: list[int] = []
    sizes: list[int] = []
    complaints: list[tuple[int, str]] = []
    seen: list[int] = []

    async def write(batch: Sequence[int]) -> int:
        written.extend(batch)
        sizes.append(len(batch))
        return sum(number % 2 for number in batch)

    tally = await load(
        rows(600),
        read,
        write,
        complain=lambda line, why: complaints.append((line, why)),
        progress=seen.append,
    )
    assert written == [n for n in range(1, 601) if n != 7 and n % 100]
    assert sizes == [BATCH, BATCH, len(written) - 2 * BATCH]
    assert complaints[0] == (7, "torn")
    assert complaints[1:] == [(n * 100, "a round number") for n in range(1, 7)]
    assert (tally.rows, tally.bad, tally.new, tally.known) == (600, 7, 299, 294)
    assert sum(seen) == sum(len(row.text) for row in rows(600))


async def test_half_of_the_time_is_left_to_the_mail() -> None:
    async def write(batch: Sequence[int]) -> int:
        time.sleep(0.02)
        return len(batch)

    async def run(share: float) -> float:
        began = time.monotonic()
        await load(rows(3 * BATCH), read, write, complain=lambda *_: None, share=share)
        return time.monotonic() - began

    assert await run(0.5) >= 0.12
    assert await run(0.25) >= 0.24


@pytest.mark.parametrize("domain", ["gmail.com", "co.uk", "com", "yahoo.fr", "localhost"])
def test_domains_of_strangers(domain: str) -> None:
    assert why_shared(domain)


@pytest.mark.parametrize("domain", ["acme.example", "mail.acme.example", "notgmail.com"])
def test_domains_of_one_owner(domain: str) -> None:
    assert why_shared(domain) == ""
