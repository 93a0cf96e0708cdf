"""Which stream a mail belongs to: declared, never guessed.

``Matcher`` is compiled once a policy. The listener fixes which streams may be used: those that
name it in ``match.listener`` and those that name none. Among them the other criteria choose;
what none of them takes gets the listener's default stream, and where there is none ``None``: the
policy's own default. ``parse`` refuses two streams that could take the same mail, so the order in
which they stand never matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient
from smtpguard.policy.peers import Peers
from smtpguard.policy.policy import Policy
from smtpguard.policy.stream import Match, Stream

NULL = "<>"
"""``match.sender`` of the null reverse-path (RFC 5321 §4.5.5)."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """The envelope leaves a choice: a header or the From domain must be seen."""

    candidates: tuple[Stream, ...]
    """Those that the message may still choose."""
    otherwise: Stream | None
    """What holds when it chooses none."""


class Matcher:
    """Streams by what the envelope and the header show.

    ``defaults`` names the default stream of a listener, as the configuration does.
    """

    def __init__(self, policy: Policy, defaults: Mapping[str, str] | None = None) -> None:
        named = {stream.name: stream for stream in policy.streams}
        self._defaults = {
            listener: named[stream]
            for listener, stream in (defaults or {}).items()
            if stream in named
        }
        listeners = {s.match.listener for s in policy.streams} | set(self._defaults)
        self._tables = {
            listener: _by_sender(
                s
                for s in policy.streams
                if s.match != Match() and s.match.listener in ("", listener)
            )
            for listener in listeners | {""}
        }

    def at_rcpt(self, envelope: Envelope, recipient: Recipient) -> Stream | Undecided | None:
        """What the envelope tells of one recipient: a stream, none, or that it cannot tell yet."""
        candidates = self._candidates(envelope, recipient)
        for stream in candidates:
            if not stream.match.needs_message:
                return stream
        otherwise = self._defaults.get(envelope.session.listener)
        return Undecided(tuple(candidates), otherwise) if candidates else otherwise

    def at_dot(
        self, envelope: Envelope, recipient: Recipient, from_domain: str, header: str
    ) -> Stream | None:
        """The stream of one recipient.

        ``from_domain`` is the domain of the From field in its A-label form, ``header`` the value
        of ``X-SmtpGuard-Stream``; it is believed from a trusted client only. None is the default.
        """
        for stream in self._candidates(envelope, recipient):
            match = stream.match
            if match.header in ("", header) and match.from_domain in ("", from_domain):
                return stream
        return self._defaults.get(envelope.session.listener)

    def _candidates(self, envelope: Envelope, recipient: Recipient) -> list[Stream]:
        session = envelope.session
        table = self._tables.get(session.listener) or self._tables[""]
        found = []
        for key in _keys(envelope.sender):
            for stream, client in table.get(key, ()):
                match = stream.match
                if (
                    (not match.user or match.user == session.user)
                    and (client is None or session.peer in client)
                    and (not match.header or session.trusted)
                    and (not match.recipient or match.recipient in _keys(recipient.address))
                ):
                    found.append(stream)
        return found


def told_apart(one: Match, other: Match) -> bool:
    """Whether no mail can show what both ask: they differ in a criterion that both have."""
    for name in ("listener", "user", "header", "from_domain"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine and theirs and mine != theirs:
            return True
    for name in ("sender", "recipient"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine and theirs and not _same_party(mine, theirs):
            return True
    return bool(one.client and other.client) and not Peers.parse([one.client]).overlaps(
        Peers.parse([other.client])
    )


def _same_party(one: str, other: str) -> bool:
    if one.startswith("@") or other.startswith("@"):
        return one.rpartition("@")[2] == other.rpartition("@")[2]
    return one == other


Table = dict[str, tuple[tuple[Stream, Peers | None], ...]]


def _by_sender(streams: Iterable[Stream]) -> Table:
    table: Table = {}
    for stream in streams:
        client = Peers.parse([stream.match.client]) if stream.match.client else None
        here = table.get(stream.match.sender, ())
        table[stream.match.sender] = (*here, (stream, client))
    return table


def _keys(address: Address | None) -> tuple[str, ...]:
    """What a criterion may say to mean ``address``: nothing, the address, or its domain."""
    if address is None:
        return ("", NULL)
    return ("", address.key, "@" + address.domain_key)
