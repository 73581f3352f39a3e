"""Every setting has its words, on the screen and in the documentation, and they are the same."""

from dataclasses import fields
from pathlib import Path

import pytest

from engine.domain.meanings import MEANINGS, Unit
from engine.domain.settings import PlanSettings, override

DOCUMENT = Path(__file__).parents[3] / "docs" / "settings.md"
ROWS = [
    [cell.strip() for cell in line.strip("| \n").split(" | ")]
    for line in DOCUMENT.read_text().splitlines()
    if line.startswith("| `")
]


def test_every_setting_has_a_meaning_in_the_order_of_its_definition():
    assert list(MEANINGS) == [field.name for field in fields(PlanSettings)]
    assert len({meaning.label for meaning in MEANINGS.values()}) == len(MEANINGS)


def test_the_documentation_has_one_line_a_setting_in_the_same_words():
    assert [(name.strip("`"), unit, text) for name, unit, _, text in ROWS] == [
        (name, meaning.unit.value, meaning.text) for name, meaning in MEANINGS.items()
    ]


@pytest.mark.parametrize(("name", "default"), [(row[0].strip("`"), row[2]) for row in ROWS])
def test_the_default_that_is_documented_is_the_one_that_holds(name, default):
    held = getattr(PlanSettings(), name)

    if MEANINGS[name].unit is Unit.NAMES:
        assert (default, len(held)) in (("[]", 0), ("{}", 0))
    else:
        assert override(PlanSettings(), {name: default}, source="docs") == PlanSettings()
