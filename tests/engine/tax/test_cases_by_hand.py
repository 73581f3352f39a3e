"""The wash-sale rule as a table: each row a history, worked by hand on the rule that it names.

Histories are told as telling.py says; d0 is 1 June 2023.
Expected: losses as "sale loss disallowed for-good", and everything that is left as "lot shares basis held-from". Shares
bought g days after the loss that they caught are held from g days after those sold were; bought before it, from the
same day (26 U.S.C. 1223(3)). GOOG and GOOGL are substantially identical.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from tests.engine.tax.telling import tell, when

CASES = {
    # The window: 26 U.S.C. 1091(a), 30 days before to 30 days after, calendar days (Reg. 1.1091-1(a))
    "1091(a): bought 30 days before": (
        "d0 buy 100 @50; d70 buy 100 @45; d100 sell 100 @40 of t1",
        "t3 1000 1000 0",
        "t2 100 5500 d0",
    ),
    "1091(a): bought 31 days before": (
        "d0 buy 100 @50; d69 buy 100 @45; d100 sell 100 @40 of t1",
        "t3 1000 0 0",
        "t2 100 4500 d69",
    ),
    "1091(a): bought 30 days after": (
        "d0 buy 100 @50; d100 sell 100 @40; d130 buy 100 @42",
        "t2 1000 1000 0",
        "t3 100 5200 d30",
    ),
    "1091(a): bought 31 days after": (
        "d0 buy 100 @50; d100 sell 100 @40; d131 buy 100 @42",
        "t2 1000 0 0",
        "t3 100 4200 d131",
    ),
    "1091(a): bought on the very day": (
        "d0 buy 100 @50; d100 sell 100 @40 of t1; d100 buy 100 @40",
        "t2 1000 1000 0",
        "t3 100 5000 d0",
    ),
    "1091(a): bought on both edges, 30 and 50 shares": (
        "d0 buy 100 @50; d70 buy 30 @45; d100 sell 100 @40 of t1; d130 buy 50 @42",
        "t3 1000 800 0",
        "t2 30 1650 d0; t4 50 2600 d30",
    ),
    "1091(a): around 29 February, whose window is 30 January to 30 March": (
        (
            "2023-01-03 buy 4 @10; 2024-01-29 buy 1 @9; 2024-01-30 buy 1 @9; 2024-02-29 sell 4 @8 of t1; "
            "2024-03-30 buy 1 @9; 2024-03-31 buy 1 @9"
        ),
        "t4 8 4 0",
        "t2 1 9 2024-01-29; t3 1 11 2023-01-03; t5 1 11 2023-02-02; t6 1 9 2024-03-31",
    ),
    "1091(a): around 31 March, whose window is 1 March to 30 April": (
        (
            "2022-01-03 buy 4 @10; 2023-02-28 buy 1 @9; 2023-03-01 buy 1 @9; 2023-03-31 sell 4 @8 of t1; "
            "2023-04-30 buy 1 @9; 2023-05-01 buy 1 @9"
        ),
        "t4 8 4 0",
        "t2 1 9 2023-02-28; t3 1 11 2022-01-03; t5 1 11 2022-02-02; t6 1 9 2023-05-01",
    ),
    "1091(a): sold in December, bought back on the last day of the window in January": (
        "2023-01-03 buy 10 @50; 2023-12-29 sell 10 @40; 2024-01-28 buy 10 @41",
        "t2 100 100 0",
        "t3 10 510 2023-02-02",
    ),
    "1091(a): sold in December, bought back a day after the window": (
        "2023-01-03 buy 10 @50; 2023-12-29 sell 10 @40; 2024-01-29 buy 10 @41",
        "t2 100 0 0",
        "t3 10 410 2024-01-29",
    ),
    "1091(a): bought in December, sold at a loss in January": (
        "2023-01-03 buy 10 @50; 2023-12-06 buy 4 @45; 2024-01-05 sell 10 @40 of t1",
        "t3 100 40 0",
        "t2 4 220 2023-01-03",
    ),
    "1091(d): a loss of December is deductible a year later with the shares that took it up": (
        "2023-01-03 buy 10 @50; 2023-12-20 sell 10 @40; 2024-01-10 buy 10 @41; 2024-12-20 sell 10 @45",
        "t2 100 100 0; t4 60 0 0",
        "",
    ),
    # Several losses, several replacements: 1091(b), (c); Reg. 1.1091-1(b) to (e)
    "Reg. 1.1091-1(b): of two losses the earlier has the first claim on what is bought": (
        "d0 buy 200 @50; d100 sell 100 @40; d105 sell 100 @30; d110 buy 150 @35",
        "t2 1000 1000 0; t3 2000 1000 0",
        "t4 100 4500 d10; t4 50 2750 d5",
    ),
    "Reg. 1.1091-1(b): an earlier loss whose window is over claims nothing": (
        "d0 buy 200 @50; d100 sell 100 @40; d120 sell 100 @30; d135 buy 100 @35",
        "t2 1000 0 0; t3 2000 2000 0",
        "t4 100 5500 d15",
    ),
    "Reg. 1.1091-1(b): of shares sold on one day those acquired first have the first claim": (
        "d0 buy 50 @50; d10 buy 50 @60; d100 sell 100 @40; d110 buy 60 @40",
        "t3 1500 700 0",
        "t4 50 2500 d10; t4 10 600 d20",
    ),
    "Reg. 1.1091-1(c): replacements go in the order of their purchase, before the sale and after it": (
        "d0 buy 100 @50; d80 buy 40 @45; d100 sell 100 @40 of t1; d105 buy 40 @41; d110 buy 40 @42",
        "t3 1000 1000 0",
        "t2 40 2200 d0; t4 40 2040 d5; t5 20 1040 d10; t5 20 840 d110",
    ),
    "Reg. 1.1091-1(c): three replacements of 7, 11 and 9 for 30 shares": (
        "d0 buy 30 @50; d100 sell 30 @40; d101 buy 7 @40; d102 buy 11 @40; d103 buy 9 @40",
        "t2 300 270 0",
        "t3 7 350 d1; t4 11 550 d2; t5 9 450 d3",
    ),
    "Reg. 1.1091-1(d): more bought than sold, the first 40 of 100 carry the loss": (
        "d0 buy 100 @50; d100 sell 40 @40; d110 buy 100 @42",
        "t2 400 400 0",
        "t1 60 3000 d0; t3 40 2080 d10; t3 60 2520 d110",
    ),
    "Reg. 1.1091-1(d): one share sold of three, five bought": (
        "d0 buy 3 @100; d100 sell 1 @70; d101 buy 5 @75",
        "t2 30 30 0",
        "t1 2 200 d0; t3 1 105 d1; t3 4 300 d101",
    ),
    "Reg. 1.1091-1(e): one purchase between two losses serves the first only": (
        "d0 buy 20 @50; d100 sell 10 @40; d105 buy 10 @41; d110 sell 10 @30 of t1",
        "t2 100 100 0; t4 200 0 0",
        "t3 10 510 d5",
    ),
    "Reg. 1.1091-1(e): what the first loss left of a purchase serves the second": (
        "d0 buy 20 @50; d100 sell 4 @40; d105 buy 10 @41; d110 sell 16 @30 of t1",
        "t2 40 40 0; t4 320 120 0",
        "t3 4 204 d5; t3 6 366 d0",
    ),
    # Basis and chains: 1091(d), Reg. 1.1091-2
    "1091(d): replaced, sold at a loss again, replaced again": (
        "d0 buy 100 @50; d100 sell 100 @40; d110 buy 100 @38; d120 sell 100 @30; d125 buy 100 @31",
        "t2 1000 1000 0; t4 1800 1800 0",
        "t5 100 4900 d15",
    ),
    "1091(d): a sale above cost is a loss where the basis has grown": (
        "d0 buy 100 @50; d100 sell 100 @40; d110 buy 100 @38; d120 sell 100 @42",
        "t2 1000 1000 0; t4 600 0 0",
        "",
    ),
    "1091(d): a chain that ends in a gain reports the gain less the loss deferred": (
        "d0 buy 10 @50; d100 sell 10 @40; d110 buy 10 @38; d120 sell 10 @50",
        "t2 100 100 0",
        "",
    ),
    "1091(d): half of the replacement is sold, and only its half of the loss comes with it": (
        "d0 buy 100 @50; d100 sell 100 @40; d110 buy 100 @40; d150 sell 50 @35; d160 buy 50 @35",
        "t2 1000 1000 0; t4 750 750 0",
        "t3 50 2500 d10; t5 50 2500 d20",
    ),
    "1091(d): three in a row, each on the next": (
        "d0 buy 1 @90; d50 sell 1 @80; d51 buy 1 @80; d60 sell 1 @70; d62 buy 1 @70; d70 sell 1 @60; d73 buy 1 @60",
        "t2 10 10 0; t4 20 20 0; t6 30 30 0",
        "t7 1 90 d6",
    ),
    # Fractions of shares and reinvested dividends (a purchase like any other; Pub. 550)
    "1091(b): three quarters of a share catch three quarters of a share's loss": (
        "d0 buy 10.5 @20; d100 sell 10.5 @16; d110 reinvest 0.75 @16",
        "t2 42 3 0",
        "t3 0.75 15 d10",
    ),
    "1091(b): a third of a share": (
        "d0 buy 1 @9; d100 sell 1 @6; d110 buy 0.333333 @6",
        "t2 3 0.999999 0",
        "t3 0.333333 2.999997 d10",
    ),
    "1091(a): of three reinvestments two are inside the window": (
        "d0 buy 100 @50; d75 reinvest 0.5 @42; d100 sell 100 @40 of t1; d120 reinvest 0.4 @41; d135 reinvest 0.6 @42",
        "t3 1000 9 0",
        "t2 0.5 26 d0; t4 0.4 20.4 d20; t5 0.6 25.2 d135",
    ),
    "1091(a): everything sold, the reinvested half share with it, replaces nothing": (
        "d0 buy 100 @50; d75 reinvest 0.5 @42; d100 sell 100.5 @40",
        "t3 1001 0 0",
        "",
    ),
    # Splits: the shares are counted as they are when they meet (Reg. 1.1091-1(c): share by share)
    "1091(b): 1-for-10 after the sale, 6 new shares replace 60 of 100 old ones": (
        "d0 buy 101 @10; d100 sell 100 @8; d105 split 0.1; d110 buy 6 @82",
        "t2 200 120 0",
        "t1 0.1 10 d0; t4 6 612 d10",
    ),
    "1091(b): 3-for-2 between purchase and sale, 10 shares replace as 15": (
        "d0 buy 30 @60; d80 buy 10 @55; d90 split 1.5; d100 sell 45 @36 of t1",
        "t4 180 60 0",
        "t2 15 610 d0",
    ),
    "1091(b): 1-for-4 between purchase and sale, 40 shares replace as 10": (
        "d0 buy 100 @10; d80 buy 40 @9; d90 split 0.25; d100 sell 25 @32 of t1",
        "t4 200 80 0",
        "t2 10 440 d0",
    ),
    "307(a): a split after the match leaves the grown basis alone": (
        "d0 buy 10 @50; d100 sell 10 @40; d105 buy 10 @41; d110 split 2",
        "t2 100 100 0",
        "t3 20 510 d5",
    ),
    "1091(b): a loss caught in part before a 2-for-1 and in part after it": (
        "d0 buy 21 @50; d100 sell 20 @40; d101 buy 5 @41; d105 split 2; d110 buy 10 @20",
        "t2 200 100 0",
        "t1 2 50 d0; t3 10 255 d1; t5 10 250 d10",
    ),
    # Substantially identical securities (1091(a))
    "1091(a): another class of the same group replaces share by share": (
        "d0 buy 10 GOOG @100; d100 sell 10 GOOG @80; d110 buy 4 GOOGL @85; d111 buy 3 GOOG @81",
        "t2 200 140 0",
        "t3 4 420 d10; t4 3 303 d11",
    ),
    "1091(a): another company is no replacement": (
        "d0 buy 10 GOOG @100; d100 sell 10 GOOG @80; d110 buy 10 META @85",
        "t2 200 0 0",
        "t3 10 850 d110",
    ),
    "1091(a): losses of two classes compete for one purchase": (
        "d0 buy 9 GOOG @100; d0 buy 9 GOOGL @100; d100 sell 9 GOOGL @90; d101 sell 9 GOOG @80; d110 buy 12 GOOG @80",
        "t3 90 90 0; t4 180 60 0",
        "t5 9 810 d10; t5 3 300 d9",
    ),
    # The household: spouse, second custodian, IRA, Roth IRA (Pub. 550, Rev. Rul. 2008-5)
    "Pub. 550: the spouse's account buys": (
        "d0 buy 50 @50; d100 sell 50 @40; d110 joint buy 50 @41",
        "t2 500 500 0",
        "t3 50 2550 d10",
    ),
    "Reg. 1.1091-1(b): both accounts lose, one buys": (
        "d0 buy 50 @50; d0 joint buy 50 @60; d100 joint sell 50 @40; d101 sell 50 @40; d110 buy 50 @41",
        "t3 1000 1000 0; t4 500 0 0",
        "t5 50 3050 d10",
    ),
    "Rev. Rul. 2008-5: the IRA buys first, the taxable account takes the rest": (
        "d0 buy 50 @50; d100 sell 50 @40; d105 ira buy 20 @40; d110 buy 50 @41",
        "t2 500 500 200",
        "t3 20 800 d105; t4 30 1530 d10; t4 20 820 d110",
    ),
    "Rev. Rul. 2008-5: the taxable account buys first and leaves the IRA nothing": (
        "d0 buy 50 @50; d100 sell 50 @40; d105 buy 50 @41; d110 ira buy 20 @40",
        "t2 500 500 0",
        "t3 50 2550 d5; t4 20 800 d110",
    ),
    "Rev. Rul. 2008-5: IRA and taxable account on one day, in the order of account names (the law gives none)": (
        "d0 buy 50 @50; d100 sell 50 @40; d105 buy 50 @41; d105 ira buy 20 @40",
        "t2 500 500 200",
        "t4 20 800 d105; t3 30 1530 d5; t3 20 820 d105",
    ),
    "Rev. Rul. 2008-5: a Roth IRA that bought before the sale": (
        "d0 buy 50 @50; d95 roth buy 30 @41; d100 sell 50 @40",
        "t3 500 300 300",
        "t2 30 1230 d95",
    ),
    "Rev. Rul. 2008-5: what the IRA loses when it sells is no loss to replace": (
        "d0 buy 50 @50; d100 sell 50 @40; d105 ira buy 50 @40; d110 ira sell 50 @30; d112 buy 50 @31",
        "t2 500 500 500",
        "t5 50 1550 d112",
    ),
    "Rev. Rul. 2008-5: a dividend reinvested in the Roth IRA": (
        "d0 buy 50 @50; d100 sell 50 @40; d129 roth reinvest 0.25 @42",
        "t2 500 2.5 2.5",
        "t3 0.25 10.5 d129",
    ),
    # The shares sold replace nothing, nor does the rest of their purchase (Rev. Rul. 56-602)
    "Rev. Rul. 56-602: one purchase sold in two parts within the month": (
        "d0 buy 200 @10; d11 sell 100 @8; d20 sell 100 @7",
        "t2 200 0 0; t3 300 0 0",
        "",
    ),
    "Rev. Rul. 56-602: bought and sold on one day": ("d100 buy 10 @50; d100 sell 10 @45", "t2 50 0 0", ""),
    "Rev. Rul. 56-602: the rest of the purchase no, a later purchase yes": (
        "d0 buy 200 @10; d11 sell 100 @8; d15 buy 30 @8",
        "t2 200 60 0",
        "t1 100 1000 d0; t3 30 300 d4",
    ),
    "1091(a): another purchase of the month before is a replacement even where it is the older one": (
        "d0 buy 100 @10; d10 buy 100 @12; d20 sell 50 @8 of t2",
        "t3 200 200 0",
        "t1 100 1200 d0; t2 50 600 d10",
    ),
    "Rev. Rul. 56-602: the rest of the purchase is in another account": (
        "d90 buy 20 @50; d92 out 10 of t1; d93 joint in 10 as m; d100 sell 10 @40 of t1",
        "t4 100 0 0",
        "m 10 500 d90",
    ),
    # Gains are untouched (1091(a) speaks of losses)
    "1091(a): a gain, bought back the next day": (
        "d0 buy 10 @50; d100 sell 10 @60; d101 buy 10 @58",
        "",
        "t3 10 580 d101",
    ),
    "1091(a): neither gain nor loss": ("d0 buy 10 @50; d100 sell 10 @50; d101 buy 10 @40", "", "t3 10 400 d101"),
    "1091(a): of one sale the shares at a loss are replaced, those at a gain are not": (
        "d0 buy 10 @60; d1 buy 10 @30; d100 sell 20 @50; d110 buy 20 @50",
        "t3 100 100 0",
        "t4 10 600 d10; t4 10 500 d110",
    ),
    # Transfers and gifts are neither sales nor purchases (1091(a): "acquired by purchase")
    "1091(a): moved to another custodian, sold there, replaced here": (
        "d0 buy 10 @50; d90 out 10 of t1; d92 joint in 10 as m; d100 joint sell 10 @40 of m; d110 buy 10 @41",
        "t4 100 100 0",
        "t5 10 510 d10",
    ),
    "1091(d): the replacement moves with its grown basis and is sold there": (
        (
            "d0 buy 10 @50; d100 sell 10 @40; d105 buy 10 @41; d110 out 10 of t3; d112 joint in 10 as m; "
            "d120 joint sell 10 @35 of m"
        ),
        "t2 100 100 0; t6 160 0 0",
        "",
    ),
    "1091(a): shares that came in from outside with their basis are sold at a loss": (
        "d90 joint in 10 basis 500 as o; d100 joint sell 10 @40 of o; d110 buy 4 @41",
        "t2 100 40 0",
        "t3 4 204 d110",
    ),
    "1091(a): shares that come in from outside after the loss replace nothing": (
        "d0 buy 10 @50; d100 sell 10 @40; d105 joint in 10 basis 450 as o",
        "t2 100 0 0",
        "o 10 450 ?",
    ),
    "1091(d): the replacement is given away, the loss with it": (
        "d0 buy 10 @50; d100 sell 10 @40; d105 buy 10 @41; d110 give 10 of t3",
        "t2 100 100 0",
        "",
    ),
    "1091(a): of ten bought, four are given away before the sale, and six replace": (
        "d0 buy 10 @50; d90 buy 10 @45; d95 give 4 of t2; d100 sell 10 @40 of t1",
        "t4 100 60 0",
        "t2 6 330 d0",
    ),
    "1091(a): a gift of old shares in the window is no sale and no purchase": (
        "d0 buy 20 @50; d95 give 10 of t1; d100 sell 10 @40",
        "t3 100 0 0",
        "",
    ),
    # Shares that are gone when the day of the loss ends (the ledger's reading: no basis is left to take up the loss)
    "1091(d): of ten bought before, six are sold before the loss, and four replace": (
        "d0 buy 10 @50; d90 buy 10 @45; d95 sell 6 @46 of t2; d100 sell 10 @40 of t1",
        "t4 100 40 0",
        "t2 4 220 d0",
    ),
    "1091(d): six of ten bought before are sold on the very day": (
        "d0 buy 10 @50; d90 buy 10 @45; d100 sell 10 @40 of t1; d100 sell 6 @46 of t2",
        "t3 100 40 0",
        "t2 4 220 d0",
    ),
    # The order within a day: rows tell none, shares are there before they go
    "Reg. 1.1091-1(b): told backwards": (
        "d100 sell 10 @40 of t3; d100 buy 5 @41; d0 buy 10 @50",
        "t1 100 50 0",
        "t2 5 255 d0",
    ),
    "Reg. 1.1091-1(c): two purchases of one day in one account go as they are told": (
        "d0 buy 10 @50; d100 sell 10 @40; d110 buy 6 @41; d110 buy 6 @42",
        "t2 100 100 0",
        "t3 6 306 d10; t4 4 208 d10; t4 2 84 d110",
    ),
    "1223(3): a replacement held for longer than the shares sold keeps its own time": (
        "d80 buy 10 @45; d90 buy 10 @50; d100 sell 10 @40 of t2",
        "t3 100 100 0",
        "t1 10 550 d80",
    ),
}


@pytest.mark.parametrize(("history", "losses", "left"), CASES.values(), ids=CASES.keys())
def test_the_ledger_comes_to_what_the_rule_says(story, history, losses, left):
    story.groups = {"GOOG": "alphabet", "GOOGL": "alphabet"}
    tell(story, history)

    ledger = story.ledger()

    assert [
        (loss.transaction_id, loss.loss, loss.disallowed, loss.permanently_disallowed) for loss in ledger.losses
    ] == [(sale, *map(Decimal, numbers)) for sale, *numbers in fields(losses)]
    assert lots(ledger) == {
        (lot, None if day == "?" else when(day)): (Decimal(shares), Decimal(basis))
        for lot, shares, basis, day in fields(left)
    }


def fields(text: str) -> list[list[str]]:
    return [entry.split() for entry in text.split("; ") if entry]


def lots(ledger) -> dict[tuple[str, date | None], Sequence[Decimal]]:
    """Return {(lot, held from): (shares, basis)}."""
    found = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for lot in ledger.lots:
        shares, basis = found[lot.lot_id, lot.holding_start or lot.acquired]
        found[lot.lot_id, lot.holding_start or lot.acquired] = shares + lot.quantity, basis + lot.basis
    return found
