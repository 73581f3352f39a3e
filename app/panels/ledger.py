"""A household's wash sales on screen: one loss and its 61 days, the calendar of locks, what could stand in."""

import streamlit as st

from app.charts.ledger import lock_figure, window_figure
from app.panels import frame
from app.steps import ledger
from app.steps.ledger import HouseholdLedger
from app.tables.ledger import (
    LOCK_RULES,
    calendar_table,
    filtered_calendar,
    group_tickers,
    loss_table,
    match_table,
    replacement_table,
    state_of,
    ticker,
    window_sentences,
    year_figures,
)
from app.tables.parts import literal, usd
from engine.domain.plans import LockRule


def figures(view: HouseholdLedger) -> None:
    """Show what the losses of the year came to, and the accounts that nobody shows us."""
    year = year_figures(ledger.this_year(view.losses, view.as_of), view)
    with st.grid(5, min_column_width=120, gap="small"):
        st.metric(f"Losses realised in {view.as_of.year}", usd(year["loss"]), border=True, height="stretch")
        st.metric("Allowed", usd(year["allowed"]), border=True, height="stretch")
        st.metric("Deferred", usd(year["deferred"]), border=True, height="stretch",
                  help="Disallowed now; it lives on in the basis of the shares that replaced those sold")  # fmt: skip
        st.metric("Lost for good", usd(year["gone"]), border=True, height="stretch",
                  help="Replaced by a purchase in an IRA or Roth IRA (Rev. Rul. 2008-5)")  # fmt: skip
        st.metric("Windows still open", f"{year['open']}", border=True, height="stretch",
                  help="Losses that a purchase within 30 days after the sale would still take")  # fmt: skip
    if view.ledger.not_visible:
        st.warning(
            f"The household has accounts that this firm cannot see: {', '.join(view.ledger.not_visible)}. A purchase "
            "there takes a loss here just the same, and nothing below knows of it.",
            icon=":material/visibility_off:",
        )


def losses(view: HouseholdLedger) -> None:
    """Show every realised loss, and the 61 days of the one that was clicked, else of the newest."""
    household_id = view.ledger.household_id
    if view.losses:
        st.caption("Every loss that the household realised, the newest first. Click one to see its 61 days.")
    row = frame.picked(
        loss_table(view, view.losses),
        key=f"losses:{household_id}",
        empty="The household realised no loss: nothing can be washed, and nothing is locked against buying.",
        height=320,
    )
    if view.losses:
        loss = view.losses[row or 0]
        st.subheader(
            f"{ticker(view.market, loss.security_id)}, sold {loss.trade_date:%d %b %Y} in {loss.account_id}: "
            f"{state_of(view, loss)}"
        )
        frame.chart(
            window_figure(loss, ledger.window(view, loss), as_of=view.as_of, accounts=view.accounts),
            key="window",
            alt="The 61 days around the loss: purchases, sales and the shares that caught it, by account",
        )
        sentences = window_sentences(view, loss)
        if not loss.matches:
            st.caption("No purchase within 30 days before or after the sale caught a share of it (26 U.S.C. 1091(a)).")
        st.markdown(literal("\n".join(f"- {each}" for each in sentences)))
        if loss.matches:
            frame.table(match_table(view, loss), key="matches")
    st.download_button(
        "Ledger document",
        view.document,
        file_name=f"wash-sales-{household_id}.json",
        mime="application/json",
        icon=":material/download:",
        key="ledger_document",
        help=f"What `lotsmith washsales --household {household_id} --json` prints",
    )


def calendar(view: HouseholdLedger) -> None:
    """Show what is locked, and what could stand in for the name that was clicked, else for the first not to buy."""
    everything = calendar_table(view)
    if everything.empty:
        st.caption("Nothing is locked: every name may be bought, and sold at a loss.")
        return
    st.caption(
        "Nobody in the household may buy a name within 30 days of a loss sold, nor sell it at a loss within 30 days of "
        "a purchase, made or arranged, in any of its accounts. Each cause is a lock of its own; click one to see what "
        "could stand in."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input("Name", key="lock_search", placeholder="ticker", width=180)
        rules = st.pills("Rule", list(LOCK_RULES.values()), selection_mode="multi", key="lock_rules")
    shown = filtered_calendar(everything, search=search, rules=rules)
    locks = [view.locks[place] for place in shown.index]
    if locks:
        frame.chart(lock_figure(locks, as_of=view.as_of), key="lock_days", alt="Names locked on each day to come")
    row = frame.picked(
        shown, key=f"calendar:{view.ledger.household_id}:{search}:{rules}", empty="No such lock.", height=320
    )
    if locks:
        first = next((lock for lock in locks if lock.rule is LockRule.NO_BUY), locks[0])
        _stand_ins(view, first.identical_group if row is None else locks[row].identical_group)


def _stand_ins(view: HouseholdLedger, group: str) -> None:
    title, chooser = st.columns([3, 2], vertical_alignment="bottom")
    title.subheader(f"Instead of {group_tickers(view.market).get(group, group)}")
    account = chooser.selectbox(
        "To be bought by",
        list(view.accounts),
        format_func=lambda name: f"{name} · {view.accounts[name].registration.value}",
        key=f"stand_in_for:{view.ledger.household_id}",
    )
    st.caption(
        "The firm's own substitutes first, then its sector, then others, each time the closest by the risk model. "
        "Nothing substantially identical, locked against buying, or restricted for firm, household or account."
    )
    found = ledger.stand_ins(view, group, account)
    for name, replacements in found:
        if len(found) > 1:
            st.markdown(f"**{ticker(view.market, name)}**")
        frame.table(
            replacement_table(view, replacements),
            key=f"stand_in:{name}",
            empty="Nothing to propose: the risk model does not know this name, or nothing else may be bought.",
        )
