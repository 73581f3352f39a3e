"""The parts of an account: its figures, drift, tax lots, harvest, locks, tax year, rules and data."""

from collections.abc import Sequence

import streamlit as st

from app import navigation
from app.charts.drift import drift_figure
from app.charts.ledger import lock_figure
from app.charts.lots import lot_ladder, rungs_of, sharing, turning_figure
from app.charts.taxes import budget_figure
from app.panels import frame
from app.steps.monitor import AccountView
from app.tables.monitor import (
    drift_table,
    factor_table,
    group_drifts,
    harvest_table,
    lock_table,
    lot_table,
    move_table,
    name_drifts,
    price_age_text,
    problem_table,
    restriction_table,
    source_words,
    tax_table,
)
from app.tables.parts import literal, rate, usd
from app.tables.review import plan_table
from data.plans import PlanHead

_NAMES_DRAWN = 25


def header(view: AccountView) -> None:
    """Show whose account it is, its figures, and what is wrong with its data."""
    scan, account = view.scan, view.scan.account
    st.caption(
        f"{scan.household.name} · advisor {scan.household.advisor} · {account.registration.value} · "
        f"{account.custodian} {account.account_number} · follows {account.model_id} · settings "
        f"{account.settings or 'default'}"
    )
    budget = "no budget is set" if scan.gains_left is None else f"{usd(scan.gains_left)} of the gains budget left"
    with st.grid(4, min_column_width=150, gap="small"):
        st.metric("Value", usd(scan.nav), border=True, height="stretch")
        st.metric("At stake", usd(scan.dollars_at_stake), border=True, height="stretch")
        st.metric(
            "Tracking error", f"{scan.tracking_error:.2%}", border=True, height="stretch", help="Predicted, a year"
        )
        st.metric("Largest drift", f"{scan.max_active_weight:.2%}", border=True, height="stretch")
        st.metric(
            "Cash", f"{scan.cash_weight:.2%}", border=True, height="stretch",
            help=literal(f"Band {scan.cash_band[0]:.1%} to {scan.cash_band[1]:.1%}; ${account.cash:,.2f}"),
        )  # fmt: skip
        st.metric("Tax that harvesting saves", usd(scan.harvest.tax_saved), border=True, height="stretch")
        st.metric("Gains this year", usd(account.ytd_st_gain + account.ytd_lt_gain), border=True, height="stretch",
                  help=literal(f"ST {usd(account.ytd_st_gain)}, LT {usd(account.ytd_lt_gain)}; {budget}"))  # fmt: skip
        st.metric("Carried forward", usd(account.st_carryforward + account.lt_carryforward), border=True,
                  height="stretch",
                  help=literal(f"ST {usd(account.st_carryforward)}, LT {usd(account.lt_carryforward)}"))  # fmt: skip
    if scan.fenced:
        st.error("Fenced off from planning until its data are right.", icon=":material/block:")
    for problem in scan.problems:
        st.warning(literal(problem.sentence), icon=":material/report:")


def drift(view: AccountView) -> None:
    """Show sectors, factors and names against their tolerance bands."""
    scan, settings = view.scan, view.settings
    sectors, factors = st.columns([3, 2], gap="medium")
    with sectors:
        st.subheader("By sector")
        band = settings.max_sector_active
        frame.chart(
            drift_figure(
                group_drifts(scan.sectors, scale=100.0),
                band=None if band is None else 100 * band,
                title="weight less target, % of value",
            ),
            key="sector_drift",
            alt="Weight less target by sector, with the tolerance band",
        )
    with factors:
        st.subheader("By factor")
        if scan.factors:
            frame.chart(
                drift_figure(
                    group_drifts(scan.factors[:_NAMES_DRAWN]),
                    band=settings.max_factor_active,
                    title="active exposure",
                    digits=3,
                ),
                key="factor_drift",
                alt="Active exposure by factor, with the tolerance band",
            )
        else:
            st.caption("The risk model has no factors.")
    frame.let_draw()
    _by_name(view)


def _by_name(view: AccountView) -> None:
    scan, settings = view.scan, view.settings
    st.subheader("By name")
    picture, table = st.columns([2, 3], gap="medium")
    with picture:
        band = settings.max_active_weight
        frame.chart(
            drift_figure(
                name_drifts(scan.names[:_NAMES_DRAWN], view.market),
                band=None if band is None else 100 * band,
                title="weight less target, % of value",
            ),
            key="name_drift_drawn",
            alt=f"The {_NAMES_DRAWN} names that drifted most, with the tolerance band",
        )
    with table:
        frame.table(
            drift_table(scan.names, view.market), key="name_drift", height=560, file=f"drift-{scan.account.account_id}"
        )
    with st.expander("Factors as a table", key="factors_open", on_change="rerun") as opened:
        if opened.open:
            frame.table(factor_table(scan.factors), key="factor_table", height=380)


