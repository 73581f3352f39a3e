"""Where do an account's lots come from, of which day are they, and what was wrong with the newest reading?"""

from dataclasses import dataclass
from datetime import date

from engine.domain.identifiers import AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSource:
    """What another system gave of one account.

    source: its name. read_on: the day that the account's present lots, cash and history are of; None where it never
    gave any that could be taken. tried_on: the day of the newest reading. derived: the lots were rebuilt from
    transactions. faults: why the newest reading was not taken, one sentence each; empty where it was.
    """

    account_id: AccountId
    source: str
    read_on: date | None
    tried_on: date
    derived: bool
    faults: tuple[str, ...] = ()
