"""Kept plans side by side: their figures, their sectors, and where each lies on the frontier."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app import navigation
from app.charts.drift import sector_figure
from app.charts.frontier import frontier_figure
from app.panels import frame
from app.steps.plan import WhatIf
from app.tables.plan import comparison_table
from engine.domain.identifiers import PlanId
from engine.domain.market import MarketSnapshot
from engine.plan.frontier import FrontierPoint


def side_by_side(
    kept: Sequence[WhatIf], names: Mapping[PlanId, str], market: MarketSnapshot, *, band: float | None
) -> None:
    """Show the figures of kept plans as columns, a way to each one's review, and their sectors."""
    frame.table(comparison_table([(names[each.plan_id], each.summary) for each in kept], market), key="comparison")
    with st.container(horizontal=True):
        for each in kept:
            label = f"Review {names[each.plan_id]}"
            if st.button(label, key=f"review:{each.plan_id}", icon=":material/fact_check:"):
                navigation.go(navigation.REVIEW, plan=each.plan_id)
    frame.chart(
        sector_figure([(names[each.plan_id], each.summary.sectors) for each in kept], band=band),
        key="kept_sectors",
        alt="Active weight by sector of each kept plan",
    )


def on_frontier(
    points: Sequence[FrontierPoint], kept: Sequence[WhatIf], names: Mapping[PlanId, str], found: WhatIf
) -> None:
    """Show kept plans of the same inputs on the frontier of tax against tracking error, and how well it is proven."""
    same = [each for each in kept if each.plan.inputs_hash == found.plan.inputs_hash]
    marks = [
        (names[each.plan_id].split(" · ")[0], each.summary.tracking_error, float(each.summary.tax_now)) for each in same
    ]
    frame.chart(
        frontier_figure(points, marks, (found.plan.before.tracking_error, 0.0)),
        key="frontier",
        alt="Tax now against tracking error: the best possible, doing nothing, and the kept plans",
    )
    if points:
        widest, ends = max(point.gap_bp for point in points), (points[0].risk_aversion, points[-1].risk_aversion)
        st.caption(
            f"{len(points)} certified plans of fractional shares, from a risk aversion of {ends[0]:,.1f} to "
            f"{ends[1]:,.0f}; each within {widest:.3f} bp of the best possible one."
        )
