"""Where is what? The pages of the pipeline, and the ways from one to the next."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import streamlit as st

from engine.domain.lifecycle import Role, User

_FOLDER: Final = Path(__file__).parents[1] / "pages"
BOOK: Final = _FOLDER / "1_book.py"
ACCOUNT: Final = _FOLDER / "2_account.py"
WHAT_IF: Final = _FOLDER / "3_what_if.py"
MEETING: Final = _FOLDER / "4_meeting.py"
REVIEW: Final = _FOLDER / "5_review.py"
ORDERS: Final = _FOLDER / "6_orders.py"
WASH_SALES: Final = _FOLDER / "7_wash_sales.py"
AUDIT: Final = _FOLDER / "8_audit.py"
DATA: Final = _FOLDER / "9_data.py"
REHEARSAL: Final = _FOLDER / "10_rehearsal.py"
_MEETING_PATH: Final = "meeting"
# What each person looks at first. Of several roles, the one that comes first here speaks.
_FIRST: Final[Mapping[Role, Path]] = {
    Role.PORTFOLIO_MANAGER: BOOK,
    Role.APPROVER: REVIEW,
    Role.ADVISOR: MEETING,
    Role.COMPLIANCE: AUDIT,
}


def pages(user: User) -> Mapping[str, Sequence[st.Page]]:
    """Return every page under its step of the pipeline; the root of the address leads to what a person does first."""
    first = next((page for role, page in _FIRST.items() if role in user.roles), BOOK)

    def start() -> None:
        st.switch_page(first)

    return {
        "": [st.Page(start, title="Start", default=True, visibility="hidden")],
        "Monitor": [
            _page(BOOK, "Book", "view_list", "book"),
            _page(ACCOUNT, "Account", "account_balance_wallet", "account"),
        ],
        "Plan": [
            _page(WHAT_IF, "What-if", "tune", "what-if"),
            _page(MEETING, "Client meeting", "groups", _MEETING_PATH),
            _page(REHEARSAL, "Rehearsal", "theater_comedy", "rehearsal"),
        ],
        "Review": [_page(REVIEW, "Review", "fact_check", "review")],
        "Execute": [_page(ORDERS, "Orders", "send", "orders")],
        "Oversight": [
            _page(WASH_SALES, "Wash sales", "event_busy", "wash-sales"),
            _page(AUDIT, "Audit log", "policy", "audit"),
            _page(DATA, "Firm data", "database", "data"),
        ],
    }


def menu(sections: Mapping[str, Sequence[st.Page]]) -> None:
    """Show the pages under their steps.

    Streamlit's own menu puts what is no list item into its list, which a screen reader stumbles over.
    """
    for section, members in sections.items():
        if section:
            with st.container(gap="xxsmall"):
                st.caption(section)
                for page in members:
                    st.page_link(page, width="stretch")


def is_meeting(page: st.Page) -> bool:
    """Return whether a page is that of a client meeting."""
    return page.url_path == _MEETING_PATH


def go(page: Path, **parts: str) -> NoReturn:
    """Open another page, with an account or a plan on its address line."""
    st.switch_page(page, query_params=parts)


def _page(file: Path, title: str, icon: str, path: str) -> st.Page:
    return st.Page(file, title=title, icon=f":material/{icon}:", url_path=path)
