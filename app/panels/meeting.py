"""A client meeting on screen: the door to it, then one household's choices, the slider, why, and what is assumed."""

from decimal import Decimal
from functools import partial
from typing import Final

import streamlit as st

from app import navigation, session
from app.charts.drift import sector_figure
from app.charts.meeting import choices_figure
from app.panels import frame
from app.panels.settings import targets
from app.ports import Services
from app.report.prepare import prepare
from app.session import client_view, memory
from app.steps import firm, ledger, meeting
from app.steps.meeting import INDEX_FIRST, TAX_FIRST, Choice, Kind, Meeting, Wishes
from app.tables.assumptions import assumptions, in_one_line
from app.tables.meeting import (
    WORTH,
    client_trades,
    closeness_words,
    conflict_words,
    largest_first,
    lean_words,
    lot_words,
    purpose,
    tax_words,
    title,
    trade_label,
    value_today,
    wash_words,
    worth_usd,
    years_words,
)
from app.tables.parts import literal, usd
from engine.domain.accounts import Household
from engine.domain.lifecycle import PlanState, User
from engine.domain.market import MarketSnapshot
from engine.plan.frontier import FrontierPoint

_STEP_USD: Final = 5_000
_HEAD_PX: Final = 44  # of a card, whether or not it has a button, so that figures stand in line
_YEARS: Final = "Close to the index"


def door(services: Services) -> None:
    """Let the advisor choose the household, alone, and begin; say what stands in the way of planning for it."""
    st.title("Client meeting")
    st.markdown(
        "Choose the household before you turn the screen round. From then on this page shows **that household and no "
        "other**, without the menu, until you end the meeting. Nothing is traded from here."
    )
    with st.container(border=True, width=640):
        household_id = session.pick_household(ledger.household_labels(services))
        obstacles = memory.remember(
            ("obstacles", household_id, firm.version(services)), lambda: meeting.obstacles(services, household_id)
        )
        for why in obstacles.values():
            st.warning(why, icon=":material/report:")
        every = len(obstacles) == len(meeting.accounts(services, household_id))
        st.button(
            "Begin the meeting",
            key="begin_meeting",
            type="primary",
            icon=":material/co_present:",
            disabled=every,
            help="None of its accounts can be planned until its data are right" if every else None,
            on_click=client_view.begin,
            args=[household_id],
        )


def whose(found: Meeting) -> None:
    """Show which account is spoken about."""
    account = found.account
    net = account.ytd_st_gain + account.ytd_lt_gain
    st.caption(
        f"{account.registration.value.capitalize()} account {account.account_number} at {account.custodian} · "
        f"{literal(usd(value_today(found)))} · follows {account.model_id} · net {'losses' if net < 0 else 'gains'} "
        f"so far this year {literal(usd(abs(net)))}"
    )


def head(household: Household) -> None:
    """Show whose meeting this is, and the way out of it."""
    name, way_out = st.columns([6, 1], vertical_alignment="center")
    name.title(household.name)
    if way_out.button(
        "End the meeting", key="end_meeting", type="tertiary", icon=":material/logout:", width="stretch", wrap=True
    ):
        navigation.go(navigation.MEETING, household=household.household_id)


def controls(market: MarketSnapshot) -> tuple[Wishes, int]:
    """Ask what matters more, and what the client would like; return both."""
    labels = targets(market)
    lean, wishes = client_view.lean(), client_view.wishes(labels)
    with st.container(border=True):
        st.select_slider(
            "What matters more?",
            range(TAX_FIRST, INDEX_FIRST + 1),
            key=client_view.tie("lean", lean),
            format_func=lean_words,
            on_change=client_view.follow,
            args=["lean"],
            help="From the least tax this year to the closest to the index. In the middle stand this account's own "
            "settings.",
        )
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.caption("less tax", width="content")
            st.caption("closer to the index", width="content")
    with st.container(border=True):
        st.markdown("**What if you…**")
        add, take = st.columns(2, gap="small")
        with add:
            _dollars("add", "add money, $", wishes.deposit or None, "none")
        with take:
            _dollars("take", "take out, $", wishes.withdrawal or None, "none")
        st.multiselect(
            "leave out a company or industry",
            list(labels),
            key=client_view.tie("without", list(wishes.exclude)),
            format_func=labels.__getitem__,
            placeholder="none",
            on_change=client_view.follow,
            args=["without"],
        )
        _dollars("gains", "agree on most net gains this year, $", wishes.gains, "no limit")
    return wishes, lean


