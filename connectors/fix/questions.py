"""Did the custodian get it? What one custodian was asked after a logon about orders that were taken and not answered.

FIX keeps messages in order, so "unknown" means that the order can no longer arrive, and may be sent again under the
same ClOrdID. A late answer to an older question no longer counts.
"""

from collections.abc import Iterable, Sequence

from connectors.fix.dialect import Dialect
from connectors.fix.gateway import Outgoing
from connectors.fix.messages import Said, Status
from connectors.fix.wire import FixMessage


class Questions:
    """The open questions to one custodian. Each asking takes the place of the one before."""

    def __init__(self) -> None:
        self._mass = ""
        self._open: dict[str, tuple[str, Outgoing]] = {}  # by ClOrdID: the question's id, and the order
        self._unknown: list[Outgoing] = []

    def ask_all(self, orders: Iterable[Outgoing], said: Said) -> Sequence[Said]:
        """Ask about all orders at once (35=AF), those that were answered too; return what to send."""
        self._mass = dict(said.fields)[584]
        self._open = {order.key: (self._mass, order) for order in orders}
        return [said]

    def ask_each(self, orders: Iterable[tuple[str, Outgoing, FixMessage]], dialect: Dialect) -> Sequence[Said]:
        """Ask about each order (35=H), given with its question's id and as it is read; return what to send."""
        asked = list(orders)
        self._mass = ""
        self._open = {order.key: (request_id, order) for request_id, order, _ in asked}
        return [dialect.status_request(read, request_id) for request_id, _, read in asked]

    def answered(self, status: Status) -> None:
        """Take an answer in; what the custodian does not know is kept, to be sent again."""
        request_id, order = self._open.get(status.cl_ord_id, ("", None))
        if self._mass and status.request_id == self._mass:
            if status.known:
                self._open.pop(status.cl_ord_id, None)
            if status.last:
                self._unknown += [left for _, left in self._open.values()]
                self._open = {}
        elif order is not None and status.request_id in ("", request_id):
            del self._open[status.cl_ord_id]
            if not status.known:
                self._unknown.append(order)

    def heard_of(self, key: str) -> None:
        """Take in that the custodian said anything else of an order: it has that one, and is not sent it again."""
        self._open.pop(key, None)
        self._unknown = [order for order in self._unknown if order.key != key]

    def never_arrived(self) -> Sequence[Outgoing]:
        """Return the orders that the custodian does not know, once."""
        unknown, self._unknown = self._unknown, []
        return unknown
