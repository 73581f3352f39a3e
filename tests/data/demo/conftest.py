"""The demo firm of the default size, made once."""

import pytest

from data.demo.books import demo_books
from data.demo.reference import demo_reference

ACCOUNTS = 120


@pytest.fixture(scope="session")
def demo():
    return demo_reference(7, ACCOUNTS)


@pytest.fixture(scope="session")
def demo_accounts():
    return tuple(demo_books(7, ACCOUNTS))
