"""Options of the test run."""

import os

import pytest
from hypothesis import settings

# What lands is judged by the same examples each time; whoever runs the tests explores.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--accept",
        action="store_true",
        help="write what the rules' cases give now as what they shall give; then read the diff",
    )