def _dollars(name: str, label: str, now: Decimal | None, empty: str) -> None:
    st.number_input(
        label,
        0,
        None,
        step=_STEP_USD,
        key=client_view.tie(name, None if now is None else int(now)),
        placeholder=empty,
        on_change=client_view.follow,
        args=[name],
    )


def possible(found: Meeting, chosen: Choice) -> bool:
    """Say where wishes and rules cannot all be obeyed, and the least that would help; return whether they can."""
    conflict = meeting.impossible(found, chosen)
    if conflict is None:
        return True
    st.info(
        "\n".join(
            (
                "This cannot all be done together; without any one of these there is a plan:",
                *(f"- {literal(text)}" for text in conflict_words(conflict.plan, found.market)),
                "",
                literal(conflict.plan.repair),
            )
        ),
        icon=":material/info:",
    )
    return False


def cards(found: Meeting, chosen: Choice) -> None:
    """Show the three choices beside each other."""
    for column, choice in zip(st.columns(3, gap="small"), found.choices, strict=True):
        with column.container(border=True, height="stretch", gap="small"):
            with st.container(
                horizontal=True,
                horizontal_alignment="distribute",
                vertical_alignment="center",
                height=_HEAD_PX,
                border=False,
            ):
                st.subheader(title(choice), anchor=False, width="content")
                if choice.lean is not None:
                    here = choice.kind is chosen.kind
                    st.button(
                        "Shown" if here else "Show",
                        key=f"show:{choice.kind.value}",
                        icon=":material/check:" if here else None,
                        disabled=here,
                        help=f"Show the plan of {title(choice)} below",
                        on_click=session.show,
                        kwargs={"lean": str(choice.lean)},
                    )
            st.caption(purpose(choice))
            st.metric(*tax_words(choice.tax))
            st.markdown(closeness_words(choice.tracking_error))
            trades = f" · {choice.trades:,} trades" if choice.trades else ""
            st.markdown(f"{_YEARS}: **{years_words(choice).lower()}**{trades}")


def chosen_plan(found: Meeting, chosen: Choice) -> None:
    """Show the plan that the slider stands at, in four figures."""
    between = f": {lean_words(chosen.lean)}" if chosen.kind is Kind.BETWEEN and chosen.lean is not None else ""
    st.subheader(f"{title(chosen)}{between}", anchor=False)
    with st.grid(4, min_column_width=120, gap="small"):
        st.metric(*tax_words(chosen.tax), border=True, height="stretch")
        st.metric(
            "Two years out of three within", f"{chosen.tracking_error:.2%}", border=True, height="stretch",
            help=closeness_words(chosen.tracking_error) + f" Today: {found.keep.tracking_error:.2%}.",
        )  # fmt: skip
        st.metric("Trades", f"{chosen.trades:,}", border=True, height="stretch")
        st.metric(_YEARS, years_words(chosen), border=True, height="stretch",
                  help=f"A range of at most {found.finish.tracking_error:.2%}; see what is assumed")  # fmt: skip


