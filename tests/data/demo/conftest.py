"""The demo firm as `lotsmith demo` makes it when nothing is said, made once."""

import pytest

from data.demo.books import demo_books
from data.demo.reference import demo_reference

SEED = 1
ACCOUNTS = 120


@pytest.fixture(scope="session")
def demo():
    return demo_reference(SEED, ACCOUNTS)


@pytest.fixture(scope="session")
def demo_accounts():
    return tuple(demo_books(SEED, ACCOUNTS))
