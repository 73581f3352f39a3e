"""How do orders get to a custodian over a live FIX session, each exactly once, whatever crashes?

Run it in a process of its own. An order is taken from the mailbox before it is sent, so a crash can leave one of which
nobody knows whether it left. After every logon the gateway asks the custodian about each such order (35=H). FIX keeps
messages in order, so "unknown" means that the order can no longer arrive, and it is sent again under the same ClOrdID.
Reports are stored before the session counts them as received: a crash in between brings them again, and their key
keeps them single.
"""

import functools
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar

import quickfix as fix

from connectors.fix.gateway import (
    GatewayConfig,
    Mailbox,
    Outcome,
    Outgoing,
    SessionConfig,
    dictionary_path,
    redacted,
    settings_text,
)
from connectors.fix.messages import (
    BUSINESS_REJECT,
    EXECUTION_REPORT,
    LOGON,
    NEW_ORDER,
    SESSION_REJECT,
    STATUS_REQUEST,
    Rejected,
    Status,
    message,
    read_answer,
    status_request,
)
from connectors.fix.wire import BEGIN, FixMessage, decode, read_utc_timestamp
from engine.domain.errors import DataError

P = ParamSpec("P")
T = TypeVar("T")

_POLL_S: Final = 0.05
_OWNER_ONLY: Final = 0o077
_LOG: Final = logging.getLogger(__name__)


def run_gateway(config: GatewayConfig, mailbox: Mailbox, *, stop: threading.Event) -> None:
    """Keep the sessions up, send what the mailbox holds and store what comes back, until stop is set.

    Takes the process for itself: its files are readable by their owner alone (umask), and a failure inside a callback
    ends it with exit code 1, because quickfix would else count the message as received. Raises DataError for a
    configuration that quickfix refuses, and whatever the mailbox raises.
    """
    os.umask(_OWNER_ONLY)
    config.folder.mkdir(parents=True, exist_ok=True)
    application = _Gateway(config, mailbox)
    try:
        path = config.folder / "sessions.cfg"
        path.write_text(settings_text(config))
        settings = fix.SessionSettings(str(path))
        initiator = fix.SocketInitiator(application, fix.FileStoreFactory(settings), settings)
        initiator.start()
    except (fix.ConfigError, fix.RuntimeError) as error:
        raise DataError(f"FIX sessions in {config.folder}: {error}") from error
    try:
        while not stop.wait(_POLL_S):
            application.work()
    finally:
        initiator.stop()


def wire_text(fix_message: Any) -> str:
    """Return a quickfix message as it is on the wire."""
    return str(fix_message.toString())


def parsed(text: str) -> FixMessage:
    """Return the one message of this text. Raises DataError as decode does."""
    return decode(text.encode("utf-8", "surrogateescape"))[0]


def guarded(callback: Callable[P, T]) -> Callable[P, T]:
    """Return the callback, ending the process on any failure but DoNotSend, with the reason in the log.

    quickfix turns an exception in a callback into an abort without a trace. Going on would be worse: the message
    would count as received although nothing kept it.
    """

    @functools.wraps(callback)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return callback(*args, **kwargs)
        except fix.DoNotSend:
            raise
        except BaseException:  # noqa: BLE001  nothing may pass; the process ends with the reason in the log
            _LOG.exception("FIX callback %s failed; the process ends and may be started again", callback.__name__)
            logging.shutdown()
            os._exit(1)

    return run


