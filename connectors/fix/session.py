"""How do orders get to a custodian over a live FIX session, each exactly once, whatever crashes?

Run it in a process of its own. A message is taken from the mailbox before it is sent, so a crash can leave one of which
nobody knows whether it left. After every logon the gateway asks the custodian about each such order (see questions).
Changes and allocations it sends again under the same id, marked as perhaps sent before (97=Y): a custodian that has
one answers it again. Answers are in the journal (spool) before the session counts them as received: a crash in between
brings them again, and their key keeps them single.
"""

import functools
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar

import quickfix as fix

from connectors.fix.fix42 import modern
from connectors.fix.gateway import (
    GatewayConfig,
    Mailbox,
    Outcome,
    Outgoing,
    SessionConfig,
    Settled,
    dictionary_file,
    dictionary_path,
    redacted,
    settings_text,
)
from connectors.fix.messages import (
    ALLOCATION_ANSWER,
    BUSINESS_REJECT,
    CANCEL,
    CANCEL_REJECT,
    EXECUTION_REPORT,
    LOGON,
    MASS_STATUS,
    NEW_ORDER,
    REPLACE,
    SESSION_REJECT,
    AllocationAnswer,
    Answer,
    ChangeRejected,
    Rejected,
    Said,
    Status,
    message,
    read_answer,
    refusal,
)
from connectors.fix.questions import Questions
from connectors.fix.sent import Sent
from connectors.fix.spool import Incoming, Spool
from connectors.fix.wire import FixMessage, decode, read_utc_timestamp
from engine.domain.errors import DataError

P = ParamSpec("P")
T = TypeVar("T")

_POLL_S: Final = 0.05
_AT_ONCE: Final = 200  # messages in one transaction
_OWNER_ONLY: Final = 0o077
_AGES: Final = frozenset({NEW_ORDER, REPLACE})
_ANSWERS: Final = frozenset({EXECUTION_REPORT, BUSINESS_REJECT, CANCEL_REJECT, ALLOCATION_ANSWER})
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
    """Return a quickfix message as it is on the wire, a letter a byte: a custodian's text need not be UTF-8."""
    return str(fix_message.toString()).encode("utf-8", "surrogateescape").decode("latin-1")


