"""Account: what is out of line, lot by lot, and what may be done about it."""

import streamlit as st

from app import navigation, session
from app.charts.drift import sector_figure
from app.charts.lots import lot_ladder
from app.panels import frame
from app.steps import firm, monitor, plan
from app.tables.monitor import (
    drift_table,
    factor_table,
    harvest_table,
    lock_table,
    lot_table,
    move_table,
    problem_table,
    restriction_table,
)
from app.tables.parts import usd
from app.tables.review import plan_table

services = session.services()
head, chooser, action = st.columns([2, 3, 1], vertical_alignment="bottom")
head.title("Account")
with chooser:
    account_id = session.pick_account(firm.account_labels(services))
if action.button("What if?", key="to_what_if", type="primary", icon=":material/tune:", width="stretch"):
    navigation.go(navigation.WHAT_IF, account=account_id)

version = firm.version(services)
view = session.remember(("account", account_id, version), lambda: monitor.look_at(services, account_id))
scan, snapshot, market = view.scan, view.snapshot, view.market
account = scan.account
st.caption(
    f"{scan.household.name} · advisor {scan.household.advisor} · {account.registration.value} · {account.custodian} "
    f"{account.account_number} · follows {account.model_id} · settings {account.settings or 'default'}"
)
with st.grid(8, min_column_width=120, gap="small"):
    st.metric("Value", usd(scan.nav), border=True, height="stretch")
    st.metric("At stake", usd(scan.dollars_at_stake), border=True, height="stretch")
    st.metric("Tracking error", f"{scan.tracking_error:.2%}", border=True, height="stretch", help="Predicted, a year")
    st.metric("Largest drift", f"{scan.max_active_weight:.2%}", border=True, height="stretch")
    st.metric(
        "Cash", f"{scan.cash_weight:.2%}", border=True, height="stretch",
        help=f"Band {scan.cash_band[0]:.1%} to {scan.cash_band[1]:.1%}; ${account.cash:,.2f}",
    )  # fmt: skip
    st.metric("Tax that harvesting saves", usd(scan.harvest.tax_saved), border=True, height="stretch")
    st.metric("Gains this year", usd(account.ytd_st_gain + account.ytd_lt_gain), border=True, height="stretch",
              help=f"ST {usd(account.ytd_st_gain)}, LT {usd(account.ytd_lt_gain)}")  # fmt: skip
    st.metric("Carried forward", usd(account.st_carryforward + account.lt_carryforward), border=True,
              height="stretch",
              help=f"ST {usd(account.st_carryforward)}, LT {usd(account.lt_carryforward)}")  # fmt: skip
if scan.fenced:
    st.error("Fenced off from planning until its data are right.", icon=":material/block:")
for problem in scan.problems:
    st.warning(problem.sentence, icon=":material/report:")

drift, lots, harvest, locks, moves, rules, data, plans = st.tabs(
    ["Drift", "Tax lots", "Harvest", "Wash sales", "Market moves", "Restrictions", "Data", "Plans"]
)
with drift:
    sectors, factors = st.columns([3, 2])
    sectors.subheader("By sector")
    with sectors:
        frame.chart(
            sector_figure([("now", [(each.name, each.active) for each in scan.sectors])], band=None),
            key="sector_drift",
            alt="Weight less target by sector",
        )
    with factors:
        st.subheader("By factor")
        frame.table(factor_table(scan.factors), key="factor_drift", height=380)
    st.subheader("By name")
    frame.table(drift_table(scan, market), key="name_drift", height=420)
with lots:
    frame.chart(
        lot_ladder(snapshot.lots, market, snapshot.as_of), key="lot_ladder", alt="Each tax lot by days held and gain"
    )
    frame.table(lot_table(snapshot, market), key="lots", empty="No lots: the account is in cash.", height=460)
with harvest:
    st.caption(
        f"Harvestable now: ${scan.harvest.st_loss:,.2f} short-term and ${scan.harvest.lt_loss:,.2f} long-term, "
        f"${scan.harvest.tax_saved:,.2f} of tax, net of what a wash sale would disallow."
    )
    frame.table(
        harvest_table(scan, market),
        key="harvest",
        empty="No loss to harvest: no lot is at a loss, or the account is not taxed.",
        height=460,
    )
with locks:
    frame.table(lock_table(scan.locks, market), key="locks", empty="No wash-sale lock concerns this account.")
with moves:
    frame.table(move_table(scan, market), key="moves", empty="No holding moved unusually since the last scan.")
with rules:
    frame.table(restriction_table(snapshot.restrictions, market), key="rules", empty="Nothing is restricted.")
with data:
    st.caption(f"Newest mark {scan.data_age_days} days before {scan.as_of:%d %b %Y}." if scan.data_age_days else
               f"Marks of {scan.as_of:%d %b %Y}.")  # fmt: skip
    st.caption(market.risk.quality)
    frame.table(problem_table({account_id: view.document}), key="problems", empty="No data problem.")
with plans:
    heads = plan.plans_of(services, account_id)
    row = frame.picked(plan_table(heads), key="account_plans", empty="No plan yet.")
    if row is not None:
        navigation.go(navigation.REVIEW, plan=heads[row].plan_id)
