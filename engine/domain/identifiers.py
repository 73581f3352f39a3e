"""Which thing is meant? One type for each kind of identifier, so that none is passed for another."""

from typing import NewType

AccountId = NewType("AccountId", str)
HouseholdId = NewType("HouseholdId", str)
SecurityId = NewType("SecurityId", str)
LotId = NewType("LotId", str)
TransactionId = NewType("TransactionId", str)
ModelId = NewType("ModelId", str)
PlanId = NewType("PlanId", str)
"""SHA-256 (64 hex digits) of the canonical plan document; see engine/plan/document.py."""
ClOrdId = NewType("ClOrdId", str)
"""FIX tag 11. Derived from plan, account, security and side; see engine/execute/orders.py."""
UserId = NewType("UserId", str)