def lots(view: AccountView) -> None:
    """Show the lots as bars, and each of them in a table, largest loss first."""
    snapshot = view.snapshot
    if snapshot.source is not None:
        st.caption(literal(source_words(snapshot.source)))
    rungs = rungs_of(snapshot.lots, view.market, snapshot.as_of)
    ladder, turning = st.columns([3, 2], gap="medium")
    with ladder:
        frame.chart(
            lot_ladder(rungs, view.market),
            key="lot_ladder",
            alt="The unrealised gain of the tax lots, largest loss first",
        )
        if shared := sharing(rungs):
            st.caption(literal(shared))
    with turning:
        frame.chart(
            turning_figure(rungs, view.market),
            key="lots_turning",
            alt="Short-term lots by the days until they are long-term and their unrealised gain",
        )
    frame.let_draw()
    frame.table(
        lot_table(snapshot, view.market),
        key="lots",
        empty="No lots: the account is in cash.",
        height=460,
        file=f"lots-{snapshot.account.account_id}",
    )


def harvest(view: AccountView) -> None:
    """Show each lot at a loss: what it saves, or why it must wait."""
    found = view.scan.harvest
    st.caption(
        literal(
            f"Harvestable now: ${found.st_loss:,.2f} short-term and ${found.lt_loss:,.2f} long-term, "
            f"${found.tax_saved:,.2f} of tax, net of what a wash sale would disallow."
        )
    )
    frame.table(
        harvest_table(found.lots, view.market),
        key="harvest",
        empty="No loss to harvest: no lot is at a loss, or the account is not taxed.",
        height=460,
        file=f"losses-{view.scan.account.account_id}",
    )


def wash_sales(view: AccountView) -> None:
    """Show the calendar of the household's locks that concern this account."""
    locks = view.scan.locks
    if locks:
        frame.chart(
            lock_figure(locks, as_of=view.scan.as_of), key="account_locks", alt="Names locked on each day to come"
        )
    frame.table(
        lock_table(locks, view.market), key="locks", empty="No wash-sale lock concerns this account.", height=420
    )


def taxes(view: AccountView) -> None:
    """Show where the tax year stands: gains so far, losses carried in, the budget."""
    position = view.taxes
    if position is None:
        st.caption("This account pays no tax on its gains.")
        return
    account = view.scan.account
    figures, picture = st.columns(2, gap="medium")
    with figures:
        effect = "cost" if position.tax >= 0 else "save"
        st.markdown(
            literal(
                f"This year's gains and losses so far **{effect} ${abs(position.tax):,.2f}** of tax, netted with what "
                f"was carried in, at {rate(account.st_rate)} short-term and {rate(account.lt_rate)} long-term."
            )
        )
        frame.table(tax_table(position), key="tax_year")
    with picture:
        frame.chart(budget_figure(position), key="budget", alt="Net gain of the year so far beside the gains budget")
        if position.left is None:
            st.caption("No gains budget is set for this account.")
        elif position.left >= 0:
            st.caption(literal(f"${position.left:,.0f} of the gains budget is left."))
        else:
            st.warning(literal(f"The gains budget is exceeded by ${-position.left:,.0f}."), icon=":material/warning:")


def rules(view: AccountView) -> None:
    """Show restrictions, and market moves since the last scan."""
    st.subheader("Restrictions")
    frame.table(restriction_table(view.snapshot.restrictions, view.market), key="rules", empty="Nothing is restricted.")
    st.subheader("Market moves")
    frame.table(
        move_table(view.scan.moves, view.market), key="moves", empty="No holding moved unusually since the last scan."
    )


def data(view: AccountView) -> None:
    """Show how old the data are, what is wrong with them, and how good the risk model is."""
    scan = view.scan
    st.caption(price_age_text(scan.data_age_days, scan.as_of))
    source = view.snapshot.source
    if source is not None:
        st.caption(literal(source_words(source)))
    st.caption(view.market.risk.quality)
    frame.table(problem_table({scan.account.account_id: view.document}), key="problems", empty="No data problem.")


def plans(heads: Sequence[PlanHead]) -> None:
    """Show the account's plans, the newest first; a click opens one."""
    row = frame.picked(plan_table(heads), key="account_plans", empty="No plan yet.", height=460)
    if row is not None:
        navigation.go(navigation.REVIEW, plan=heads[row].plan_id)
