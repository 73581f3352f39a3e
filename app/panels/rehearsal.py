"""A rehearsal on screen: how the whole book would come out under another policy, and how that is adopted."""

from collections.abc import Callable
from typing import Final, Literal

import pandas as pd
import streamlit as st

from app import navigation
from app.charts.rehearsal import account_figure, book_figure, error_figure
from app.panels import bulk, frame
from app.panels.policy import ask as ask_for
from app.ports import Services
from app.session import memory, rehearsal_view, widgets
from app.steps import firm, policy, rehearsal
from app.steps.market import todays_market
from app.steps.rehearsal import Rehearsal
from app.tables.files import zip_bytes
from app.tables.parts import literal, short_usd
from app.tables.rehearsal import CHOICES, DIFFERS, account_table, name_table, total_table
from data.rehearsals import RehearsalRecord
from engine.domain.lifecycle import User
from engine.review.rehearsed import Totals

_TABLE: Final = "rehearsed_accounts"
_HEIGHT: Final = 460
_PREFIX: Final = 12
_Colour = Literal["inverse", "normal", "off"]
_WORSE_UP: Final = "inverse"
_BETTER_UP: Final = "normal"
_NEITHER: Final = "off"


def heading(services: Services, user: User) -> bool:
    """Show the title; say where nothing can be rehearsed, or this person may not, and return whether they may."""
    st.title("Rehearsal")
    if services.firm.is_empty():
        return False  # the head of the page has said so
    if not rehearsal.may_rehearse(user):
        st.info("A portfolio manager tries a policy on the whole book before it is adopted.", icon=":material/lock:")
        return False
    return True


def ask(services: Services, user: User) -> None:
    """Let the person say what is to be tried, and start it; show how far a rehearsal of theirs is."""
    work = memory.background(_name(user))
    if work is not None:
        bulk.watch(_name(user), work, keep=True)
        if work.finished and not work.failed:
            found = work.result()
            assert isinstance(found, Rehearsal)
            rehearsal_view.look_at(found.record.rehearsal_id)
            memory.forget_work(_name(user))
    else:
        ask_for(services, user, name=_name(user))


def shown(services: Services) -> Rehearsal | None:
    """Let the person choose a rehearsal, the newest first, and return it; None before the first."""
    records = {record.rehearsal_id: record for record in rehearsal.newest(services)}
    linked = rehearsal_view.asked()
    if linked and not any(name.startswith(linked) for name in records):
        found = services.rehearsals.get(linked)  # an older one, by a link
        records[found.rehearsal_id] = found
    if not records:
        st.info(
            "Nothing was rehearsed yet. Choose a change above: tonight's book is then worked out under the present "
            "policy and under the changed one, and laid side by side. Nothing is proposed or changed by it.",
            icon=":material/theater_comedy:",
        )
        return None
    chosen = rehearsal_view.pick({name: _label(record) for name, record in records.items()})
    return memory.shared(("rehearsal", chosen), lambda: rehearsal.opened(services, chosen))


def result(services: Services, found: Rehearsal) -> None:
    """Show what a rehearsal came to: the sums, the pictures, every account, and how the change is adopted."""
    _told(services, found)
    _tiles(*found.totals)
    book, errors = st.columns(2)
    with book:
        st.subheader("The book: tax against tracking error")
        frame.chart(
            book_figure(found.totals), key="rehearsed_book",
            alt="Tax of the whole book against its tracking error: today, present policy, changed policy",
        )  # fmt: skip
    with errors:
        st.subheader("Tracking error by account")
        frame.chart(
            error_figure(found.pairs), key="rehearsed_errors",
            alt="How many accounts have which tracking error under the present and under the changed policy",
        )  # fmt: skip
    parts: dict[str, Callable[[], object]] = {
        "Accounts": lambda: _accounts(found),
        "Names": lambda: _names(services, found),
        "All figures": lambda: _figures(found),
        "Adopting it": lambda: _adopting(services, found),
    }
    frame.tabs(parts, key="rehearsal_tab", in_link=False)


def _told(services: Services, found: Rehearsal) -> None:
    record, sample = found.record, found.record.sample
    whole = sample["chosen"] == sample["of"]
    of = "the whole firm" if whole else f"a sample of {sample['chosen']:,} of {sample['of']:,} accounts"
    kinds = [f"{kind} {sample[kind]}" for kind in ("segment", "advisor") if sample[kind]]
    st.markdown(literal("**" + "; ".join(record.words) + "**"))
    st.caption(
        f"Tried on {of}{', ' + ', '.join(kinds) if kinds else ''}, {len(found.now):,} accounts, as of "
        f"{record.as_of:%d %b %Y}; rehearsed {record.at:%d %b %Y %H:%M} UTC by {record.actor}. No plan was kept."
    )
    current = memory.shared(
        ("rehearsal current", record.rehearsal_id, firm.version(services)),
        lambda: rehearsal.is_current(services, record),
    )
    if not current:
        st.warning(
            "The firm has moved since: its data or the plans under way are others. Rehearse again for today's figures.",
            icon=":material/update:",
        )