def parsed(text: str) -> FixMessage:
    """Return the one message of such a text. Raises DataError as decode does."""
    return decode(text.encode("latin-1"))[0]


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
        self._spool = Spool(config.folder / "spool.db")
        self._lock = threading.RLock()
        self._sessions = {_name(session): session for session in config.sessions}
        self._dictionaries = {session.custodian: _dictionaries(session, config) for session in config.sessions}
        self._fresh: set[str] = set()  # custodians logged on since their unanswered orders were last asked about
        self._no_mass: set[str] = set()  # custodians that refused the question about all orders
        self._questions = {session.custodian: Questions() for session in config.sessions}
        self._sent = Sent()
        self._cancelled: set[tuple[str, str]] = set()  # (custodian, ClOrdID) of orders that are to be cancelled
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
        session, ours = self._session(session_id), parsed(wire_text(outgoing))
        with self._lock:
            self._sent.note(session.custodian, ours)
        if ours.type == LOGON and session.username is not None:
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
            self._spool.put(Incoming(custodian, _key(reject), text, None, None))
            ours = self._sent.rejected(custodian, reject)
            if ours is not None:
                reason = f"rejected by the session: {reject.get(58) or reject.get(373) or 'no reason given'}"
                self._refuse(self._session(session_id), *ours, Outcome.REFUSED, reason)
            self._note_refused_question(custodian, reject)

    @guarded
    def toApp(self, outgoing: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        text = wire_text(outgoing)
        ours = parsed(text)
        if ours.get(43) == "Y" and self._too_old(ours):
            _LOG.warning("order %s is too old to be sent again; left out", ours.require(11))
            raise fix.DoNotSend
        with self._lock:
            self._sent.note(self._session(session_id).custodian, ours)
        _LOG.info("-> %s", redacted(text))

    @guarded
    def fromApp(self, incoming: Any, session_id: Any) -> None:  # noqa: N802  quickfix's name
        text, custodian = wire_text(incoming), self._session(session_id).custodian
        _LOG.info("<- %s", redacted(text))
        report = modern(parsed(text))
        with self._lock:
            self._spool.put(
                Incoming(custodian, _key(report), text, *(self._settled(custodian, report) or (None, None)))
            )
            self._note_refused_question(custodian, report)

    def _settled(self, custodian: str, report: FixMessage) -> Settled | None:
        """Return what an answer says of one of our messages; what is unknown there is noted, to be sent again."""
        if report.type not in _ANSWERS:
            return None
        try:
            answer = read_answer(report)
        except DataError as error:
            _LOG.warning("kept for a person to read: %s", error)
            return None
        if isinstance(answer, Status):
            self._questions[custodian].answered(answer)
            if not answer.known:
                return None
        else:
            self._questions[custodian].heard_of(_answered(answer))
        return Settled(_answered(answer), _outcome(answer))

    def _note_refused_question(self, custodian: str, reject: FixMessage) -> None:
        if reject.type in (SESSION_REJECT, BUSINESS_REJECT) and reject.get(372) == MASS_STATUS:
            self._no_mass.add(custodian)
            self._fresh.add(custodian)

    def work(self) -> None:
        """Empty the spool; after a logon ask what became of orders; send what never arrived, and what is new."""
        self._empty_spool()
        for session in self._sessions.values():
            if _logged_on(session):
                self._after_logon(session)
                with self._lock:
                    again = self._questions[session.custodian].never_arrived()
                for order in again:
                    self._send_again(session, order)
                self._send_new(session)

    def _empty_spool(self) -> None:
        while True:
            until, batch = self._spool.oldest(_AT_ONCE)
            if not batch:
                return
            self._mailbox.received(batch)
            self._spool.drop(until)

    def _after_logon(self, session: SessionConfig) -> None:
        with self._lock:
            if session.custodian not in self._fresh:
                return
            self._fresh.discard(session.custodian)
            self._empty_spool()  # what answered since may have been asked about in vain
            left = [(Outgoing(*each), parsed(each[1])) for each in self._mailbox.unanswered(session.custodian)]
            questions = self._ask(session, [pair for pair in left if pair[1].type == NEW_ORDER])
        for said in questions:
            text = message(*said, sender=session.sender, target=session.target, sequence=1, sent=datetime.now(UTC),
                           begin=session.dialect.begin).decode()  # fmt: skip
            self._pass_on(session, text)
        for each, read in left:
            if read.type != NEW_ORDER:
                self._send(session, each, again=True)

    def _ask(self, session: SessionConfig, orders: Sequence[tuple[Outgoing, FixMessage]]) -> Sequence[Said]:
        questions, dialect = self._questions[session.custodian], session.dialect
        if session.mass_status and dialect.mass_status is not None and session.custodian not in self._no_mass:
            return questions.ask_all((order for order, _ in orders), dialect.mass_status(next(self._request_ids)))
        return questions.ask_each(((next(self._request_ids), *order) for order in orders), dialect)

    def _send_new(self, session: SessionConfig) -> None:
        while _logged_on(session):
            with self._lock:
                taken = self._mailbox.take(session.custodian, _AT_ONCE)
            if not taken:
                return
            for each in taken:
                self._send(session, Outgoing(*each))

    def _send_again(self, session: SessionConfig, order: Outgoing) -> None:
        """Send an order that never arrived, unless it was to be cancelled meanwhile."""
        if (session.custodian, order.key) in self._cancelled:
            self._refuse(session, NEW_ORDER, order.key, Outcome.REFUSED, "cancelled before it arrived, and not sent")
        else:
            self._send(session, order)

    def _send(self, session: SessionConfig, ours: Outgoing, *, again: bool = False) -> None:
        """Pass on one of our messages. again: it may have been sent before, under the same id."""
        kind = NEW_ORDER
        try:
            read = parsed(ours.text)
            kind = read.type
            if kind == CANCEL:
                self._cancelled.add((session.custodian, read.require(41)))
            if self._too_old(read):
                self._refuse(session, kind, ours.key, Outcome.EXPIRED, "too old to be sent, and not sent")
                return
            self._pass_on(session, ours.text, again=again)
        except (DataError, fix.FIXException) as error:
            _LOG.error("%s cannot be sent: %s", ours.key, error)
            self._refuse(session, kind, ours.key, Outcome.REFUSED, f"cannot be sent: {error}")

    def _refuse(self, session: SessionConfig, kind: str, key: str, outcome: Outcome, reason: str) -> None:
        """Keep for a message of ours that did not get through what a custodian would have said."""
        printable = "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in reason)
        text = message(*refusal(kind, key, printable), sender=session.target, target=session.sender, sequence=1,
                       sent=datetime.now(UTC)).decode()  # fmt: skip
        self._spool.put(Incoming(session.custodian, f"ours:{key}", text, key, outcome))

    def _pass_on(self, session: SessionConfig, text: str, *, again: bool = False) -> None:
        """Hand a message to the session, which writes its own header. Delivered later if the line drops just now."""
        outgoing = fix.Message(text, *self._dictionaries[session.custodian], True)
        if again:
            outgoing.getHeader().setField(97, "Y")
        fix.Session.sendToTarget(outgoing, _session_id(session))

    def _too_old(self, ours: FixMessage) -> bool:
        return ours.type in _AGES and datetime.now(UTC) - read_utc_timestamp(ours.require(60)) > self._max_age

    def _session(self, session_id: Any) -> SessionConfig:
        return self._sessions[str(session_id.toString())]


def _dictionaries(session: SessionConfig, config: GatewayConfig) -> tuple[Any, ...]:
    """Return the dictionaries that a message is read by: the session layer's, where it is another, and its own."""
    application = fix.DataDictionary(str(dictionary_file(session.dialect, config.folder)))
    transport = session.dialect.transport
    return (application,) if transport is None else (fix.DataDictionary(str(dictionary_path(transport))), application)


def _answered(answer: Answer) -> str:
    return answer.alloc_id if isinstance(answer, AllocationAnswer) else answer.cl_ord_id


def _outcome(answer: Answer) -> Outcome:
    refused = (
        isinstance(answer, Rejected)
        or (isinstance(answer, ChangeRejected) and not answer.had_it)
        or (isinstance(answer, AllocationAnswer) and answer.taken is False)
        or (isinstance(answer, Status) and answer.refused)
    )
    return Outcome.REFUSED if refused else Outcome.ACCEPTED


def _name(session: SessionConfig) -> str:
    return str(_session_id(session).toString())


def _session_id(session: SessionConfig) -> Any:
    return fix.SessionID(session.dialect.begin, session.sender, session.target)


def _logged_on(session: SessionConfig) -> bool:
    # sendToTarget also takes messages while logged out and delivers them at the next logon, however late.
    found = fix.Session.lookupSession(_session_id(session))
    return found is not None and bool(found.isLoggedOn())


def _key(answer: FixMessage) -> str:
    """Return what tells an answer from every other: the same one, sent again, has the same."""
    if answer.type == EXECUTION_REPORT:
        question = answer.get(790) or answer.get(584) or ""
        return ":".join((answer.get(11) or "", answer.require(17), question))
    if answer.type == ALLOCATION_ANSWER:
        return ":".join((answer.type, answer.require(70), answer.require(87)))
    if answer.type == CANCEL_REJECT:
        return ":".join((answer.type, answer.require(11)))
    return ":".join((answer.type, answer.require(34), answer.get(122) or answer.require(52)))
