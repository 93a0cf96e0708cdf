"""Every number that is counted, one name each; the status listener shows them (Prometheus).

Names begin with ``smtpguard_``, counters end in ``_total``; no label holds an address, a token or
anything else that a stranger could make many of.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

REGISTRY = CollectorRegistry()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

WEB_ANSWERS = Counter(
    "smtpguard_web_answers_total",
    "Answers of the exit pages.",
    ("page", "status"),
    registry=REGISTRY,
)
OPT_OUTS = Counter(
    "smtpguard_opt_outs_total",
    "Wishes not to be written to, acknowledged after the store had them.",
    ("channel", "scope", "new"),
    registry=REGISTRY,
)
OPT_OUT_BOUNDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 60.0),
    *(3600.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0),
)
"""Seconds; 48 hours, five days and ten are what mailbox providers and laws allow."""
OPT_OUT_SECONDS = Histogram(
    "smtpguard_opt_out_seconds",
    "From when somebody said stop to the store's answer.",
    ("channel",),
    buckets=OPT_OUT_BOUNDS,
    registry=None,  # ``Together`` shows it
)
UNDONE = Counter(
    "smtpguard_undone_total", "Wishes taken back on the page that recorded them.", registry=REGISTRY
)
BAD_TOKENS = Counter(
    "smtpguard_bad_tokens_total",
    "Links that are not ours: cut, forged, foreign or too old.",
    registry=REGISTRY,
)
STORMS = Counter(
    "smtpguard_scanner_storms_total",
    "Clients that opened many people's links within seconds; nobody was unsubscribed by it.",
    registry=REGISTRY,
)
LIMITED = Counter(
    "smtpguard_web_limited_total",
    "Requests turned away before any page saw them.",
    ("limit",),
    registry=REGISTRY,
)
RIGHTS_REQUESTS = Counter(
    "smtpguard_rights_requests_total", "Rights requests opened.", ("kind",), registry=REGISTRY
)
STORE_SILENT = Counter(
    "smtpguard_web_store_silent_total",
    "Answers 503 because the store did not say that it had written.",
    registry=REGISTRY,
)
FEEDBACK = Counter(
    "smtpguard_feedback_total",
    "Mails that came back: leave, bounce, complaint, nothing, unknown.",
    ("what",),
    registry=REGISTRY,
)
EXIT_SILENT = Counter(
    "smtpguard_exit_silent_total",
    "Times that an exit was found not to answer; no links to it until it does.",
    registry=REGISTRY,
)
WEBHOOKS = Counter(
    "smtpguard_webhooks_total",
    "Tries to tell a company of an event: heard or failed.",
    ("outcome",),
    registry=REGISTRY,
)
DIGESTS = Counter(
    "smtpguard_digests_total",
    "Tries to tell the owner of a stream by mail that its mail is held up: sent or failed.",
    ("outcome",),
    registry=REGISTRY,
)


class Together(Collector):
    """What the hosts and commands of one store count in it: the same on every host."""

    def __init__(self) -> None:
        self.counts: Mapping[tuple[str, ...], int] = {}
        """As ``store.counts`` names them, when it was last asked."""
        self.webhooks: Mapping[str, int] = {}
        """Events by what becomes of them."""

    def collect(self) -> Iterator[Metric]:
        """The families that they make."""
        yield self._delays()
        waiting = GaugeMetricFamily(
            "smtpguard_webhooks_waiting",
            "Events of which companies were not told: they wait, or were given-up.",
            labels=("state",),
        )
        for state, count in self.webhooks.items():
            waiting.add_metric((state,), count)
        yield waiting
        for what, name, told, labels in (
            (
                "attempt",
                "smtpguard_attempts_after_opt_out",
                "Mail to people who had left: in-flight up to 48 h after, uncleaned later.",
                ("controller", "stream", "age"),
            ),
            (
                "late",
                "smtpguard_late_opt_outs",
                "Opt-outs that took longer to reach us than the controller allows.",
                ("controller", "channel"),
            ),
            (
                "conflict",
                "smtpguard_opt_out_conflicts",
                "Consents and opt-outs that contradict each other.",
                ("controller", "kind"),
            ),
        ):
            family = CounterMetricFamily(name, told, labels=labels)
            for words, count in self._of(what):
                family.add_metric(words, count)
            yield family

    def _delays(self) -> Metric:
        """Ours, and those of channels that other processes serve."""
        (local,) = OPT_OUT_SECONDS.collect()
        family = HistogramMetricFamily(local.name, local.documentation, labels=("channel",))
        counts = dict(self._of("delay"))
        for (channel,), spent in self._of("delay-sum"):
            buckets, so_far = [], 0
            for bound in (*map(str, OPT_OUT_BOUNDS), "+Inf"):
                so_far += counts.get((channel, bound), 0)
                buckets.append((bound, so_far))
            family.add_metric((channel,), buckets, spent / 1000)
        family.samples.extend(local.samples)
        return family

    def _of(self, what: str) -> list[tuple[tuple[str, ...], int]]:
        return sorted((name[1:], n) for name, n in self.counts.items() if name[0] == what)


TOGETHER = Together()
REGISTRY.register(TOGETHER)
API_ANSWERS = Counter(
    "smtpguard_api_answers_total",
    "Answers of the API; `none`: refused before it was known what is asked.",
    ("operation", "status"),
    registry=REGISTRY,
)
UP = Gauge("smtpguard_up", "1 while the service answers.", registry=REGISTRY)


def bound(seconds: float) -> str:
    """The bucket of ``OPT_OUT_SECONDS`` into which a time falls."""
    place = bisect_left(OPT_OUT_BOUNDS, seconds)
    return str(OPT_OUT_BOUNDS[place]) if place < len(OPT_OUT_BOUNDS) else "+Inf"


Counted = Mapping[tuple[str, ...], float]
"""Family, sample, then name and value of each label in turn: what one process has counted."""


def counted() -> dict[tuple[str, ...], float]:
    """What this process has counted since it began; nothing of what the store counts."""
    together = {family.name for family in TOGETHER.collect()}
    own = [family for family in REGISTRY.collect() if family.name not in together]
    return {
        _key(family, sample): sample.value
        for family in (*own, *OPT_OUT_SECONDS.collect())
        for sample in family.samples
        if family.type in {"counter", "histogram"} and not sample.name.endswith("_created")
    }


def page(others: Iterable[Counted] = ()) -> bytes:
    """All of them in the text format that Prometheus reads, with what others have counted."""
    summed = CollectorRegistry()
    summed.register(_Sum(others))
    return generate_latest(summed)


class _Sum(Collector):
    """Our own, and that of others added."""

    def __init__(self, others: Iterable[Counted]) -> None:
        self._others = list(others)

    def collect(self) -> Iterator[Metric]:
        """The families, as the registry has them."""
        for family in REGISTRY.collect():
            samples = {_key(family, sample): sample for sample in family.samples}
            for other in self._others:
                for key, value in other.items():
                    if key[0] != family.name:
                        continue
                    had = samples.get(key)
                    labels = had.labels if had else dict(zip(key[2::2], key[3::2], strict=True))
                    samples[key] = Sample(key[1], labels, (had.value if had else 0) + value)
            family.samples = list(samples.values())
            yield family


def _key(family: Metric, sample: Sample) -> tuple[str, ...]:
    return (family.name, sample.name, *(word for pair in sample.labels.items() for word in pair))
