"""Judge a message without a wire: the question that the proxy would have asked, put from a file."""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from smtpguard import config as configuration
from smtpguard.edit.edit import Edit, apply
from smtpguard.edit.fix import Change
from smtpguard.keys import Keyring, SigningKey, UnusableKey
from smtpguard.mail import reference
from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Envelope, Recipient, Session
from smtpguard.mail.field import mailboxes
from smtpguard.mail.message import Message
from smtpguard.person import Person
from smtpguard.policy.controller import Brand, Controller
from smtpguard.policy.match import Matcher
from smtpguard.policy.policy import Policy
from smtpguard.policy.source import Problem, Problems
from smtpguard.policy.stream import Action, Asked, Kind, Mode, Stream
from smtpguard.proxy.facts import exits, from_domain_of, said_in
from smtpguard.rules import ALL
from smtpguard.rules.rule import Said
from smtpguard.service import build
from smtpguard.service.notify import secret
from smtpguard.sign import Signer, Verified, sign, verify
from smtpguard.unsubscribe.link import Exit
from smtpguard.verdict.decision import Copy, Deliberation, Ruling
from smtpguard.verdict.deliberate import Question, deliberate
from smtpguard.verdict.judge import rule_of
from smtpguard.verdict.weigh import Weighed

NOBODY = Address(b"reader", b"reader.invalid")
"""Whom a message is judged for when nobody is named (RFC 2606 §2)."""


_BARE_LF = re.compile(rb"(?<!\r)\n")


class Unreadable(ValueError):
    """It is no message."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What was found."""

    file: bytes
    """As it was read, with its own line ends."""
    raw: bytes
    """As the wire would carry it: CRLF line ends."""
    stream: str
    rulings: tuple[Ruling, ...]
    copies: tuple[Copy, ...]
    disagreements: tuple[str, ...] = ()
    """Where the reference reader sees something else than the wire's."""
    signatures: tuple[str, ...] = ()

    @property
    def weighed(self) -> tuple[Weighed, ...]:
        """All findings, each once."""
        return tuple(dict.fromkeys(w for ruling in self.rulings for w in ruling.weighed))

    def mended(self, index: int = 0) -> bytes:
        """The file as it shall be for one recipient: octets that no edit names stay as they are."""
        copy = next((copy for copy in self.copies if index in copy.recipients), None)
        if copy is None:
            return self.file
        bare = [m.start() + i for i, m in enumerate(_BARE_LF.finditer(self.file))]
        crlf = self.file.partition(b"\n")[0].endswith(b"\r")
        edits = [
            Edit(
                edit.start - bisect_left(bare, edit.start),
                edit.end - bisect_left(bare, edit.end),
                edit.new if crlf else edit.new.replace(b"\r\n", b"\n"),
                edit.why,
            )
            for edit in copy.edits
        ]
        return apply(self.file, edits)

    def sentence(self, weighed: Weighed) -> str:
        """What is wrong and what to do."""
        return weighed.finding.remedy or rule_of(weighed.finding).says["en"]


