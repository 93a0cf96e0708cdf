"""Files in, a regime out: everything that a reload reads, read at one moment.

The parent reads and compiles; workers get the same octets and compile them again, so that what
was found whole in the parent is whole in each of them.
"""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from smtpguard.config import Config
from smtpguard.config import listener as configured
from smtpguard.keys import Keyring, SigningKey, UnusableKey
from smtpguard.policy import pack, parse
from smtpguard.policy.match import Matcher
from smtpguard.policy.policy import Policy
from smtpguard.policy.source import Problem, Problems
from smtpguard.proxy.regime import Regime
from smtpguard.rules import ALL
from smtpguard.rules.rule import Fact, Rule
from smtpguard.service import accounts
from smtpguard.service.notify import secret
from smtpguard.sign import Signer, probe
from smtpguard.smtp.settings import Deadlines, Limits, Listener, Onward, Stray, Tls
from smtpguard.store.settings import Settings


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All the octets a regime is made of."""

    config: Config
    policies: Mapping[str, bytes]
    packs: Mapping[str, bytes]
    ring: bytes
    dkim: Mapping[str, bytes] = field(default_factory=dict)
    """Private keys by the name the policy gives them."""
    users: Mapping[str, bytes] = field(default_factory=dict)
    """Users files by listener."""

    @property
    def host(self) -> str:
        """Our id in Received fields: the same after a restart, another on another host."""
        place = f"{self.config.identity}\0{self.config.state}"
        return hashlib.sha256(place.encode()).hexdigest()[:8]


def snapshot(config: Config, ring: Keyring) -> Snapshot:
    """Read what the configuration names. ``Problems`` where something cannot be read."""
    policies, packs = config.policy_files(), config.pack_files()
    compiled = policy(config, policies, packs, int(time.time()))
    keys, problems = read_dkim(config, compiled)
    users, unusable = accounts.read_users(config)
    if problems or unusable:
        raise Problems([*problems, *unusable])
    return Snapshot(config, policies, packs, ring.dump(), keys, users)


def regime(taken: Snapshot) -> Regime:
    """Compile. ``Problems`` where the policy is wrong or a DKIM key does not verify."""
    compiled = policy(taken.config, taken.policies, taken.packs, int(time.time()))
    signers, problems = sign_with(compiled, taken.dkim)
    if problems:
        raise Problems(problems)
    matcher = Matcher(compiled, taken.config.defaults)
    return Regime(compiled, matcher, signers, Keyring.load(taken.ring))


def read_dkim(config: Config, compiled: Policy) -> tuple[dict[str, bytes], list[Problem]]:
    """The DKIM keys that a policy names, by name, and those that cannot be read."""
    base = config.policies if config.policies.is_dir() else config.policies.parent
    keys: dict[str, bytes] = {}
    problems: list[Problem] = []
    for name in sorted({key.key for stream in compiled.streams for key in stream.brand.dkim}):
        try:
            keys[name] = secret(name, base)
        except OSError as error:
            problems.append(Problem(name, 0, 0, f"DKIM key: {error.strerror or error}"))
    return keys, problems


def sign_with(
    compiled: Policy, keys: Mapping[str, bytes]
) -> tuple[dict[str, tuple[Signer, ...]], list[Problem]]:
    """The signers of each domain, and the keys whose signature does not verify.

    A key that could not be read is passed over: ``read_dkim`` has told of it.
    """
    signers: dict[str, tuple[Signer, ...]] = {}
    problems: list[Problem] = []
    for key in dict.fromkeys(key for stream in compiled.streams for key in stream.brand.dkim):
        if key.key not in keys:
            continue
        try:
            signer = Signer(key.domain, key.selector, SigningKey.load(keys[key.key]))
            fault = probe(signer)
        except UnusableKey as unusable:
            fault = str(unusable)
        if fault:
            problems.append(Problem(key.key, 0, 0, f"DKIM key of {key.domain}: {fault}"))
        else:
            signers[key.domain] = (*signers.get(key.domain, ()), signer)
    return signers, problems


def store_settings(config: Config) -> Settings:
    """How the store is reached."""
    return Settings(
        state=config.state,
        url=_with_password(config),
        durability_asserted=config.store.durability == "asserted",
        deadline=config.store.timeout,
        blip=config.store.blip,
        replicas=config.store.replicas,
    )


def changed(old: Config, new: Config) -> list[str]:
    """What a reload cannot change: all of the host's side but where the policies are."""
    parts = set(Config.model_fields) - {"policies"}
    return sorted(part for part in parts if getattr(old, part) != getattr(new, part))


