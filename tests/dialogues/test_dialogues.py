"""Every ``*.smtp`` file beside this one is a law of the wire and a dialogue that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any


async def test_dialogue(dialogue: Any, stage: Any) -> None:
    await stage(dialogue)


def test_every_law_is_a_sentence_and_its_files_name(dialogue: Any) -> None:
    assert dialogue.law.endswith(".")
    assert dialogue.lines


def test_names_are_words() -> None:
    names = [file.stem for file in Path(__file__).parent.glob("*.smtp")]
    assert names
    assert all(name.replace("-", "").isalnum() and name.islower() for name in names)
