"""One click from a question to the plan: money in, money out, a sector out, a gift, a gains budget."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

import streamlit as st

from app.panels import frame
from app.panels.knobs import Form
from app.panels.settings import targets
from app.session import lab_view, widgets
from app.steps.inputs import PlanInputs
from app.steps.scenarios import round_amounts, within_budget
from app.tables.parts import literal, usd
from app.tables.plan import gift_table
from engine.plan.gifting import Gift

_NONE: Final = "none"


def scenarios(form: Form, inputs: PlanInputs) -> None:
    """Offer each scenario as a menu of amounts, or of names, that fit the account."""
    account, amounts = inputs.snapshot.account, [f"{amount:f}" for amount in round_amounts(inputs)]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        _menu(
            "Deposit",
            "deposit",
            ":material/add_card:",
            amounts,
            form,
            lambda paid: {"deposit": paid or 0, "withdrawal": 0},
        )
        _menu("Withdraw", "withdrawal", ":material/payments:", amounts, form,
              lambda paid: {"withdrawal": paid or 0, "deposit": 0})  # fmt: skip
        _exclude(form, inputs)
        if account.registration.is_taxable:
            _menu("Gains budget", "budget", ":material/savings:", ["0", *amounts], form,
                  partial(_budget, inputs))  # fmt: skip
            key = _key(form, "gift")
            st.menu_button(
                "Gift", [_NONE, *amounts], key=key, icon=":material/redeem:", format_func=_amount_words,
                help="Give away the long-term lots whose gain would cost most tax", on_click=_give, args=[key],
            )  # fmt: skip


def gifts(given: tuple[Gift, ...], inputs: PlanInputs, *, asked: Decimal) -> None:
    """Show which lots are given away, and the gain and the tax that this avoids."""
    worth, gain, tax = (sum((getattr(each, part) for each in given), Decimal(0)) for part in ("value", "gain", "tax"))
    text = literal(
        f"**Gift of {usd(asked)}:** lots worth {usd(worth)} leave the account. Their gain of {usd(gain)} is never "
        f"realised here: {usd(tax)} of tax avoided against selling them. The plan below is that of the account without "
        "them; it cannot be kept before the gift is booked."
    )
    with st.container(border=True):
        st.markdown(text)
        st.button("Take back", key="gift:undo", icon=":material/undo:", on_click=lab_view.give, args=[None])
        lots = st.expander(f"The {len(given)} lots", key="gift:lots", on_change="rerun")
        if lots.open:
            with lots:
                frame.table(
                    gift_table(given, inputs.market), key="gift:table", alt="Lots to give away",
                    empty="No long-term lot with a gain may be given.",
                    file=f"{inputs.snapshot.account.account_id}-gift",
                )  # fmt: skip


def _menu(label: str, name: str, icon: str, amounts: list[str], form: Form, change: Any) -> None:
    key = _key(form, name)
    st.menu_button(
        label, [_NONE, *amounts], key=key, icon=icon, format_func=_amount_words, on_click=_follow,
        args=[form, key, change],
    )  # fmt: skip


def _exclude(form: Form, inputs: PlanInputs) -> None:
    key = _key(form, "exclude")
    groups = [name for name in targets(inputs.market) if name.startswith(("sector:", "tag:"))]
    st.menu_button(
        "Exclude", [_NONE, *groups], key=key, icon=":material/do_not_disturb_on:",
        format_func=lambda name: name.replace(":", " ").capitalize() if name != _NONE else "Nothing",
        help="Sell what is held of it and buy none; single names are under “Names: exclude, tilt”",
        on_click=_leave_out, args=[form, key],
    )  # fmt: skip


def _follow(form: Form, key: str, change: Any) -> None:
    chosen = widgets.entered(key)
    form.change(change(None if chosen == _NONE else Decimal(chosen)))


def _leave_out(form: Form, key: str) -> None:
    chosen, excluded = widgets.entered(key), lab_view.tuned(form.own).exclude
    form.change({"exclude": [] if chosen == _NONE else [*dict.fromkeys([*excluded, chosen])]})


def _give(key: str) -> None:
    chosen = widgets.entered(key)
    lab_view.give(None if chosen == _NONE else Decimal(chosen))


def _budget(inputs: PlanInputs, budget: Decimal | None) -> Mapping[str, Any]:
    if budget is None:
        return {"gains_budget": inputs.own.gains_budget, "max_net_gain": inputs.own.max_net_gain}
    return within_budget(inputs.own, inputs.snapshot.account, budget)


def _key(form: Form, name: str) -> str:
    return f"scenario:{form.account_id}:{name}"


def _amount_words(amount: str) -> str:
    return "None" if amount == _NONE else literal(usd(Decimal(amount)))
