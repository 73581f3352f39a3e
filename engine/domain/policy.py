"""Which securities does a policy word mean? "ID", "sector:NAME" and "tag:NAME", and the restrictions in force.

The id of a name that ended means what it became, too.
"""

from collections.abc import Iterable
from datetime import date

from engine.domain.accounts import Account, Restriction
from engine.domain.market import Security

FIRM_SCOPE = "firm"


def means(target: str, security: Security) -> bool:
    """Return whether a target ("ID", "sector:NAME", "tag:NAME") means this security."""
    return target in words_for(security)


def words_for(security: Security) -> frozenset[str]:
    """Return every target that means this security."""
    sector = [f"sector:{security.sector}"] if security.sector else []
    ids = security.security_id, *(security.predecessors or ())
    return frozenset([*ids, *sector, *(f"tag:{tag}" for tag in security.tags if tag)])


def restrictions_in_force(restrictions: Iterable[Restriction], account: Account, on: date) -> tuple[Restriction, ...]:
    """Return the restrictions of firm, household and account that hold on a day, in their given order."""
    scopes = {FIRM_SCOPE, account.household_id, account.account_id}
    return tuple(r for r in restrictions if r.scope in scopes and (r.until is None or r.until >= on))