def listener(taken: Snapshot, entry: configured.Listener) -> Listener:
    """One listener as the wire wants it."""
    config = taken.config
    said = config.limits
    return Listener(
        name=entry.name,
        hostname=config.identity,
        lmtp=entry.protocol == "lmtp",
        relay_from=entry.relay_from.networks,
        relay_unix=entry.auth is None or entry.relay_from.unix,
        trusted=entry.trusted.networks,
        trusted_unix=entry.trusted.unix,
        xforward_from=entry.xforward_from.networks,
        xforward_unix=entry.xforward_from.unix,
        tls=tls(entry.tls) if entry.tls else None,
        tls_required=entry.tls is not None and entry.tls.required,
        auth=accounts.auth(entry, taken.users),
        stray=Stray(said.bare_newlines),
        limits=replace(limits(config), sessions=entry.connections or said.connections),
        deadlines=Deadlines(command=said.command_timeout, data=said.data_timeout),
    )


def limits(config: Config) -> Limits:
    """What all clients of a worker may ask for."""
    said = config.limits
    return Limits(
        size=said.size,
        line=said.line_length,
        recipients=said.recipients,
        sessions=said.connections,
        sessions_per_client=said.connections_per_client,
        in_flight=said.in_flight_bytes,
    )


def onward(config: Config) -> Onward:
    """The next hop as the wire wants it."""
    upstream, timeouts = config.upstream, config.upstream.timeouts
    password = secret(upstream.password, Path()).decode().strip() if upstream.password else ""
    return Onward(
        hostname=config.identity,
        host=upstream.address.host,
        port=upstream.address.port,
        path=upstream.address.path,
        tls=Tls(upstream.tls),
        ca_file=str(upstream.ca or ""),
        user=upstream.user,
        password=password,
        xforward=upstream.xforward,
        connect=timeouts.connect,
        greeting=timeouts.greeting,
        command=timeouts.command,
        after_dot=timeouts.dot,
        connections=upstream.pool_size,
        idle=upstream.pool_idle,
    )


def policy(
    config: Config,
    policies: Mapping[str, bytes],
    packs: Mapping[str, bytes],
    now: int,
    *,
    anywhere: bool = False,
) -> Policy:
    """Compile policy files; the operator's packs hide those of ours. ``Problems``.

    ``anywhere``: the listeners that the policies name are not looked for in the configuration.
    """
    return parse.load(
        policies,
        packs={**pack.SHIPPED, **packs},
        rules={rule.id: rule.change for rule in ALL},
        invariants=[rule.id for rule in ALL if _is_governed(rule)],
        listeners=None if anywhere else config.protocols,
        defaults=config.defaults,
        now=now,
        feedback=anywhere or any(entry.kind == "feedback" for entry in config.listeners),
    )


def _is_governed(rule: Rule) -> bool:
    """A stream's own words (``suppression``, ``store_silent``) say how it acts, or nothing does."""
    return rule.invariant or Fact.SUPPRESSIONS in rule.facts


def tls(entry: configured.ListenerTls) -> ssl.SSLContext:
    """What the listener shows its clients, read now. ``OSError`` where that cannot be had."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(entry.certificate, entry.key)
    return context


def _with_password(config: Config) -> str:
    if not config.store.password:
        return config.store.url
    word = secret(config.store.password, Path()).decode().strip()
    scheme, _, rest = config.store.url.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0] if at else ''}:{word}@{place}"
