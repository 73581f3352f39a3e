"""Each profile says the same orders in its own way, and what it says reads back whole."""

import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.fix import fidelity, lot_sheet
from connectors.fix.bilateral import with_lots
from connectors.fix.dialect import AllocationType
from connectors.fix.dialects import DIALECTS
from connectors.fix.fix42 import modern
from connectors.fix.messages import message, read_answer
from connectors.fix.readback import orders_in, with_sheet
from connectors.fix.wire import FixMessage, decode
from engine.domain.errors import DataError
from engine.domain.orders import Change
from engine.domain.plans import Side
from engine.execute.written import Key, WrittenLot, WrittenOrder

WITH_LOTS = ["FIX.4.4", "FIX.5.0SP2"]


@pytest.fixture
def two_lots(block):
    """A sale of 30 and 20 shares; the first account's from two lots."""
    made = block("SALE", side=Side.SELL)
    first, second = made.allocations
    lots = (replace(first.lots[0], lot_id="LOT-A", quantity=Decimal(18)), replace(first.lots[0], quantity=Decimal(12)))
    return replace(made, allocations=(replace(first, lots=lots), second))


def lot(lot_id, quantity):
    return WrittenLot(
        lot_id=lot_id, quantity=Decimal(quantity), acquired=date(2020, 5, 6), cost_per_share=Decimal("90.25")
    )


EXPECTED = (
    WrittenOrder(key=Key("77-1", "ABC", True), quantity=Decimal(30), lots=(lot("LOT-A", 18), lot("LOT-1", 12))),
    WrittenOrder(key=Key("77-2", "ABC", True), quantity=Decimal(20), lots=(lot("LOT-2", 20),)),
)


@pytest.mark.parametrize("version", WITH_LOTS)
def test_an_order_with_lots_has_one_allocation_a_lot_and_reads_back_whole(two_lots, order_text, version):
    read = decode(order_text(two_lots, version=version, lots=True).encode())

    assert read[0].every(79) == ("77-1", "77-1", "77-2")
    assert read[0].every(80) == ("18", "12", "20")
    assert read[0].every(1752) == ("LOT-A", "LOT-1", "LOT-2")
    assert read[0].every(1753) == ("20200506",) * 3
    assert orders_in(read) == EXPECTED


@pytest.mark.parametrize("version", DIALECTS)
def test_an_order_without_lots_gets_them_from_the_sheet(two_lots, order_text, version):
    sheet, rows = lot_sheet.write([two_lots])
    read = orders_in(decode(order_text(two_lots, version=version).encode()))

    assert rows == 3
    assert [order.lots for order in read] == [(), ()]
    assert with_sheet(read, lot_sheet.read(sheet)) == EXPECTED


def test_the_order_import_has_eight_columns_a_row_for_each_account_and_no_header(two_lots, block):
    content, rows = fidelity.write([two_lots, block("BUY", quantities=("7.125",))])

    assert content == b"77-1,,S,30,ABC,M,D,\r\n77-2,,S,20,ABC,M,D,\r\n77-1,,B,7.125,ABC,M,D,\r\n"
    assert rows == 3
    sheet, _ = lot_sheet.write([two_lots])
    assert with_sheet(fidelity.read(content), lot_sheet.read(sheet)) == (
        *EXPECTED, WrittenOrder(key=Key("77-1", "ABC", False), quantity=Decimal("7.125"), lots=()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ({"quantities": ("0.0001",)}, "expected shares to three decimals, found 0.0001"),
        ({"quantities": ("12345678901",)}, "expected quantity of at most 10 characters"),
        ({"account": "7" * 21}, "expected account number of at most 20 characters"),
        ({"ticker": "T" * 31}, "expected symbol of at most 30 characters"),
    ],
)
def test_what_a_column_of_the_order_import_cannot_hold_is_refused(block, made, found):
    with pytest.raises(DataError, match=found):
        fidelity.write([block(**made)])


