"""What each setting would change, on screen: a picture by measure, and every figure in a table."""

import streamlit as st

from app.charts.sensitivity import MEASURES, sensitivity_figure
from app.panels import frame
from app.tables.plan import sensitivity_table
from engine.plan.sensitivity import Sensitivities


def sensitivity(found: Sensitivities | None, *, key: str) -> None:
    """Show what a step of each setting would change; a sentence where there is no plan to change."""
    if found is None:
        st.caption("No plan obeys every rule, so there is nothing to compare with.")
        return
    st.caption(
        "Each setting alone, a step tighter and a step looser, all others as they are; every figure is that of a "
        "certified plan of fractional shares against the one under the settings as they stand."
    )
    measure = st.segmented_control(
        "Measure", list(MEASURES), default="Tax", required=True, key=f"{key}:measure", label_visibility="collapsed"
    )
    figure, idle = sensitivity_figure(found, measure or "Tax")
    frame.chart(figure, key=f"{key}:figure", alt=f"What a step of each setting changes: {measure}")
    if idle:
        st.caption(f"No effect on it: {', '.join(idle)}.")
    frame.table(sensitivity_table(found), key=f"{key}:table", empty="No numeric setting is in force.", height=620)
