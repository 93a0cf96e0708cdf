"""The users files that listeners name: read anew with every reload, whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from smtpguard.config import Config
from smtpguard.config.listener import Listener
from smtpguard.policy.policy import Policy
from smtpguard.policy.source import Problem, Problems
from smtpguard.smtp.auth import Auth
from smtpguard.smtp.users import UnusableUsers, Users, parse


def read_users(config: Config) -> tuple[dict[str, bytes], list[Problem]]:
    """The octets of users files by listener, and what is wrong with them."""
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for entry in config.listeners:
        if entry.auth is None:
            continue
        try:
            octets = read_file(entry.auth.users)
            users_of(entry.auth.users, octets)
            files[entry.name] = octets
        except Problems as found:
            problems += found.items
    return files, problems


def read_file(path: Path) -> bytes:
    """The octets of one users file; ``Problems`` where it cannot be read, or anybody could."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXO | stat.S_IWGRP):
                said = f"is open to others: `chmod 600 {path}`, or 640"
                raise Problems([Problem(str(path), 0, 0, said)])
            return file.read()
    except OSError as error:
        said = f"cannot be read: {error.strerror or error}"
        raise Problems([Problem(str(path), 0, 0, said)]) from None


def users_of(path: Path, octets: bytes) -> Users:
    """What a users file says. ``Problems`` with the lines that say nothing of use."""
    try:
        return parse(octets)
    except UnusableUsers as unusable:
        faults = unusable.faults.items()
        raise Problems(Problem(str(path), line, 1, text) for line, text in faults) from None


def auth(entry: Listener, files: Mapping[str, bytes]) -> Auth | None:
    """AUTH of one listener, where it offers that."""
    said = entry.auth
    if said is None:
        return None
    users = users_of(said.users, files[entry.name])
    return Auth(users, trusted=said.trusted, without_tls=said.without_tls)


def doubts(config: Config, compiled: Policy, files: Mapping[str, bytes]) -> Iterator[Problem]:
    """Users that are named and are not there; streams that wait for one where nobody is asked."""
    asked = {
        entry.name: (entry.auth, users_of(entry.auth.users, files[entry.name]))
        for entry in config.listeners
        if entry.auth is not None and entry.name in files
    }
    for name, (said, users) in asked.items():
        for trusted in said.trusted:
            if trusted not in users:
                place = f"listeners.{name}.auth.trusted"
                yield Problem(place, 0, 0, f"there is no `{trusted}` in {said.users}")
    for stream in compiled.streams:
        user, listener = stream.match.user, stream.match.listener
        heard = [found for name, found in asked.items() if listener in ("", name)]
        place = f"streams.{stream.name}.match.user"
        if user and not heard:
            yield Problem(place, 0, 0, "no listener of it offers `auth`, so that it never matches")
        elif user and not any(user in users for _, users in heard):
            files_of = ", ".join(dict.fromkeys(str(said.users) for said, _ in heard))
            yield Problem(place, 0, 0, f"there is no `{user}` in {files_of}")
