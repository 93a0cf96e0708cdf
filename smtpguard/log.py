"""Every line an operator reads, one function each, on standard output.

Three forms of the same facts: ``postfix`` (for eyes and for tools that read Postfix's log),
``logfmt`` and ``json``. Where the journal of systemd reads us, lines carry their priority.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog

from smtpguard.mail.address import Address
from smtpguard.mail.envelope import Recipient
from smtpguard.outlet import Outlet
from smtpguard.verdict.decision import Decision, Defer, Refuse, Relay, Ruling
from smtpguard.verdict.judge import Failure
from smtpguard.verdict.weigh import Outcome

PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""syslog's numbers, as sd-daemon(3) reads them."""

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

GRAVEST_FIRST = (
    Outcome.REFUSED,
    Outcome.DEFERRED,
    Outcome.FIXED,
    Outcome.MENDABLE,
    Outcome.WARNED,
)

_logger: Any = structlog.get_logger()
_pseudonym: Callable[[str, str], str] | None = None


def configure(
    form: str = "postfix",
    *,
    level: str = "info",
    pseudonym: Callable[[str, str], str] | None = None,
    out: TextIO | None = None,
) -> None:
    """Choose the form, the least level, and whether addresses are replaced by references.

    ``pseudonym`` maps controller and normalised address to a reference; ``None``: clear text.
    """
    global _logger, _pseudonym
    _pseudonym = pseudonym
    renderers: dict[str, Any] = {
        "postfix": _postfix,
        "logfmt": structlog.processors.LogfmtRenderer(key_order=["level", "event", "id"]),
        "json": structlog.processors.JSONRenderer(),
    }
    processors: list[Any] = [structlog.processors.add_log_level]
    if form != "postfix":
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    if "JOURNAL_STREAM" in os.environ:
        processors += [_remember_level, renderers[form], _prioritise]
    else:
        processors.append(renderers[form])
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(
            file=cast("TextIO", Outlet(out or sys.stdout, _lost))
        ),
        cache_logger_on_first_use=False,
    )
    _logger = structlog.get_logger().bind()  # the proxy would bind for every line
    logging.basicConfig(handlers=[_Bridge()], level=logging.WARNING, force=True)


class _Bridge(logging.Handler):
    """What libraries, and rooms that know no better, say through the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it as a line of our own, with its trace."""
        fields: dict[str, Any] = {"logger": record.name, "text": record.getMessage()}
        if record.exc_info:
            fields["trace"] = "".join(traceback.format_exception(*record.exc_info))
        level = "error" if record.levelno >= logging.ERROR else "warning"
        getattr(_logger, level)("notice", **fields)


def decision(taken: Decision) -> None:
    """One line for each recipient, as Postfix logs deliveries."""
    session = taken.envelope.session
    shared: dict[str, Any] = {
        "client": session.forward("ADDR") or session.peer or "unix",
        "from": f"<{_sender(taken)}>",
    }
    if session.user:
        shared["user"] = _user(session.user)
    if queue_id := session.forward("IDENT"):
        shared["orig_queue_id"] = queue_id
    if taken.size:
        shared["size"] = taken.size
    if taken.signed:
        shared["signed"] = ",".join(taken.signed)
    said = taken.said
    if said.list or said.recipient or said.campaign:
        shared |= said.shown
        if unfit := said.unfit:
            shared["ignored"] = ",".join(f"x-smtpguard-{name}" for name in unfit)
    delays = "/".join(f"{spent:.3f}" for spent in taken.timings.values())
    names = "/".join(taken.timings)
    for ruling, answer in zip(taken.rulings, taken.answers, strict=True):
        code = answer.code // 100
        fields: dict[str, Any] = {
            **shared,
            "to": f"<{_recipient(ruling, ruling.recipient)}>",
            "stream": _stream(ruling),
            "action": _action(ruling),
            **_rules(ruling),
            "delay": f"{taken.timings.get('total', 0.0):.3f}",
            f"delays_{names}" if names else "delays": delays,
            "status": {2: "sent", 4: "deferred"}.get(code, "refused"),
            "reply": _told(answer.text),
        }
        if answer.ambiguous:
            fields["ambiguous"] = 1
        _logger.info("decision", id=taken.reference, **fields)


def started(**facts: object) -> None:
    """The service, or one worker, takes mail."""
    _logger.info("started", **facts)


def stopped(**facts: object) -> None:
    """It takes no more."""
    _logger.info("stopped", **facts)


def reloaded(version: str) -> None:
    """Another policy is in force."""
    _logger.info("reloaded", policy=version)


def reload_refused(problems: str) -> None:
    """The new configuration is wrong; the old one stays."""
    _logger.error("reload-refused", problems=problems)


def warned(text: str) -> None:
    """Something in configuration or policy an operator should look at."""
    _logger.warning("notice", text=text)


def _lost(count: int) -> None:
    warned(f"{count} lines of the log were lost: nobody read them in time")


def rule_failed(reference: str, failure: Failure) -> None:
    """A rule raised: a bug of ours, with its trace."""
    _logger.error("rule-failed", id=reference, rule=failure.rule, trace=failure.trace)


def inspection_failed(reference: str, why: str) -> None:
    """Mail could not be judged in time."""
    _logger.error("inspection-failed", id=reference, why=why)


def paused(reference: str, stream: str, owner: str, fault: str) -> None:
    """A stream is refused for one fault so often that it pauses."""
    _logger.error("stream-paused", id=reference, stream=stream, owner=owner, fault=fault)


def store_silent(why: str) -> None:
    """The store does not answer, or is not to be trusted."""
    _logger.error("store-silent", why=why)


def exit_silent(url: str, why: str) -> None:
    """An exit does not answer: no links to it until it does."""
    _logger.error("exit-silent", url=url, why=why)