class _Gateway(fix.Application):  # type: ignore[misc]  # quickfix carries no types
    """The callbacks of all sessions, called by quickfix's thread, and the work that the main thread does for them.

    The lock is never held while quickfix is called: quickfix holds its session's own lock around callbacks.
    """

    def __init__(self, config: GatewayConfig, mailbox: Mailbox) -> None:
        super().__init__()
        self._max_age = timedelta(seconds=config.max_order_age_s)
        self._mailbox = mailbox
        self._dictionary = fix.DataDictionary(str(dictionary_path()))
        self._lock = threading.Lock()
        self._sessions = {_name(session): session for session in config.sessions}
        self._fresh: set[str] = set()  # custodians logged on since their unanswered orders were last asked about
        self._asked: dict[str, dict[str, Outgoing]] = {}  # by custodian and OrdStatusReqID: not answered yet
        self._unknown: dict[str, list[Outgoing]] = {}  # by custodian: orders that it says it never got
        self._sent: dict[tuple[str, str], str] = {}  # (custodian, MsgSeqNum) -> ClOrdID of an order
        self._request_ids = (f"{time.time_ns():x}-{number}" for number in itertools.count(1))

    @guarded
    def onCreate(self, session_id: Any) -> None:  # noqa: N802  quickfix's name
        _LOG.info("%s: session made", session_id.toString())

    @guarded
    def onLogon(self, session_id: Any) -> None:  # noqa: N802  quickfix's name
        _LOG.info("%s: logged on", session_id.toString())
        with self._lock:
            self._fresh.add(self._session(session_id).custodian)

    @guarded
    def onLogout(self, session_id: Any) -> None:  # noqa: N802  quickfix's name
        _LOG.info("%s: logged out", session_id.toString())

    @guarded
    def toAdmin(self, outgoing: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        session = self._session(session_id)
        if parsed(wire_text(outgoing)).type == LOGON and session.username is not None:
            outgoing.setField(553, session.username)
            outgoing.setField(554, session.password or "")
        _LOG.debug("-> %s", redacted(wire_text(outgoing)))

    @guarded
    def fromAdmin(self, incoming: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        text, custodian = wire_text(incoming), self._session(session_id).custodian
        _LOG.debug("<- %s", redacted(text))
        reject = parsed(text)
        if reject.type != SESSION_REJECT:
            return
        with self._lock:
            self._mailbox.received(custodian, _key(reject), text)
            order = self._sent.get((custodian, reject.require(45)))
            if order is not None:
                self._mailbox.done(order, Outcome.REFUSED, text)

    @guarded
    def toApp(self, outgoing: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        text = wire_text(outgoing)
        order = parsed(text)
        if order.type == NEW_ORDER:
            if order.get(43) == "Y" and self._too_old(order):
                _LOG.warning("order %s is too old to be sent again; left out", order.require(11))
                raise fix.DoNotSend
            self._sent[self._session(session_id).custodian, order.require(34)] = order.require(11)
        _LOG.info("-> %s", redacted(text))

    @guarded
    def fromApp(self, incoming: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        text, custodian = wire_text(incoming), self._session(session_id).custodian
        _LOG.info("<- %s", redacted(text))
        report = parsed(text)
        with self._lock:
            self._mailbox.received(custodian, _key(report), text)
            if report.type in (EXECUTION_REPORT, BUSINESS_REJECT):
                self._settle(custodian, report, text)

    def _settle(self, custodian: str, report: FixMessage, text: str) -> None:
        try:
            answer = read_answer(report)
        except DataError as error:
            _LOG.warning("kept for a person to read: %s", error)
            return
        if not isinstance(answer, Status):
            outcome = Outcome.REFUSED if isinstance(answer, Rejected) else Outcome.ACCEPTED
            self._mailbox.done(answer.cl_ord_id, outcome, text)
            return
        order = self._asked.get(custodian, {}).pop(answer.request_id, None)
        if answer.known:
            outcome = Outcome.REFUSED if answer.refused else Outcome.ACCEPTED
            self._mailbox.done(answer.cl_ord_id, outcome, text)
        elif order is not None:
            self._unknown.setdefault(custodian, []).append(order)

    def work(self) -> None:
        """Ask about unanswered orders after a logon, send again what never arrived, then what is new."""
        for session in self._sessions.values():
            if _logged_on(session):
                self._ask(session)
                with self._lock:
                    again = self._unknown.pop(session.custodian, [])
                for order in again:
                    self._send(session, order)
                self._send_new(session)

    def _ask(self, session: SessionConfig) -> None:
        with self._lock:
            if session.custodian not in self._fresh:
                return
            self._fresh.discard(session.custodian)
            orders = {next(self._request_ids): order for order in self._mailbox.unanswered(session.custodian)}
            self._asked[session.custodian] = orders  # a late answer to an older question no longer counts
        for request_id, order in orders.items():
            fields = status_request(parsed(order.text), request_id)
            text = message(STATUS_REQUEST, fields, sender=session.sender, target=session.target, sequence=1,
                           sent=datetime.now(UTC)).decode()  # fmt: skip
            self._pass_on(session, text)

    def _send_new(self, session: SessionConfig) -> None:
        while _logged_on(session):
            with self._lock:
                order = self._mailbox.take(session.custodian)
            if order is None:
                return
            self._send(session, order)

    def _send(self, session: SessionConfig, order: Outgoing) -> None:
        try:
            if self._too_old(parsed(order.text)):
                with self._lock:
                    self._mailbox.done(order.key, Outcome.EXPIRED, "")
                return
            self._pass_on(session, order.text)
        except (DataError, fix.FIXException) as error:
            _LOG.error("order %s cannot be sent: %s", order.key, error)
            with self._lock:
                self._mailbox.done(order.key, Outcome.REFUSED, "")

    def _pass_on(self, session: SessionConfig, text: str) -> None:
        """Hand a message to the session, which writes its own header. Delivered later if the line drops just now."""
        outgoing = fix.Message(text, self._dictionary, True)
        fix.Session.sendToTarget(outgoing, _session_id(session))

    def _too_old(self, order: FixMessage) -> bool:
        return datetime.now(UTC) - read_utc_timestamp(order.require(60)) > self._max_age

    def _session(self, session_id: Any) -> SessionConfig:
        return self._sessions[str(session_id.toString())]


def _name(session: SessionConfig) -> str:
    return str(_session_id(session).toString())


def _session_id(session: SessionConfig) -> Any:
    return fix.SessionID(BEGIN, session.sender, session.target)


def _logged_on(session: SessionConfig) -> bool:
    # sendToTarget also takes messages while logged out and delivers them at the next logon, however late.
    found = fix.Session.lookupSession(_session_id(session))
    return found is not None and bool(found.isLoggedOn())


def _key(report: FixMessage) -> str:
    if report.type == EXECUTION_REPORT:
        return ":".join((report.get(11) or "", report.require(17), report.get(790) or ""))
    return ":".join((report.type, report.require(34), report.get(122) or report.require(52)))
