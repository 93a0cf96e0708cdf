"""What a policy says of the mail that comes back."""

import pytest

from tests.policy.test_parse import DAY, HEAD, compiled, problems

FEEDBACK = "feedback: {bounces: [b@a.example], replies: [r@a.example], operator: op@a.example}\n"
NEWS = "streams: {news: {class: marketing}}\n"


def test_what_comes_back_has_its_addresses_and_thresholds() -> None:
    text = (
        f"{HEAD}{FEEDBACK}bounces: {{hard: 3, window: 7d}}\n"
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
    assert (one.hard, one.soft, one.window) == (2, 0, 30 * DAY)
    assert (other.hard, other.soft, other.window) == (3, 5, 7 * DAY)
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


def test_addresses_that_nobody_listens_to_are_warned_of() -> None:
    text = f"{HEAD}{FEEDBACK}brands: {{acme: {{unsubscribe: {{mailto: u@a.example}}}}}}\n{NEWS}"
    assert not any("kind: feedback" in said for said in compiled(text).warnings)
    found = [said for said in compiled(text, feedback=False).warnings if "kind: feedback" in said]
    assert [said.split(": no listener")[0] for said in found] == [
        "f.yaml:3:21: feedback.bounces",
        "f.yaml:3:45: feedback.replies",
        "f.yaml:4:39: brands.acme.unsubscribe.mailto",
    ]
    assert found[2].endswith("is of `kind: feedback`, so nobody acts on mail to u@a.example")
    assert not any("feedback" in w for w in compiled(f"{HEAD}{NEWS}", feedback=False).warnings)


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        ("", True),
        ("owner: Marketing, ", True),
        ("owner: m@a.example, ", False),
        (FEEDBACK, False),
        ("mode: observe, ", False),
    ],
)
def test_nobody_to_tell_is_warned_of(said: str, warned: bool) -> None:
    head, inner = (said, "") if said == FEEDBACK else ("", said)
    mode = "" if "mode" in said else "mode: enforce, "
    text = f"{HEAD}{head}streams: {{s: {{{inner}{mode}class: transactional}}}}\n"
    assert (
        any("nobody is told when mail is held up" in w for w in compiled(text).warnings) is warned
    )


def test_an_address_of_two_controllers() -> None:
    other = (
        "controller: beta\nlegal_name: Beta\nfeedback: {bounces: [B@a.example], operator: o@b.c}\n"
    )
    (problem,) = problems({"f.yaml": f"{HEAD}{FEEDBACK}", "g.yaml": other})
    assert problem == "g.yaml:3:11: feedback: B@a.example already belongs to f.yaml:3"
