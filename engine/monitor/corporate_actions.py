"""Which corporate actions has an account not booked? Until it has, its lots are of something that is no more."""

from collections.abc import Iterable, Iterator

from engine.domain.accounts import AccountSnapshot
from engine.domain.identifiers import SecurityId
from engine.domain.market import ActionKind, CorporateAction, MarketSnapshot
from engine.tax.unbooked import unbooked

Found = tuple[str, str, CorporateAction]


def actions_not_booked(
    snapshot: AccountSnapshot, market: MarketSnapshot, actions: Iterable[CorporateAction]
) -> Iterator[Found]:
    """Yield (code, sentence, action) for each merger, spin-off and change of id that an account does not know of."""
    for action in unbooked(snapshot.book, actions, as_of=market.as_of):
        yield f"{action.kind}_not_booked", f"{what_happened(action, market)}, and it is not booked here.", action


def what_happened(action: CorporateAction, market: MarketSnapshot) -> str:
    """Return what an action did, in words with tickers, without a full stop."""
    name, successor = ticker(action.security_id, market), ticker(action.successor, market)
    ratio = f"{action.value.normalize():f}"
    match action.kind:
        case ActionKind.TICKER_CHANGE:
            known = market.securities.get(action.security_id)
            if action.ticker is not None:
                return f"{known.name if known else name} trades as {action.ticker} from {action.ex_date} on"
            return f"{name} became {successor} on {action.ex_date}"
        case ActionKind.SPIN_OFF:
            return f"{name} spun off {ratio} {successor} a share on {action.ex_date}"
        case ActionKind.MERGER:
            parts = [f"{ratio} {successor}"] if action.value else []
            parts += [f"{action.cash.normalize():f} USD"] if action.cash else []
            return f"{name} was merged away on {action.ex_date} for {' and '.join(parts)} a share"
        case ActionKind.SPLIT:
            return f"{name} split on {action.ex_date}, {ratio} new shares for one"
        case _:
            return f"{name} paid {ratio} USD a share on {action.ex_date}"


def ticker(name: str | None, market: MarketSnapshot) -> str:
    """Return the ticker of a security, or its id where nobody knows it."""
    known = None if name is None else market.securities.get(SecurityId(name))
    return known.ticker if known else str(name)