def _tiles(now: Totals, then: Totals) -> None:
    with st.grid(4, min_column_width=170, gap="small"):
        _count("Accounts that trade", now.would_trade, then.would_trade, _NEITHER)
        _count("Trades", now.trades, then.trades, _NEITHER)
        _dollars("Traded", now.traded, then.traded, _NEITHER)
        _dollars("Tax (below zero: saved)", now.tax, then.tax, _WORSE_UP)
        _dollars("Harvested loss", now.harvested, then.harvested, _BETTER_UP)
        _errors("Median tracking error after", now.te_after, then.te_after)
        _count("Accounts with a broken rule", now.in_breach, then.in_breach, _WORSE_UP)
        _count("Not planned", now.exceptions, then.exceptions, _WORSE_UP)


def _count(label: str, now: int, then: int, good: _Colour) -> None:
    _tile(label, f"{then:,}", f"{now:,}", f"{then - now:+,}", good if now != then else _NEITHER)


def _dollars(label: str, now: float, then: float, good: _Colour) -> None:
    change = f"{'+' if then > now else ''}{short_usd(then - now)}"
    _tile(label, short_usd(then), short_usd(now), change, good if round(then - now) else _NEITHER)


def _errors(label: str, now: float | None, then: float | None) -> None:
    if now is None or then is None:
        _tile(label, "none", "none", "+0", _NEITHER)
        return
    change = 100 * (then - now)
    _tile(label, f"{then:.2%}", f"{now:.2%}", f"{change:+.3f} pp", _WORSE_UP if abs(change) >= 0.0005 else _NEITHER)


def _tile(label: str, then: str, now: str, change: str, good: _Colour) -> None:
    st.metric(
        label, literal(then), literal(f"{change} from {now}"), border=True,
        delta_color=good, delta_arrow="off",
        help="Under the changed policy; below it the change from the present policy",
    )  # fmt: skip


def _accounts(found: Rehearsal) -> None:
    st.caption("Each account that differs; a click opens it.")
    widgets.come_back_to(_TABLE)
    points = frame.picked_points(
        account_figure(found.pairs), key=f"rehearsed_points:{found.record.rehearsal_id[:_PREFIX]}",
        alt="Change of tracking error and of tax, account by account",
    )  # fmt: skip
    if points and points[0].get("customdata"):
        navigation.go(navigation.ACCOUNT, account=points[0]["customdata"][0])
    counts = {name: sum(map(keeps, found.pairs)) for name, keeps in CHOICES.items()}
    wanted = st.radio(
        "Show", list(CHOICES), list(CHOICES).index(DIFFERS) if counts[DIFFERS] else 0, key="rehearsed_choice",
        format_func=lambda name: f"{name} ({counts[name]:,})", horizontal=True,
    )  # fmt: skip
    table = _table_of(found, str(wanted))
    row = frame.picked(table, key=_TABLE, alt="Accounts by how much changes", height=_HEIGHT,
                       empty="No account is like this.")  # fmt: skip
    frame.downloads(table, file="rehearsal", key=_TABLE)
    if row is not None:
        widgets.leave_by(_TABLE)
        navigation.go(navigation.ACCOUNT, account=table["account"][row])


def _table_of(found: Rehearsal, wanted: str) -> pd.DataFrame:
    key = ("rehearsed table", found.record.rehearsal_id, wanted)
    return memory.shared(key, lambda: account_table([pair for pair in found.pairs if CHOICES[wanted](pair)]))


def _names(services: Services, found: Rehearsal) -> None:
    market = todays_market(services)
    st.caption("What the whole book buys less what it sells, name by name.")
    frame.table(
        name_table(found.pairs, market), key="rehearsed_names", empty="Nothing is traded under either policy.",
        height=_HEIGHT, file="rehearsal-names",
    )  # fmt: skip


def _figures(found: Rehearsal) -> None:
    texts = {name: st.column_config.TextColumn(label, alignment="right")
             for name, label in (("now", "Now"), ("then", "Then"), ("difference", "Difference"))}  # fmt: skip
    frame.table(total_table(found.totals), key="rehearsed_totals", height=_HEIGHT, file="rehearsal-totals",
                columns=texts)  # fmt: skip


def _adopting(services: Services, found: Rehearsal) -> None:
    change = policy.change_from(found.record.change)
    st.caption("A firm's policy is what its folder says, so a change is adopted there; nothing here changes it.")
    st.markdown("\n".join(f"{n}. {literal(step)}" for n, step in enumerate(policy.adoption_words(services, change), 1)))
    if change.settings or change.added or change.lifted or change.models:
        st.download_button(
            "Changed files",
            lambda: zip_bytes(policy.adoption_files(services, change)),
            f"policy-{found.record.rehearsal_id[:_PREFIX]}.zip",
            "application/zip",
            key="adopt",
            icon=":material/folder_zip:",
            on_click="ignore",
            help="The files of the firm folder that the change replaces, made from the firm as it stands now",
        )


def _label(record: RehearsalRecord) -> str:
    words = "; ".join(record.words)
    return f"{record.at:%d %b %H:%M} · {record.sample['chosen']:,} accounts · {words}"


def _name(user: User) -> str:
    return f"rehearsal:{user.user_id}"
