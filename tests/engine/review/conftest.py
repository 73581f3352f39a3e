"""The accounts that the plan's own tests are made of."""

from tests.engine.plan.conftest import account_of, market_of, random_case

__all__ = ["account_of", "market_of", "random_case"]
