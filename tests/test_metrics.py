"""Names and labels of what is counted."""

import re

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