def test_what_just_fits_the_columns_of_the_order_import_is_written(block):
    content, _ = fidelity.write([block(quantities=("123456.125",), account="7" * 20, ticker="T" * 30)])

    assert content == f"{'7' * 20},,B,123456.125,{'T' * 30},M,D,\r\n".encode()


@pytest.mark.parametrize("row", ["77-2,,S,20,ABC,M,D", "77-2,,X,20,ABC,M,D,", "77-2,,S,many,ABC,M,D,"])
def test_a_row_of_an_order_import_that_is_no_order_is_refused_by_line(row):
    with pytest.raises(DataError, match=f"order import, line 2: expected an order, found {row}"):
        fidelity.read(f"77-1,,S,30,ABC,M,D,\r\n{row}\r\n".encode())


def test_orders_and_sheet_that_disagree_are_refused(two_lots, order_text, block):
    other, _ = lot_sheet.write([block("SALE", side=Side.SELL)])
    stranger, _ = lot_sheet.write([block("SALE", side=Side.SELL, account="88-{}")])
    with_tags = orders_in(decode(order_text(two_lots, lots=True).encode()))

    with pytest.raises(DataError, match="the order and the lot sheet name other lots"):
        with_sheet(with_tags, lot_sheet.read(other))
    with pytest.raises(DataError, match="expected lots of orders alone, found some of ABC in 88-1"):
        with_sheet(orders_in(decode(order_text(two_lots).encode())), lot_sheet.read(stranger))


@pytest.mark.parametrize("text", ["=1+1", "'quoted", "-LOT", "plain"])
def test_a_lot_id_that_a_spreadsheet_would_change_comes_back_as_it_was(block, text):
    content, _ = lot_sheet.write([block(side=Side.SELL, quantities=("5",), lot_id=text)])

    ((only,),) = lot_sheet.read(content).values()
    assert only.lot_id == text


def test_a_sheet_with_another_header_or_a_bad_row_is_refused_by_line(block):
    content, _ = lot_sheet.write([block(side=Side.SELL)])

    with pytest.raises(DataError, match="line 1: expected cl_ord_id"):
        lot_sheet.read(content.replace(b"cl_ord_id", b"order"))
    with pytest.raises(DataError, match="line 3: expected a lot"):
        lot_sheet.read(content.replace(b",20,2020", b",x,2020"))
    with pytest.raises(DataError, match="line 1: expected cl_ord_id"):
        lot_sheet.read(b"")
    with pytest.raises(DataError, match="lot sheet: expected a CSV"):
        lot_sheet.read(b"\xff")


@pytest.mark.parametrize("version", DIALECTS)
def test_a_change_names_what_it_replaces_and_a_cancellation_splits_nothing(two_lots, released, version):
    def change(quantity):
        asked = Change(cl_ord_id="CH2", block_id="SALE", replaces="CH1", quantity=Decimal(quantity))
        said = DIALECTS[version].change(asked, two_lots, at=released, lots=False)
        read = FixMessage(fields=said.fields)
        return said.kind, read.require(41), read.require(11), read.require(38), read.every(79), read.every(80)

    # 25 x 30 / 50 = 15 and 25 x 20 / 50 = 10.
    assert change(25) == ("G", "CH1", "CH2", "25", ("77-1", "77-2"), ("15", "10"))
    assert change(0) == ("F", "CH1", "CH2", "50", (), ())


@pytest.mark.parametrize("version", DIALECTS)
def test_a_split_says_whether_it_is_new_or_which_one_it_replaces(two_lots, released, version):
    def split(replaces):
        said = DIALECTS[version].allocation(
            two_lots, alloc_id="AL2", filled=Decimal(50), price=Decimal("101.5"), at=released,
            kind=AllocationType.PRELIMINARY, lots=False, replaces=replaces,
        )  # fmt: skip
        return FixMessage(fields=said.fields)

    new, again = split(None), split("AL1")
    assert (new.require(70), new.require(71), new.get(72), new.get(796)) == ("AL2", "0", None, None)
    reason = None if version == "FIX.4.2" else "2"  # the number or amount of executions changed
    assert (again.require(70), again.require(71), again.get(72), again.get(796)) == ("AL2", "1", "AL1", reason)
    assert (again.require(53), again.require(6), again.require(75)) == ("50", "101.5", "20240304")