@dataclass(frozen=True, slots=True)
class Bench:
    """A policy, and the circumstances under which messages are judged."""

    policy: Policy | None = None
    stream: Stream | None = None
    """All messages are judged as this stream's."""
    recipients: tuple[Recipient, ...] = (Recipient(NOBODY),)
    listener: str = ""
    ring: Keyring = Keyring()
    signers: tuple[Signer, ...] = ()
    pretends: bool = False
    """Without a link key, show where a link would stand; such mail must not be sent."""

    @classmethod
    def of(
        cls,
        policy: Path | None,
        *,
        stream: str = "",
        rcpt: Sequence[str] = (),
        listener: str = "",
        ring: Keyring | None = None,
    ) -> Bench:
        """Read the policy. ``Problems`` when it, or what the command line says, is wrong."""
        recipients = tuple(Recipient(_address(word)) for word in rcpt) or (Recipient(NOBODY),)
        bench = cls(recipients=recipients, listener=listener, ring=ring or Keyring())
        if policy is None:
            return bench
        config = configuration.load(None).overridden(policies=policy)
        # A file on its own knows no listeners: whatever it names may exist.
        compiled = build.policy(
            config, config.policy_files(), config.pack_files(), int(time.time()), anywhere=True
        )
        chosen = next((s for s in compiled.streams if stream in (s.name, s.id)), None)
        if stream and chosen is None:
            names = ", ".join(sorted(s.name for s in compiled.streams)) or "none"
            problem = f"no stream {stream!r}; there are: {names}"
            raise Problems([Problem("command line", 0, 0, problem)])
        return replace(
            bench, policy=compiled, stream=chosen, signers=_signers(compiled, config.policies)
        )

    def prove(self, raw: bytes, *, now: int) -> Proven:
        """Judge one message for all the recipients. ``Unreadable`` when it is none."""
        octets = _BARE_LF.sub(b"\r\n", raw)
        message = Message(octets)
        if not any(field.key for field in message.fields):
            raise Unreadable("this is no message: it has no header")
        said, name = said_in(message)
        envelope = Envelope(
            Session(listener=self.listener, protocol="LMTP", trusted=True),
            _sender(message),
            recipients=self.recipients,
        )
        streams = tuple(self._stream(envelope, each, message, name) for each in self.recipients)
        decided = deliberate(self._question(envelope, message, streams, said, now))
        return Proven(
            file=raw,
            raw=octets,
            stream=_name(streams[0]),
            rulings=decided.rulings,
            copies=decided.copies,
            disagreements=tuple(_disagreements(message)),
            signatures=self._signatures(decided, now),
        )

    def _question(
        self,
        envelope: Envelope,
        message: Message,
        streams: tuple[Stream | None, ...],
        said: Said,
        now: int,
    ) -> Question:
        return Question(
            envelope=envelope,
            raw=message.raw,
            message=message,
            streams=streams,
            persons=tuple(Person() for _ in streams),
            exits=self._exits(envelope, streams, now),
            said=said,
            signs=frozenset(signer.domain for signer in self.signers),
            now=now,
            reference="lint",
        )

    def _stream(
        self, envelope: Envelope, recipient: Recipient, message: Message, named: str
    ) -> Stream | None:
        if self.stream is not None:
            return self.stream
        if self.policy is None:
            return _undeclared(message)
        matcher = Matcher(self.policy)
        return matcher.at_dot(envelope, recipient, from_domain_of(message), named)

    def _exits(
        self, envelope: Envelope, streams: tuple[Stream | None, ...], now: int
    ) -> dict[int, Exit]:
        """Real links where the link key is at hand, else perhaps what they would look like."""
        if self.ring.links:
            return exits(self.ring, envelope, streams, now)
        shown: dict[int, Exit] = {}
        for index, stream in enumerate(streams):
            if self.pretends and stream is not None and stream.brand.unsubscribe.url:
                url = f"{stream.brand.unsubscribe.url}/u/THE-LINK-OF-THIS-READER"
                shown[index] = Exit(url, stream.brand.unsubscribe.mailto)
        return shown

    def _signatures(self, decided: Deliberation, now: int) -> tuple[str, ...]:
        """Sign as the proxy would, and let the other implementation verify it."""
        if not decided.copies:
            return ()
        raw = decided.copies[0].raw
        domain = f".{from_domain_of(Message(raw))}"
        above = [signer for signer in self.signers if domain.endswith(f".{signer.domain}")]
        nearest = max((len(signer.domain) for signer in above), default=0)
        signers = [signer for signer in above if len(signer.domain) == nearest]
        signature = sign(raw, signers, now)
        records = {signer.record_name: signer.key.record for signer in signers}
        ours = len(signers) if signature else 0
        return tuple(map(_told, verify(signature + raw, records)[:ours]))


def _undeclared(message: Message) -> Stream:
    """Without a policy every rule warns, and the From field is believed."""
    field = message.first("from")
    written = mailboxes(field.value) if field else ()
    domain = from_domain_of(message)
    name = written[0].display if written and written[0].display else domain
    asked = Asked(Action.WARN, "lint without a policy")
    return Stream(
        "lint",
        Controller("lint", name),
        Brand("lint", (name, domain), frozenset({domain})),
        Kind.MARKETING,
        mode=Mode.ENFORCE,
        edits=Change.NONE,
        rules={rule.id: asked for rule in ALL},
    )


def _signers(policy: Policy, policies: Path) -> tuple[Signer, ...]:
    """The DKIM keys that can be read from here; a key that cannot is not missed."""
    base = policies if policies.is_dir() else policies.parent
    keys = dict.fromkeys(key for stream in policy.streams for key in stream.brand.dkim)
    found: list[Signer] = []
    for key in keys:
        try:
            octets = secret(key.key, base)
            found.append(Signer(key.domain, key.selector, SigningKey.load(octets)))
        except (OSError, UnusableKey):
            continue
    return tuple(found)


def _disagreements(message: Message) -> Iterator[str]:
    """Where the reference reader sees something else than the wire's."""
    for reading in message.readings:
        for difference in reference.differences(reading, reference.read(reading.part)):
            yield f"part {reading.part.number or '1'}: {difference}"


def _told(signature: Verified) -> str:
    """What the other implementation says of a signature of ours."""
    who = f"DKIM {signature.algorithm} by {signature.domain} ({signature.selector})"
    return f"{who}: verifies" if signature.ok else f"{who}: does not verify: {signature.why}"


def _sender(message: Message) -> Address | None:
    path = message.first("return-path")
    return Address.parse(path.raw.strip(b"<> ")) if path else None


def _address(word: str) -> Address:
    address = Address.parse(word.encode())
    if address is None:
        raise Problems([Problem("command line", 0, 0, f"{word!r} is not a mail address")])
    return address


def _name(stream: Stream | None) -> str:
    return stream.id if stream else ""
