"""What a policy says of the mail that comes back."""

import pytest

from tests.policy.test_parse import DAY, HEAD, compiled, problems

FEEDBACK = "feedback: {bounces: [b@a.example], replies: [r@a.example], operator: op@a.example}\n"
NEWS = "streams: {news: {class: marketing}}\n"


def test_what_comes_back_has_its_addresses_and_thresholds() -> None:
    text = (
        f"{HEAD}{FEEDBACK}bounces: {{hard: 2, window: 7d}}\n"
        "brands: {x: {bounces: {soft: 0}}, y: {}}\n"
        "streams: {s: {class: marketing, brand: x}, t: {class: marketing, brand: y,"
        " match: {listener: lmtp}}}\n"
    )
    policy = compiled(text)
    feedback = policy.controllers["acme"].feedback
    assert feedback
    assert feedback.bounces == ("b@a.example",)
    assert feedback.operator == "op@a.example"
    one, other = (stream.brand.bounces for stream in policy.streams)
    assert (one.hard, one.soft, one.window) == (1, 0, 30 * DAY)
    assert (other.hard, other.soft, other.window) == (2, 5, 7 * DAY)
    assert not compiled(f"{HEAD}{NEWS}").controllers["acme"].feedback


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("feedback: {bounces: [b@a.example]}\n", "operator"),
        ("feedback: {bounces: [nonsense], operator: o@a.example}\n", "is not a mail address"),
        ("feedback: {replies: [r@a.example], operator: R@a.example}\n", "read by the feedback"),
        ("bounces: {hard: 0}\n", "bounces.hard: should be greater than or equal to 1"),
        (
            "feedback: {operator: u@a.example}\n"
            "brands: {acme: {unsubscribe: {mailto: u@a.example}}}\n",
            "feedback.operator: u@a.example is read by the feedback listener itself",
        ),
    ],
)
def test_feedback_that_cannot_be(text: str, said: str) -> None:
    assert said in "\n".join(problems(f"{HEAD}{text}{NEWS}"))


def test_an_address_of_two_controllers() -> None:
    other = (
        "controller: beta\nlegal_name: Beta\nfeedback: {bounces: [B@a.example], operator: o@b.c}\n"
    )
    (problem,) = problems({"f.yaml": f"{HEAD}{FEEDBACK}", "g.yaml": other})
    assert problem == "g.yaml:3:11: feedback: B@a.example already belongs to f.yaml:3"
