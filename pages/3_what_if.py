"""What-if: tune the settings, see the plan at once, keep what is worth comparing."""

import streamlit as st

from app import session
from app.panels import frame, settings
from app.panels import plan as plan_panel
from app.panels.kept import on_frontier, side_by_side
from app.panels.sensitivity import sensitivity
from app.steps import firm, plan, tradeoff
from app.steps.market import todays_market
from app.tables.review import plan_table

services, user = session.services(), session.user()
head, chooser = st.columns([2, 4], vertical_alignment="bottom")
head.title("What-if")
with chooser:
    account_id = session.pick_account(firm.account_labels(services))
version, market = firm.version(services), todays_market(services)
knobs, result = st.columns([3, 8], gap="medium")
with knobs:
    own = plan.default_settings(services, account_id)
    chosen = settings.tune(plan.account_of(services, account_id), own, market)
with result:
    with st.spinner("Solving…", show_time=True):
        found = session.remember(
            ("what_if", account_id, version, repr(chosen)), lambda: plan.what_if(services, account_id, chosen)
        )
    if not plan_panel.infeasible(found):
        plan_panel.headline(found)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            note = st.text_input("Name this plan", key=f"note:{account_id}", placeholder="e.g. harvest only", width=320)
            if st.button("Keep and compare", key="keep", type="primary", icon=":material/bookmark_add:"):
                session.compare(plan.keep(services, found, actor=user.user_id, note=note))
                st.rerun()
        plan_panel.proof(found)
        plan_panel.details(found, key="what_if")

steps = st.expander(
    "What each setting would change", key=f"steps:{account_id}", icon=":material/swap_vert:", on_change="rerun"
)
if steps.open:
    with steps, st.spinner("Planning again with each setting a step tighter and looser…", show_time=True):
        changes = session.remember(
            ("steps", account_id, version, repr(chosen)), lambda: tradeoff.would_change(services, account_id, chosen)
        )
        sensitivity(changes, key="steps")

st.subheader("Kept plans side by side")
heads = plan.plans_of(services, account_id)
names = {head.plan_id: f"{head.note or 'plan'} · {head.plan_id[:6]} · {head.state.value}" for head in heads}
chosen_plans = session.choose_compared(names)
kept = session.remember(("kept", tuple(chosen_plans)), lambda: [plan.kept(services, each) for each in chosen_plans])
if kept:
    table, picture = st.columns([3, 2], gap="medium")
    with table:
        side_by_side(kept, names, market, band=chosen.max_sector_active)
    with picture, st.spinner("Drawing the frontier…"):
        points = session.remember(
            ("frontier", account_id, version, repr(chosen)), lambda: tradeoff.tradeoff(services, account_id, chosen)
        )
        on_frontier(points, kept, names, found)
frame.table(plan_table(heads), key="kept_plans", empty="Nothing kept yet: keep a plan to compare it with others.")
