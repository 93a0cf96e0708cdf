"""Names and labels of what is counted."""

import re

import pytest

from smtpguard import metrics


def test_names_follow_one_form_and_labels_are_few() -> None:
    for family in metrics.REGISTRY.collect():
        assert re.fullmatch("smtpguard_[a-z_]+", family.name)
        assert family.documentation.endswith(".")


def test_the_page_is_what_prometheus_reads() -> None:
    metrics.UNDONE.inc()
    lines = metrics.page().decode().splitlines()
    assert "# TYPE smtpguard_undone_total counter" in lines
    assert any(re.fullmatch(r"smtpguard_undone_total [1-9]\d*\.0", line) for line in lines)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0.001"), (0.001, "0.001"), (0.0011, "0.0025"), (864_000, "864000.0"), (864_001, "+Inf")],
)
def test_the_bucket_of_a_time_is_prometheus_own(seconds: float, expected: str) -> None:
    assert metrics.bound(seconds) == expected
    metrics.OPT_OUT_SECONDS.labels("test").observe(seconds)
    lines = metrics.page().decode().splitlines()
    metrics.OPT_OUT_SECONDS.remove("test")
    full = [line for line in lines if 'channel="test"' in line and line.endswith(" 1.0")]
    assert f'le="{expected}"' in full[0]


def test_what_all_hosts_count_stands_beside_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {
        ("delay", "mailto", "0.05"): 2,
        ("delay", "mailto", "+Inf"): 1,
        ("delay-sum", "mailto"): 3000,
        ("attempt", "acme", "news", "uncleaned"): 4,
        ("late", "acme", "webhook:crm"): 5,
        ("conflict", "acme", "old-link"): 6,
        ("of a later version", "x"): 7,
    }
    monkeypatch.setattr(metrics.TOGETHER, "counts", counts)
    metrics.OPT_OUT_SECONDS.labels("page").observe(0.02)
    lines = metrics.page().decode().splitlines()
    assert {
        'smtpguard_opt_out_seconds_bucket{channel="mailto",le="0.025"} 0.0',
        'smtpguard_opt_out_seconds_bucket{channel="mailto",le="864000.0"} 2.0',
        'smtpguard_opt_out_seconds_bucket{channel="mailto",le="+Inf"} 3.0',
        'smtpguard_opt_out_seconds_count{channel="mailto"} 3.0',
        'smtpguard_opt_out_seconds_sum{channel="mailto"} 3.0',
        "smtpguard_attempts_after_opt_out_total"
        '{age="uncleaned",controller="acme",stream="news"} 4.0',
        'smtpguard_late_opt_outs_total{channel="webhook:crm",controller="acme"} 5.0',
        'smtpguard_opt_out_conflicts_total{controller="acme",kind="old-link"} 6.0',
    } <= set(lines)
    assert sum(line.startswith("# TYPE smtpguard_opt_out_seconds ") for line in lines) == 1
    assert any('smtpguard_opt_out_seconds_bucket{channel="page"' in line for line in lines)
