"""What holds of every ledger, whatever happened: households drawn by Hypothesis, two taxable accounts and two IRAs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.accounts import AccountBook, Lot, Transaction, TransactionType
from engine.tax.wash_sales import Ledger, LedgerLot, ledger
from tests.engine.tax.random_histories import account

DAY_0 = date(2023, 11, 1)
LAST = date(2026, 1, 1)
ACCOUNTS = ("a", "b", "ira", "roth")
TAXABLE = ("a", "b")
GROUPS = {"V": "twins", "W": "twins"}
HALVES = st.integers(1, 12).map(lambda halves: Decimal(halves) / 2)
RANK = {"split": 0, "buy": 1, "reinvest": 1, "move": 2, "come": 3, "sell": 4, "gift": 4}

Move = tuple[str, int, str, str, Decimal, int]  # what, days since the last, account, security, shares, USD a share


def moves(securities: str, *, splits: bool = True) -> st.SearchStrategy[list[Move]]:
    """What a household does after it bought 20 shares of each security at 30 in account a."""
    what = ["sell"] * 6 + ["buy"] * 3 + ["reinvest", "gift", "move", "come", *(["split"] if splits else [])]
    move = st.tuples(
        st.sampled_from(what),
        st.sampled_from([0, 0, 1, 2, 5, 10, 29, 30, 31]),
        st.sampled_from(("a", "a", "a", *ACCOUNTS)),
        st.sampled_from(securities),
        HALVES,
        st.integers(5, 40),
    )
    opening = [("buy", 0, "a", security, Decimal(20), 30) for security in securities]
    return st.lists(move, min_size=10, max_size=30).map(lambda rest: [*opening, *rest])


def told(moves: Sequence[Move], prefix: str = "t") -> list[Transaction]:
    """Return rows that can have happened: nobody disposes of more than there is, and shares come before they go."""
    rows: list[Transaction] = []
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    day, rank = DAY_0, 0

    def add(kind: str, where: str, security: str, shares: Decimal, price: int, lot=None, basis=None) -> None:
        row = Transaction(
            transaction_id=f"{prefix}{len(rows)}",
            account_id=where,
            trade_date=day,
            security_id=security,
            type=TransactionType(kind),
            quantity=shares,
            price=Decimal(price),
            lot_id=lot,
            basis=basis,
        )
        rows.append(row)

    for what, gap, where, security, shares, price in moves:
        day += timedelta(days=max(gap, int(RANK[what] < rank)))
        rank = RANK[what]
        if what == "split":
            ratio = Decimal(2) if price % 2 else Decimal("0.5")
            for each in ACCOUNTS:
                add("split", each, security, ratio, 0)
                held[each, security] *= ratio
        elif what in ("buy", "reinvest"):
            add(what, where, security, shares, price)
            held[where, security] += shares
        elif what == "come":
            add("transfer_in", where, security, shares, 0, f"{prefix}-came-{len(rows)}", shares * price)
            held[where, security] += shares
        elif part := min(shares, held[where, security]):
            held[where, security] -= part
            if what == "move" and where in TAXABLE:
                other = TAXABLE[1 - TAXABLE.index(where)]
                add("transfer_out", where, security, part, 0)
                add("transfer_in", other, security, part, 0, f"{prefix}-moved-{len(rows)}")
                held[other, security] += part
                rank = RANK["come"]
            else:
                add("gift" if what == "gift" else "sell", where, security, part, price)
    return rows


def books(rows: Sequence[Transaction], lots: Sequence[Lot] = ()) -> list[AccountBook]:
    return [
        AccountBook(
            account=account(name),
            lots=tuple(lot for lot in lots if lot.account_id == name),
            transactions=tuple(row for row in rows if row.account_id == name),
        )
        for name in ACCOUNTS
    ]


def of(rows: Sequence[Transaction], as_of: date = LAST) -> Ledger:
    return ledger(books(rows), as_of=as_of, groups=GROUPS)


@given(moves("XVW"))
def test_every_dollar_that_came_in_left_with_a_sale_or_is_in_a_basis_or_is_lost_to_an_ira(drawn):
    """Taxable accounts: paid + brought = proceeds - reported gains + basis left + basis departed + lost for good."""
    rows = [row for row in told(drawn) if row.account_id in TAXABLE]
    found = of(told(drawn))

    paid = sum(row.quantity * row.price for row in rows if row.type in ("buy", "reinvest"))
    brought = sum(row.basis or 0 for row in rows)
    sold = sum(piece.proceeds - piece.gain for piece in found.realised)
    kept = sum(lot.basis for lot in (*found.lots, *found.departed) if lot.account_id in TAXABLE)
    lost = sum(loss.permanently_disallowed for loss in found.losses)

    assert abs(paid + brought - (sold + kept + lost)) < Decimal("1e-9")


@given(moves("XVW"))
def test_every_share_that_came_in_was_sold_or_given_or_is_left(drawn):
    """By account and security, in the shares of each day, splits included."""
    rows = told(drawn)
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        place = row.account_id, row.security_id
        if row.type is TransactionType.SPLIT:
            held[place] *= row.quantity
        else:
            held[place] += row.quantity if row.type in ("buy", "reinvest", "transfer_in") else -row.quantity

    left: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for lot in of(rows).lots:
        left[lot.account_id, lot.security_id] += lot.quantity

    assert {place: shares for place, shares in held.items() if shares} == left


@given(moves("XVW"))
def test_gains_are_never_touched_and_no_more_is_disallowed_than_was_lost(drawn):
    found = of(told(drawn))

    for piece in found.realised:
        if piece.proceeds >= piece.basis:
            assert piece.disallowed == 0
        else:
            assert piece.proceeds - piece.basis <= piece.gain <= Decimal("1e-9")
    for loss in found.losses:
        assert 0 <= loss.permanently_disallowed <= loss.disallowed <= loss.loss + Decimal("1e-9")
        increase = sum(match.basis_increase for match in loss.matches)
        assert abs(increase - (loss.disallowed - loss.permanently_disallowed)) < Decimal("1e-9")


@given(moves("XVW", splits=False))
def test_matched_shares_were_bought_within_30_days_and_catch_once_and_never_more_than_were_sold(drawn):
    rows = {row.transaction_id: row for row in told(drawn)}
    taken: dict[str, Decimal] = defaultdict(Decimal)

    for loss in of(tuple(rows.values())).losses:
        assert sum(match.quantity for match in loss.matches) <= loss.quantity
        for match in loss.matches:
            purchase = rows[match.transaction_id]
            assert abs((purchase.trade_date - loss.trade_date).days) <= 30
            assert purchase.type in ("buy", "reinvest")
            assert GROUPS.get(purchase.security_id, purchase.security_id) == GROUPS.get(
                loss.security_id, loss.security_id
            )
            taken[match.transaction_id] += match.quantity

    assert all(shares <= rows[purchase].quantity for purchase, shares in taken.items())


@given(moves("XV"), st.randoms(use_true_random=False))
def test_the_order_of_rows_says_nothing_but_among_rows_of_one_kind_in_one_account_on_one_day(drawn, dice):
    rows = told(drawn)
    blocks: dict[tuple[date, int, str], list[Transaction]] = defaultdict(list)
    for row in rows:
        kind = {"transfer_out": 2, "transfer_in": 3}.get(row.type.value) or RANK[row.type.value]
        blocks[row.trade_date, kind, row.account_id].append(row)
    order = list(blocks.values())
    dice.shuffle(order)
    shuffled = books([row for block in order for row in block])
    dice.shuffle(shuffled)

    assert ledger(shuffled, as_of=LAST, groups=GROUPS) == of(rows)


@given(moves("XV"))
def test_the_same_books_give_the_same_ledger_however_often_they_are_read(drawn):
    household = books(told(drawn))

    first = ledger(household, as_of=LAST, groups=GROUPS)

    assert ledger(household, as_of=LAST, groups=GROUPS) == first


@given(moves("XVW"))
def test_a_book_that_states_what_the_ledger_left_says_the_same_without_its_history(drawn):
    found = [lot for lot in of(told(drawn)).lots if lot.acquired is not None]
    stated = [
        Lot(
            account_id=lot.account_id,
            lot_id=f"{lot.lot_id}/{part}",
            security_id=lot.security_id,
            quantity=lot.quantity,
            cost_per_share=lot.basis / lot.quantity,
            acquired=lot.acquired,
            holding_start=lot.holding_start,
        )
        for part, lot in enumerate(found)
    ]

    again = ledger(books([], stated), as_of=LAST, groups=GROUPS)

    assert again.losses == ()
    assert sorted(map(told_of, again.lots)) == sorted(map(told_of, found))


def told_of(lot: LedgerLot) -> tuple:
    return lot.account_id, lot.lot_id.split("/")[0], lot.quantity, round(lot.basis, 9), str(lot.holding_start)


@given(moves("XVW"), st.integers(0, 400))
def test_what_happens_later_changes_only_what_later_purchases_catch(drawn, days):
    rows, as_of = told(drawn), DAY_0 + timedelta(days=days)
    known = [row for row in rows if row.trade_date <= as_of]
    bought = {row.transaction_id for row in known}

    then, now = of(rows, as_of), of(rows)

    assert replace(then, locks=()) == replace(of(known, as_of), locks=())  # locks look ahead to what is arranged
    later = {loss.transaction_id: loss for loss in now.losses}
    for loss in then.losses:
        seen = later[loss.transaction_id]
        assert (seen.quantity, seen.proceeds, seen.basis) == (loss.quantity, loss.proceeds, loss.basis)
        assert tuple(match for match in seen.matches if match.transaction_id in bought) == loss.matches
        if loss.trade_date + timedelta(days=30) <= as_of:
            assert seen == loss


@given(moves("X"), moves("VW"))
def test_another_name_changes_nothing(drawn, others):
    rows, strangers = told(drawn), told(others, "s")

    alone, together = of(rows), of([*strangers, *rows])

    def about_x(entries):
        return sorted((entry for entry in entries if entry.security_id == "X"), key=repr)

    for name in ("losses", "realised", "lots", "departed"):
        assert about_x(getattr(together, name)) == about_x(getattr(alone, name))


@given(moves("XVW"))
def test_twice_the_shares_at_half_the_price_come_to_the_same_dollars(drawn):
    rows = told(drawn)
    doubled = [
        row if row.type is TransactionType.SPLIT else replace(row, quantity=row.quantity * 2, price=row.price / 2)
        for row in rows
    ]

    def dollars(found: Ledger) -> list[tuple]:
        return [
            (loss.transaction_id, round(loss.loss, 9), round(loss.disallowed, 9), round(loss.permanently_disallowed, 9))
            for loss in found.losses
        ]

    assert dollars(of(doubled)) == dollars(of(rows))


@given(moves("XVW", splits=False))
def test_where_nothing_is_sold_at_a_loss_nothing_changes(drawn):
    """Every sale at 50, above any price paid."""
    rows = [replace(row, price=Decimal(50)) if row.type is TransactionType.SELL else row for row in told(drawn)]

    found = of(rows)

    assert found.losses == ()
    assert all(lot.holding_start is None for lot in found.lots)


@pytest.mark.parametrize("account_id", ["ira", "roth"])
@given(drawn=moves("XVW", splits=False))
def test_nothing_is_added_to_the_basis_of_what_an_ira_holds(account_id, drawn):
    rows = [row for row in told(drawn) if row.account_id == account_id]

    with_household = [lot for lot in of(told(drawn)).lots if lot.account_id == account_id]

    assert basis_by_lot(with_household) == basis_by_lot(of(rows).lots)


def basis_by_lot(lots: Sequence[LedgerLot]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for lot in lots:
        found[lot.lot_id] += lot.basis
    return {lot: round(basis, 9) for lot, basis in found.items()}
