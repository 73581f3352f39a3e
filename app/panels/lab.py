"""The what-if lab on screen: settings beside the plan that they make, and the plan on the frontier; all at once."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final

import streamlit as st

from app.charts.frontier import AVERSION, FULL, KEPT, Place, frontier_figure
from app.panels import frame, scenarios, settings
from app.panels import plan as plan_panel
from app.panels.knobs import Form
from app.panels.sensitivity import sensitivity
from app.ports import Services
from app.session import lab_view, memory, widgets
from app.steps import firm, plan, tradeoff
from app.steps.inputs import PlanInputs, inputs_of
from app.steps.plan import WhatIf
from app.steps.scenarios import with_gift
from engine.domain.errors import LotsmithError
from engine.domain.identifiers import AccountId
from engine.domain.lifecycle import User
from engine.domain.settings import PlanSettings
from engine.plan.frontier import FrontierPoint

Curve = tuple[tuple[FrontierPoint, ...], FrontierPoint | None]

_CHART: Final = "frontier"
_DIGITS: Final = 4  # of a risk aversion that is taken from the frontier, so that a link stays short


@st.fragment
def lab(
    services: Services, user: User, account_id: AccountId, kept: Mapping[str, WhatIf]
) -> Callable[[], Curve] | None:
    """Show an account's settings, the plan under them, and where it lies; a change redraws this and nothing else.

    kept: the kept plans that are laid side by side, by name. Where the whole page is drawn and the frontier is not
    worked out yet, return what does it, for frontier_follows: nobody waits for it, since the plan stands there already.
    """
    whole = lab_view.is_whole_run()
    try:
        owed = _lab(services, user, account_id, kept)
        if owed is not None and not whole:
            owed()
            lab_view.run_again()
    except LotsmithError as error:
        frame.refusal(error)
        st.button(
            "Start from the account's own settings",
            key="start_again",
            icon=":material/restart_alt:",
            on_click=lab_view.untune,
            args=[account_id],
        )
        return None
    return owed


def frontier_follows(owed: Callable[[], Curve] | None) -> None:
    """Make the frontier that the whole page was drawn without, and have the page drawn again with it.

    Called last: the browser draws the page meanwhile. No timer asks for it, since a timer's tick can overtake a click
    that leads to another page.
    """
    if owed is None:
        return
    owed()
    st.empty()  # here whoever clicked meanwhile goes before us
    st.rerun()


def _lab(
    services: Services, user: User, account_id: AccountId, kept: Mapping[str, WhatIf]
) -> Callable[[], Curve] | None:
    version, asked = firm.version(services), lab_view.gift()
    present = memory.shared(("inputs", account_id, version), lambda: inputs_of(services, account_id))
    form = settings.form_of(present)
    inputs, given = memory.remember(("gift", account_id, version, asked), lambda: with_gift(present, asked))
    moment = (account_id, inputs.hash)
    found = memory.shared(("what_if", moment, repr(form.now)), lambda: plan.best_plan(inputs, form.now))
    knobs, result = st.columns([3, 8], gap="medium")
    with result:
        scenarios.scenarios(form, present)
        if asked is not None:
            scenarios.gifts(given, present, asked=asked)
        if not plan_panel.infeasible(found, apply=form.change):
            with st.grid(2, min_column_width=260, gap="small"):
                with st.container():
                    plan_panel.headline(found)
                with st.container():
                    _frontier(form, found, kept, moment)
            frame.let_draw()
            _keep(services, user, found, asked=asked)
            plan_panel.proof(found)
    with knobs:
        settings.tune(form, present.snapshot.account, present.market)
    with result:
        if found.plan.trades:
            plan_panel.details(found, key="what_if")
    _steps(form, inputs, moment)
    return None if memory.known(_curve_key(form, moment)) else partial(_curve, form, inputs, moment)


def _along(form: Form) -> PlanSettings:
    """Return the settings of the frontier: all but the one that it runs along, which moves only the plan on it."""
    return replace(form.now, risk_aversion=form.own.risk_aversion or PlanSettings().risk_aversion)


def _curve_key(form: Form, moment: tuple[object, ...]) -> Hashable:
    return ("frontier", moment, repr(_along(form)))


def _curve(form: Form, inputs: PlanInputs, moment: tuple[object, ...]) -> Curve:
    along = _along(form)

    def make() -> Curve:
        return tradeoff.frontier_under(inputs, along), tradeoff.full_rebalance(inputs, along)

    return memory.made_known(_curve_key(form, moment), make)


def _frontier(form: Form, found: WhatIf, kept: Mapping[str, WhatIf], moment: tuple[object, ...]) -> None:
    """Draw the plan on the frontier; on the one before where that of these settings is still to be worked out."""
    at_hand: Curve | None = memory.known(_curve_key(form, moment))
    if at_hand is not None:
        memory.remember_last(("curve", form.account_id), at_hand)  # to be drawn until that of the next change is known
    points, full = at_hand or memory.remembered().get(("curve", form.account_id)) or ((), None)
    same = {name: each for name, each in kept.items() if each.plan.inputs_hash == found.plan.inputs_hash}
    figure = frontier_figure(
        points,
        today=Place(label="do nothing", tracking_error=found.plan.before.tracking_error, tax_usd=0.0),
        plan=_place("this plan", found),
        full=None
        if full is None
        else Place(label=FULL, tracking_error=full.tracking_error, tax_usd=float(full.tax_usd)),
        kept=[_place(name, each, each.plan_id) for name, each in same.items()],
        is_old=at_hand is None,
    )
    frame.clickable(
        figure,
        key=_CHART,
        alt="Tax now against tracking error: the best possible, doing nothing, full rebalance, this plan and kept ones",
        on_click=_take,
        args=[form, _CHART, {each.plan_id: each.plan.settings for each in same.values()}],
    )
    if points:
        widest = max(point.gap_bp for point in points)
        st.caption(
            f"Click a point to take it. {len(points)} certified plans of fractional shares, each within "
            f"{widest:.3f} bp of the best possible; full rebalance is the plan if tax did not count."
        )
    elif at_hand is None:
        st.caption("The curve of the best possible plans is being worked out and follows here.")


def _place(label: str, found: WhatIf, key: str = "") -> Place:
    summary = found.summary
    return Place(label=label, tracking_error=summary.tracking_error, tax_usd=float(summary.tax_now), key=key)


def _take(form: Form, key: str, kept: Mapping[str, PlanSettings]) -> None:
    """Take the settings of the point that was clicked."""
    kind, value, *_ = widgets.clicked(key) or ("", "")
    if kind == AVERSION:
        form.change({"risk_aversion": float(f"{value:.{_DIGITS}g}")})
    elif kind == FULL:
        form.change({"tax_weight": 0.0})
    elif kind == KEPT and value in kept:
        lab_view.tune(form.account_id, form.own, kept[value])


def _keep(services: Services, user: User, found: WhatIf, *, asked: Decimal | None) -> None:
    if asked is not None:
        st.info(
            "This plan cannot be kept: it is of the account as it would be after a gift that was not made. Once the "
            "gift is booked at the custodian and the account is brought in again, plan and keep it then.",
            icon=":material/redeem:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        note = st.text_input(
            "Name this plan", key=f"note:{found.plan.account_id}", placeholder="e.g. harvest only", width=280,
            on_change="ignore",
        )  # fmt: skip
        if st.button("Keep and compare", key="keep", type="primary", icon=":material/bookmark_add:"):
            before = lab_view.compared(head.plan_id for head in plan.plans_of(services, found.plan.account_id))
            made = plan.keep(services, found, actor=user.user_id, note=note)
            lab_view.compare([*(each for each in before if each != made), made])
            st.rerun()


def _steps(form: Form, inputs: PlanInputs, moment: tuple[object, ...]) -> None:
    steps = st.expander(
        "What each setting would change", key=f"steps:{form.account_id}", icon=":material/swap_vert:", on_change="rerun"
    )
    if steps.open:
        with steps, st.spinner("Planning again with each setting a step tighter and looser…", show_time=True):
            changes = memory.remember(
                ("steps", moment, repr(form.now)), lambda: tradeoff.would_change_under(inputs, form.now)
            )
            sensitivity(changes, key="steps")
