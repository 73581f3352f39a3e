"""Which setting matters most? A step of each, as bars to either side of now."""

from collections.abc import Callable, Mapping
from typing import Final

import plotly.graph_objects as go

from engine.domain.meanings import MEANINGS
from engine.plan.sensitivity import Change, Sensitivities, Sensitivity, Step, change

MEASURES: Final[Mapping[str, tuple[str, str, Callable[[Change], float]]]] = {
    "Tax": ("change of tax now, USD (below zero: saved)", "%{x:+$,.0f}", lambda found: float(found.tax_usd)),
    "Tracking error": (
        "change of predicted tracking error, percentage points a year",
        "%{x:+.3f} pp",
        lambda found: 100 * found.tracking_error,
    ),
    "Objective": (
        "change of the objective, bp (above zero: worse)",
        "%{x:+.3f} bp",
        lambda found: found.objective_bp or 0.0,
    ),
    "Trades": ("change of the number of trades", "%{x:+d}", lambda found: float(found.trades)),
}
_ROW_PX: Final = 34
_NO_EFFECT: Final = 1e-3  # of the largest change


def sensitivity_figure(found: Sensitivities, measure: str) -> tuple[go.Figure, tuple[str, ...]]:
    """Return a bar for each step of each setting, those that change the measure most on top, and what changes nothing.

    measure: a key of MEASURES. A step without a plan, or without a common measure, has no bar.
    """
    title, hover, read = MEASURES[measure]

    def moved(each: Sensitivity, step: Step | None) -> float:
        changed = None if step is None else change(found.base, each, step)
        return 0.0 if changed is None else read(changed)

    most = {each.setting: max(abs(moved(each, each.tighter)), abs(moved(each, each.looser))) for each in found.settings}
    least = _NO_EFFECT * max(most.values(), default=0.0)
    moving = sorted((each for each in found.settings if most[each.setting] > least), key=lambda e: most[e.setting])
    names = [MEANINGS[each.setting].label for each in moving]
    figure = go.Figure()
    for label, steps in (
        ("a step tighter", [(each, each.tighter) for each in moving]),
        ("a step looser", [(each, each.looser) for each in moving]),
    ):
        figure.add_bar(
            y=names,
            x=[moved(each, step) for each, step in steps],
            name=label,
            orientation="h",
            hovertemplate=f"%{{y}}, {label}: {hover}<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        height=120 + _ROW_PX * len(names),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={"title": title, "zeroline": True},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    idle = tuple(MEANINGS[each.setting].label for each in found.settings if most[each.setting] <= least)
    return figure, idle
