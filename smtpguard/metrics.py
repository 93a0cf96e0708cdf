"""Every number that is counted, one name each; the status listener shows them (Prometheus).

Names begin with ``smtpguard_``, counters end in ``_total``; no label holds an address, a token or
anything else that a stranger could make many of.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
OPT_OUT_SECONDS = Histogram(
    "smtpguard_opt_out_seconds",
    "From a wish's arrival to the store's answer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    registry=REGISTRY,
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
UP = Gauge("smtpguard_up", "1 while the service answers.", registry=REGISTRY)


def page() -> bytes:
    """All of them in the text format that Prometheus reads."""
    return generate_latest(REGISTRY)
