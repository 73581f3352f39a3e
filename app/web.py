"""The app as a web server: Streamlit, and beside its pages what other systems call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import streamlit as st

from app import exchange, wiring
from app.ports import Services
from app.settings import read_settings


@cache
def services() -> Services:
    """Return the services of what runs beside the pages."""
    return wiring.connect(read_settings())


@asynccontextmanager
async def _life(_: st.App) -> AsyncIterator[None]:
    async with exchange.keeping_up(services):
        yield


app = st.App(str(Path(__file__).with_name("main.py")), routes=[exchange.webhook(services)], lifespan=_life)
