"""Hypothesis on a machine that is at work on something else: slow is not wrong. And no live FIX test passes unrun."""

import importlib.util

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("fix") and importlib.util.find_spec("quickfix") is None:
        pytest.fail("needs quickfix: make fix-engine", pytrace=False)