def pictures(found: Meeting, chosen: Choice, points: tuple[FrontierPoint, ...]) -> None:
    """Show tax against closeness with the choices on it, and the sectors before and after."""
    trade_off, sectors = st.columns(2, gap="medium")
    with trade_off:
        st.markdown("**Tax against closeness to the index**")
        shown = [*found.choices, *([chosen] if chosen.kind is Kind.BETWEEN else [])]
        frame.chart(
            choices_figure(points, [(title(each), each) for each in shown], chosen),
            key="meeting_choices",
            alt="Tax this year against predicted tracking error: "
            + "; ".join(f"{title(each)} {each.tracking_error:.2%}, tax {usd(each.tax)}" for each in shown),
        )
        if not points:
            st.caption("The line between the choices could not be drawn for these wishes.")
    with sectors:
        st.markdown("**Sectors: weight less that of the index**")
        if chosen.found is not None:
            plan = chosen.found.plan
            figure = sector_figure([("today", plan.before.sectors), ("after", plan.after.sectors)], band=None)
            frame.chart(
                figure.update_layout(height=300),
                key="meeting_sectors",
                alt="Weight less target by sector, before, after",
            )


def why(found: Meeting, chosen: Choice) -> None:
    """Explain one trade in plain sentences, and list all of them."""
    st.subheader("Why this trade?", anchor=False)
    if chosen.found is None or not chosen.trades:
        st.caption("This choice makes no trade.")
        return
    plan = chosen.found.plan
    trades = {trade.security_id: trade for trade in largest_first(plan)}
    picked = st.selectbox(
        "Trade, the largest first",
        list(trades),
        key="meeting_trade",
        format_func=lambda name: trade_label(trades[name], found.market),
        width=460,
    )
    trade = trades[picked]
    with st.container(border=True):
        told, value = st.columns([5, 1])
        told.markdown(literal(trade.reason.sentence))
        if trade.lots:
            told.markdown("\n".join(f"- {literal(lot_words(sale, found))}" for sale in trade.lots))
        worth = worth_usd(trade, plan)
        if worth is not None:
            value.metric("Worth of this trade", f"${worth:,.2f}", help=WORTH)
    everything = st.expander(f"All {len(trades):,} trades", key="all_trades", on_change="rerun")
    if everything.open:
        with everything:
            name = f"trades-{found.account.account_id}-{plan.as_of}"
            frame.table(client_trades(plan, found.market), key="meeting_trades", height=420, file=name)
            for text in wash_words(plan, found.market):
                st.caption(literal(text))


def take_away(services: Services, found: Meeting, chosen: Choice, user: User) -> None:
    """Offer to save the plan as a proposal, and the client's document."""
    with st.container(border=True):
        state = meeting.saved_as(services, chosen)
        if state is not None and state is not PlanState.DRAFT:
            st.success(
                "Saved as a proposal. Nothing is traded before another person has checked and approved it.",
                icon=":material/check_circle:",
            )
        else:
            note = st.text_input("Note for the file", key="meeting_note", placeholder="what was agreed")
            clicked = st.button(
                "Save as a proposal",
                key="save_proposal",
                type="primary",
                icon=":material/bookmark_add:",
                width="stretch",
                disabled=not chosen.trades,
                help="It goes to review; it never trades by itself",
            )
            if clicked and frame.attempt(
                partial(meeting.save_as_proposal, services, chosen, actor=user, note=note or "client meeting"),
                discreet=True,
            ):
                st.rerun()
        st.download_button(
            "PDF for the client",
            partial(prepare, services, found, chosen),
            f"choices-{found.account.account_id}-{found.market.as_of}.pdf",
            "application/pdf",
            key="client_pdf",
            icon=":material/picture_as_pdf:",
            width="stretch",
            on_click="ignore",
        )


def assumed(found: Meeting) -> None:
    """Say what every figure rests on."""
    st.subheader("What is assumed", anchor=False)
    st.markdown("\n".join(f"- {literal(text)}" for text in assumptions(found)))


def assumed_in_sight(found: Meeting) -> None:
    """Keep the most important of it in sight at the bottom of the screen, wherever the page is scrolled to."""
    with st.bottom:
        st.caption(literal(in_one_line(found)), text_alignment="center")