@pytest.mark.parametrize("version", DIALECTS)
def test_a_question_names_the_order_as_it_was_sent(two_lots, order_text, version):
    (order,) = decode(order_text(two_lots, version=version).encode())

    said = DIALECTS[version].status_request(order, "Q7")

    name = () if version == "FIX.4.2" else ((790, "Q7"),)
    assert said == ("H", ((11, "SALE"), *name, (55, "ABC"), (54, "2")))


def test_what_is_no_42_execution_report_stays_as_it_is():
    report = FixMessage(fields=((35, "8"), (11, "B1"), (17, "E1"), (150, "1"), (39, "1")))
    other = FixMessage(fields=((35, "9"), (11, "B1"), (20, "0"), (150, "1")))

    assert modern(report) == report
    assert modern(other) == other


def test_a_42_answer_means_what_its_44_words_mean():
    def answer(*fields):
        common = ((35, "8"), (11, "B1"), (17, "E2"), (37, "C1"), (32, "5"), (31, "10"), (60, "20240304-12:00:00"))
        return read_answer(modern(FixMessage(fields=(*common, *fields))))

    fill = answer((20, "0"), (150, "1"), (39, "1"))
    assert (fill.exec_id, fill.quantity, fill.price) == ("E2", 5, 10)
    assert answer((20, "0"), (150, "2"), (39, "2")) == fill
    assert answer((20, "1"), (150, "1"), (39, "1"), (19, "E1")).instead is None
    assert answer((20, "2"), (150, "1"), (39, "1"), (19, "E1")).instead == fill
    assert answer((20, "3"), (150, "0"), (39, "1"), (14, "5")).filled == 5
    assert answer((20, "0"), (150, "0"), (39, "0")).order_id == "C1"


def test_two_42_answers_to_questions_about_one_order_are_two():
    # 4.2 gives both ExecID 0.
    def answer(number, filled):
        return FixMessage(fields=((35, "8"), (34, number), (52, "20240304-12:00:00"), (11, "B1"), (17, "0"), (20, "3"),
                                  (150, "1"), (39, "1"), (14, filled)))  # fmt: skip

    first, second = modern(answer("7", "5")), modern(answer("9", "8"))

    assert first.require(17) != second.require(17)
    assert modern(answer("7", "5")) == first
    again = FixMessage(fields=(*answer("7", "5").fields[:2], (43, "Y"), (52, "20240304-13:00:00"),
                               (122, "20240304-12:00:00"), *answer("7", "5").fields[3:]))  # fmt: skip
    assert modern(again).require(17) == first.require(17)


def dictionaries(version, folder):
    """The dictionaries that come with quickfix; that of 4.4 with the lots that both sides agreed on."""
    import quickfix as fix

    shared = Path(sys.prefix) / "share" / "quickfix"
    dialect = DIALECTS[version]
    path = shared / dialect.application
    if version == "FIX.4.4":
        path = folder / "agreed.xml"
        path.write_text(with_lots((shared / dialect.application).read_text()))
    own = fix.DataDictionary(str(path))
    return (own,) if dialect.transport is None else (fix.DataDictionary(str(shared / dialect.transport)), own)


def validate(text, validators, *, whole=True):
    """Refuse what a dictionary does not allow; whole: length and checksum too."""
    import quickfix as fix

    parsed = fix.Message(text, *validators, whole)
    if len(validators) == 1:
        validators[0].validate(parsed)
    else:
        fix.DataDictionary.validate(parsed, *validators)


