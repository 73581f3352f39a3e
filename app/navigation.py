"""Where is what? The pages of the pipeline, and the ways from one to the next."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

import streamlit as st

_FOLDER: Final = Path(__file__).parents[1] / "pages"
BOOK: Final = _FOLDER / "1_book.py"
ACCOUNT: Final = _FOLDER / "2_account.py"
WHAT_IF: Final = _FOLDER / "3_what_if.py"
REVIEW: Final = _FOLDER / "4_review.py"
ORDERS: Final = _FOLDER / "5_orders.py"
WASH_SALES: Final = _FOLDER / "6_wash_sales.py"
AUDIT: Final = _FOLDER / "7_audit.py"
DATA: Final = _FOLDER / "8_data.py"


def pages() -> Mapping[str, Sequence[st.Page]]:
    """Return every page under its step of the pipeline."""
    return {
        "Monitor": [
            _page(BOOK, "Book", "view_list", None, default=True),  # at the root
            _page(ACCOUNT, "Account", "account_balance_wallet", "account"),
        ],
        "Plan": [_page(WHAT_IF, "What-if", "tune", "what-if")],
        "Review": [_page(REVIEW, "Review", "fact_check", "review")],
        "Execute": [_page(ORDERS, "Orders", "send", "orders")],
        "Oversight": [
            _page(WASH_SALES, "Wash sales", "event_busy", "wash-sales"),
            _page(AUDIT, "Audit log", "policy", "audit"),
            _page(DATA, "Firm data", "database", "data"),
        ],
    }


def go(page: Path, **parts: str) -> NoReturn:
    """Open another page, with an account or a plan on its address line."""
    st.switch_page(page, query_params=parts)


def _page(file: Path, title: str, icon: str, path: str | None, *, default: bool = False) -> st.Page:
    return st.Page(file, title=title, icon=f":material/{icon}:", url_path=path, default=default)