def exit_answers(url: str) -> None:
    """An exit answers again."""
    _logger.warning("exit-answers", url=url)


def webhook_lost(controller: str, why: str) -> None:
    """Something was written that the company will not be told of: it must compare its lists."""
    _logger.error("webhook-lost", controller=controller, why=why)


def webhook_dead(message: str, controller: str, why: str) -> None:
    """The last try to tell a company has failed."""
    _logger.error("webhook-dead", id=message, controller=controller, why=why)


def trouble(what: str, cause: str, subject: str, fault: str) -> None:
    """Mail is held up somewhere, or not any more, as all workers together found."""
    _logger.warning("trouble", what=what, cause=cause, subject=subject, fault=fault)


def digest(message: str, kind: str, controller: str) -> None:
    """The owner of a stream was told by mail."""
    _logger.info("digest", id=message, what=kind, controller=controller)


def digest_dead(message: str, controller: str, why: str) -> None:
    """The last try to tell an owner by mail has failed."""
    _logger.error("digest-dead", id=message, controller=controller, why=why)


def digest_lost(trouble: str, why: str) -> None:
    """Nobody can be told of a trouble by mail."""
    _logger.warning("digest-lost", trouble=trouble, why=why)


def feedback(reference: str, **facts: object) -> None:
    """What became of one mail that came back."""
    _logger.info("feedback", id=reference, **facts)


def reader(event: str, **facts: object) -> None:
    """What a reader did on the exit pages; no address and no token among the facts."""
    _logger.info("reader", what=event, **{name: str(fact) for name, fact in facts.items()})


def api(what: str, **facts: object) -> None:
    """What a program asked for, by whose token; no address and no token among the facts."""
    _logger.info("api", what=what, **{name: str(fact) for name, fact in facts.items()})


def late_opt_out(controller: str, channel: str, count: int, longest: int, allowed: int) -> None:
    """People said stop, and we heard of it too late (seconds)."""
    _logger.warning(
        "late-opt-out",
        controller=controller,
        channel=channel,
        count=count,
        longest=longest,
        allowed=allowed,
    )


def contact_unsure(reference: str, why: str) -> None:
    """A first contact could not be recorded: the reader will be informed once more."""
    _logger.warning("contact-unsure", id=reference, why=why)


def journal_failed(reference: str, why: str) -> None:
    """A decision could not be written down."""
    _logger.error("journal-failed", id=reference, why=why)


def incident(reference: str, trace: str) -> None:
    """An exception that nobody expected; the client was told 451 and this id."""
    _logger.error("incident", id=reference, trace=trace)


def upstream_changed(what: str) -> None:
    """The upstream came, went, or offers something else."""
    _logger.warning("upstream", what=what)


def child(what: str, **facts: object) -> None:
    """A worker or the store's server was started, ended or restarted."""
    _logger.warning("child", what=what, **facts)


def _rules(ruling: Ruling) -> dict[str, str]:
    said: dict[str, str] = {}
    for outcome in GRAVEST_FIRST:
        names = [w.finding.name for w in ruling.weighed if w.outcome is outcome and not w.observed]
        would = [w.finding.name for w in ruling.weighed if w.outcome is outcome and w.observed]
        if names:
            said[str(outcome)] = ",".join(dict.fromkeys(names))
        if would:
            said[f"would_be_{outcome}"] = ",".join(dict.fromkeys(would))
    return said


def _action(ruling: Ruling) -> str:
    if isinstance(ruling.verdict, Refuse):
        return "refuse"
    if isinstance(ruling.verdict, Defer):
        return "defer"
    assert isinstance(ruling.verdict, Relay)
    return "mend" if ruling.verdict.fixes else "relay"


def _stream(ruling: Ruling) -> str:
    stream = ruling.stream
    return stream.id if stream else "-"


def _sender(taken: Decision) -> str:
    sender = taken.envelope.sender
    if sender is None or _pseudonym is None:
        return _clear(sender) if sender else ""
    # VERP writes the reader into it.
    return f"...@{sender.domain.decode('utf-8', 'backslashreplace')}"


def _user(name: str) -> str:
    _, at, domain = name.rpartition("@")
    return f"...@{domain}" if at and _pseudonym is not None else name


def _recipient(ruling: Ruling, recipient: Recipient) -> str:
    if _pseudonym is None:
        return _clear(recipient.address)
    controller = ruling.stream.controller.name if ruling.stream else ""
    return _pseudonym(controller, recipient.address.key)


def _told(reply: str) -> str:
    """A reply, which often repeats the address."""
    if _pseudonym is None or "@" not in reply:
        return reply
    return " ".join("<...>" if "@" in word else word for word in reply.split(" "))


def _clear(address: Address) -> str:
    return bytes(address).decode("utf-8", "backslashreplace")


def _postfix(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    name, level = event.pop("event"), event.pop("level")
    reference = event.pop("id", "")
    head = f"{reference}: " if reference else ""
    what = "" if name == "decision" else f"{level}: {name}: " if level != "info" else f"{name}: "
    said = ", ".join(_pair(key, value) for key, value in event.items())
    return f"{head}{what}{said}".removesuffix(": ")


def _pair(key: str, value: object) -> str:
    if key.startswith("delays_"):
        return f"delays={value} ({key[7:]})"
    text = str(value).rstrip().replace("\n", " | ")
    if key == "reply":
        return f"({text})"
    if key == "text":
        return text
    return f"{key}={text}"


def _remember_level(
    _: object, __: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    global _last_level
    _last_level = event["level"]
    return event


_last_level = "info"


def _prioritise(_: object, __: str, line: str | Mapping[str, Any]) -> str:
    return "\n".join(f"<{PRIORITY[_last_level]}>{part}" for part in str(line).split("\n"))


configure()