@pytest.mark.fix
@pytest.mark.parametrize("version", DIALECTS)
def test_every_message_of_a_profile_is_valid_by_its_dictionary(two_lots, block, released, tmp_path, version):
    import quickfix as fix

    dialect = DIALECTS[version]
    lots = dialect.carries_lots
    change = Change(cl_ord_id="CH1", block_id="SALE", replaces="SALE", quantity=Decimal(25))
    said = [
        dialect.new_order(two_lots, at=released, lots=lots),
        dialect.new_order(block(), at=released, lots=lots),
        dialect.change(change, two_lots, at=released, lots=lots),
        dialect.change(replace(change, quantity=Decimal(0)), two_lots, at=released, lots=lots),
        *(
            dialect.allocation(two_lots, alloc_id="AL1", filled=Decimal(41), price=Decimal("101.5"), at=released,
                               kind=kind, lots=lots, replaces=replaced)
            for kind in (AllocationType.CALCULATED, AllocationType.PRELIMINARY)
            for replaced in (None, "AL0")
        ),
        *([] if dialect.mass_status is None else [dialect.mass_status("Q1")]),
    ]  # fmt: skip
    validators = dictionaries(version, tmp_path)

    for each in said:
        text = message(*each, sender="A", target="B", sequence=1, sent=released, begin=dialect.begin).decode()
        validate(text, validators)
    broken = message(*said[0], sender="A", target="B", sequence=1, sent=released, begin=dialect.begin)
    wrong = broken.decode().replace("\x0154=2\x01", "\x0154=Q\x01")
    with pytest.raises(fix.FIXException):  # the check itself is able to fail
        validate(wrong, validators, whole=False)


@pytest.mark.parametrize("version", WITH_LOTS)
def test_a_split_of_41_shares_goes_pro_rata_and_takes_the_first_lots_first(two_lots, released, version):
    said = DIALECTS[version].allocation(
        two_lots, alloc_id="AL1", filled=Decimal(41), price=Decimal(100), at=released,
        kind=AllocationType.CALCULATED, lots=True,
    )  # fmt: skip
    read = FixMessage(fields=said.fields)

    # 41 x 30 / 50 = 24.6 and 41 x 20 / 50 = 16.4: the larger remainder gets the share, 25 and 16.
    assert read.every(79) == ("77-1", "77-1", "77-2")
    assert read.every(80) == ("18", "7", "16")
    assert read.every(1752) == ("LOT-A", "LOT-1", "LOT-2")
    assert (read.require(53), read.require(626)) == ("41", "1")


@pytest.mark.parametrize("version", DIALECTS)
def test_an_account_that_gets_none_of_the_shares_is_not_named(two_lots, released, version):
    said = DIALECTS[version].allocation(
        two_lots, alloc_id="AL1", filled=Decimal(1), price=Decimal(100), at=released,
        kind=AllocationType.CALCULATED, lots=False,
    )  # fmt: skip
    read = FixMessage(fields=said.fields)

    # 1 x 30 / 50 = 0.6 and 1 x 20 / 50 = 0.4: the larger remainder gets the share.
    assert (read.require(78), read.every(79), read.every(80)) == ("1", ("77-1",), ("1",))


def test_the_agreed_dictionary_adds_lots_where_accounts_are_and_nowhere_else():
    stock = (
        "<fix><messages><message name='NewOrderSingle' msgtype='D'><component name='PreAllocGrp'/></message>"
        "<message name='Quote' msgtype='S'><field name='Symbol'/></message></messages><components>"
        "<component name='PreAllocGrp'><group name='NoAllocs'><field name='AllocAccount'/><field name='AllocQty'/>"
        "</group></component></components><fields><field number='79' name='AllocAccount' type='STRING'/></fields></fix>"
    )

    agreed = with_lots(stock)

    assert agreed.count('name="CustodialLotID"') == 2  # the field, and its place after the quantity
    assert agreed.index('name="AllocQty"') < agreed.index('name="CustodialLotID"')
    with pytest.raises(DataError, match="expected XML"):
        with_lots("no dictionary")
    with pytest.raises(DataError, match="expected fields and messages, found none"):
        with_lots(stock.replace("messages>", "others>"))
