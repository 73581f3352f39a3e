"""What-if: tune the settings, see the plan at once, keep what is worth comparing."""

import streamlit as st

from app import navigation, session
from app.charts.drift import sector_figure
from app.charts.frontier import frontier_figure
from app.panels import frame, settings
from app.panels import plan as plan_panel
from app.steps import firm, plan
from app.steps.market import todays_market
from app.tables import comparison_table, plan_table

services, user = session.services(), session.user()
head, chooser = st.columns([2, 4], vertical_alignment="bottom")
head.title("What-if")
with chooser:
    account_id = session.pick_account(firm.account_labels(services))
version, market = firm.version(services), todays_market(services)
knobs, result = st.columns([1, 3], gap="medium")
with knobs:
    chosen = settings.tune(account_id, plan.default_settings(services, account_id), market)
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
            st.caption(
                f"Solved in {found.run.total_ms:.0f} ms by {found.run.solver}; objective "
                f"{found.plan.objective.total:.2f} bp, no plan can be below {found.plan.objective.lower_bound:.2f} bp."
            )
        plan_panel.details(found, key="what_if")

st.subheader("Kept plans side by side")
heads = plan.plans_of(services, account_id)
names = {head.plan_id: f"{head.note or 'plan'} · {head.plan_id[:6]} · {head.state.value}" for head in heads}
chosen_plans = session.choose_compared(names)
kept = session.remember(("kept", tuple(chosen_plans)), lambda: [plan.kept(services, each) for each in chosen_plans])
if kept:
    labelled = [(names[each.plan_id], each.summary) for each in kept]
    table, picture = st.columns([3, 2], gap="medium")
    with table:
        frame.table(comparison_table(labelled, market), key="comparison")
        with st.container(horizontal=True):
            for each in kept:
                if st.button(
                    f"Review {names[each.plan_id]}", key=f"review:{each.plan_id}", icon=":material/fact_check:"
                ):
                    navigation.go(navigation.REVIEW, plan=each.plan_id)
        bounds = found.plan.settings.max_sector_active
        st.plotly_chart(
            sector_figure([(names[each.plan_id], each.summary.sectors) for each in kept], band=bounds),
            key="kept_sectors",
        )
    with picture, st.spinner("Drawing the frontier…"):
        points = session.remember(
            ("frontier", account_id, version, repr(chosen)), lambda: plan.tradeoff(services, account_id, chosen)
        )
        st.plotly_chart(
            frontier_figure(
                points,
                [
                    (names[each.plan_id].split(" · ")[0], each.summary.tracking_error, float(each.summary.tax_now))
                    for each in kept
                    if each.plan.inputs_hash == found.plan.inputs_hash
                ],
                (found.plan.before.tracking_error, 0.0),
            ),
            key="frontier",
        )
frame.table(plan_table(heads), key="kept_plans", empty="Nothing kept yet: keep a plan to compare it with others.")
