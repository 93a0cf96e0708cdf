"""Options of the test run."""

import os

import pytest
from hypothesis import settings

# What lands is judged by the same examples each time; whoever runs the tests explores. Neither asks
# how many seconds an example takes, since machines differ.
settings.register_profile("explore", deadline=None)
settings.register_profile("land", deadline=None, derandomize=True)
settings.load_profile("land" if os.environ.get("CI") == "true" else "explore")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--accept",
        action="store_true",
        help="write what the rules' cases give now as what they shall give; then read the diff",
    )
