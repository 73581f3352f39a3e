"""Every number that the commands print about the firm in hand_firm, against arithmetic done here from its files.

The firm is made for a pencil. The market factor has variance 0 and every name a specific volatility of 0.2, so the
tracking-error variance of active weights d is 0.04 * sum(d^2), and with a risk aversion of 100 its price is
4 * sum(d^2). Trading costs nothing. What is left of design section 5 for an account worth V is

    minimise 4 * sum(d^2) + sum of tax over the lots sold / V,      d = weight held + traded - target.
"""

import hashlib
import json
import math
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction as F
from typing import Any

PRICE = {"AAA": 100, "BBB": 100, "CCC": 50, "DDD": 20, "EEE": 40, "FFF": 50}
SPECIFIC_VARIANCE = F("0.2") ** 2
RISK_PRICE = 100 * SPECIFIC_VARIANCE  # risk_aversion x specific variance = 4
WINDOW = timedelta(days=30)  # each side of a sale at a loss

# The defaults of the settings, with what all three accounts change: no cost, no bounds.
SETTINGS = {
    "risk_aversion": 100, "tax_weight": 1, "cost_bp": 0, "impact_bp": 0, "net_taxes": False,
    "carryforward_value": "0.5", "min_cash": 0, "max_cash": 0, "max_active_weight": None, "max_sector_active": None,
    "max_factor_active": None, "max_tracking_error": None, "max_turnover": None, "max_net_gain": None,
    "gains_budget": None,
    "min_trade_usd": "0", "max_trades": None, "max_names": None, "whole_shares": True, "wash_sales": "block",
    "harvest_min_loss_usd": "0", "harvest_min_loss_pct": 0, "lot_method": "optimal", "gap_tolerance_bp": "0.1",
    "deposit": "0", "withdrawal": "0", "exclude": [], "tilt": {}, "breach_penalty": 10, "enforce": False,
    "liquidate": False,
}  # fmt: skip
PASSES = [
    ("holdings", "nothing is sold that is not held"),
    ("restrictions", "no trade that a restriction forbids"),
    ("wash_sales", "no wash sale anywhere in the household"),
    ("price age", "every price is of the last 5 days"),
]


def rounded(value: Any, decimals: int) -> Decimal:
    """Round an exact value as a document does: once, at the edge."""
    exact = F(value)
    places = Decimal(exact.numerator) / Decimal(exact.denominator)
    return places.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)


def usd(value: Any) -> Decimal:
    return rounded(value, 2)


def bp(fraction_of_value: Any) -> Decimal:
    return rounded(F(fraction_of_value) * 10_000, 4)


def weight(value: Any) -> Decimal:
    return rounded(value, 8)


def tracking_error(*active: Any) -> Decimal:
    return rounded(math.sqrt(SPECIFIC_VARIANCE * sum(F(d) ** 2 for d in active)), 8)


def numbers(value: Any) -> Any:
    """Return a document with every number exact, as it is written, so that 1 and 1.0 are the same."""
    if isinstance(value, dict):
        return {name: numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [numbers(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value)).normalize() + 0
    try:
        return Decimal(value).normalize() + 0  # settings write exact decimals as text
    except ArithmeticError:
        return value


def unrealised(*, st_gain: Any = 0, st_loss: Any = 0, lt_gain: Any = 0, lt_loss: Any = 0) -> dict[str, Any]:
    return {"st_gain": usd(st_gain), "st_loss": usd(st_loss), "lt_gain": usd(lt_gain), "lt_loss": usd(lt_loss)}


def checks(*, cash: str, turnover: str) -> list[dict[str, str]]:
    details = [
        ("cash band", cash),
        *PASSES[:3],
        ("max_turnover", f"one-way turnover {turnover} of value; no cap"),
        PASSES[3],
    ]
    return [{"rule": rule, "verdict": "pass", "detail": detail} for rule, detail in details]


def agree(document: dict[str, Any], expected: dict[str, Any]) -> None:
    """Hold a plan document against everything expected of it, but what only names it or tells how long it took."""
    found = dict(document)
    identity = {name: value for name, value in document.items() if name not in ("plan_id", "run")}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert found.pop("plan_id") == hashlib.sha256(text.encode()).hexdigest()
    assert len(found.pop("inputs_hash")) == 64
    assert found.pop("engine_version") == "0.1.0"
    run = found.pop("run")
    assert run["fallback"] is False
    assert 0 < run["solve_ms"] <= run["total_ms"]
    assert found.keys() == expected.keys()
    for part, value in expected.items():
        assert numbers(found[part]) == numbers(value), part


def test_the_taxable_account_harvests_until_the_next_share_costs_more_risk_than_it_saves_tax(documents):
    # T1: 250 AAA, 250 BBB, 500 CCC, 1250 DDD, each 25 % of the account, as the model wants; no cash.
    value = 250 * 100 + 250 * 100 + 500 * 50 + 1250 * 20
    assert value == 100_000

    # Only lot t1-a-loss is worth selling: 100 AAA at 140, bought 2026-03-02, so short-term at 32 %. A dollar sold
    # saves 0.32 x (140/100 - 1) = 0.128. No cash may stay, so BBB, CCC and DDD take a third each. With a share s sold,
    #     4 (s^2 + 3 (s/3)^2) - 0.128 s = (16/3) s^2 - 0.128 s      is least at s = 0.128 x 3/32 = 0.012.
    saving = F("0.32") * (F(140, 100) - 1)
    sold = saving * F(3, 32)
    bought = sold / 3
    assert (saving, sold, bought) == (F("0.128"), F("0.012"), F("0.004"))
    shares = {"AAA": sold * value / 100, "BBB": bought * value / 100,
              "CCC": bought * value / 50, "DDD": bought * value / 20}  # fmt: skip
    assert shares == {"AAA": 12, "BBB": 4, "CCC": 8, "DDD": 20}  # whole, so rounding changes nothing
    loss = 12 * (140 - 100)
    saved = loss * F("0.32")
    assert (loss, saved) == (480, F("153.60"))
    risk = RISK_PRICE * (sold**2 + 3 * bought**2)

    # What one trade is worth: the best plan without it, less this one. Without AAA nothing is left to do: 0. Without
    # BBB, two names take up the cash: 4 (s^2 + 2 (s/2)^2) - 0.128 s = 6 s^2 - 0.128 s, least at -0.128^2 / 24.
    total = risk - saving * sold
    worth_of_sale = 0 - total
    worth_of_purchase = -(saving**2) / 24 - total

    # The rest of the lot: 88 AAA at a loss of 40 would save 0.32 x 3520. Its price: the name's own risk from 1.2 % to
    # 10 % under weight, and keeping that cash, at the price of the cash band: 4 x 2 x 0.004 a dollar (what the last
    # dollar put into BBB costs in risk), which is 3.2 bp for 1 % of the account.
    left = (100 - 12) * 40
    cash_price = RISK_PRICE * 2 * bought
    risk_of_rest = (RISK_PRICE * (F("0.1") ** 2 - sold**2) + cash_price * (F("0.1") - sold)) * value
    assert (usd(left * F("0.32")), usd(risk_of_rest)) == (Decimal("1126.40"), Decimal("4224.00"))

    def buys(security_id: str, count: int) -> dict[str, Any]:
        return {
            "security_id": security_id, "side": "buy", "quantity": count, "price": PRICE[security_id],
            "amount": usd(400), "lots": [],
            "reason": {
                "risk_bp": -bp(RISK_PRICE * bought**2), "tax_bp": 0, "cost_bp": 0, "worth_bp": bp(worth_of_purchase),
                "rules": [],
                "sentence": f"Buys {count} shares of {security_id}, from 25.00% to 25.40% of the account (target "
                            "25.00%): invests cash or makes up for other trades.",
            },
        }  # fmt: skip

    agree(documents["T1"], {
        "account_id": "T1",
        "as_of": "2026-11-20",
        "settings": SETTINGS,
        "status": "optimal",
        "trades": [
            {
                "security_id": "AAA", "side": "sell", "quantity": 12, "price": 100, "amount": usd(1200),
                "lots": [{"lot_id": "t1-a-loss", "quantity": 12, "term": "ST", "gain": usd(-loss)}],
                "reason": {
                    "risk_bp": -bp(RISK_PRICE * sold**2), "tax_bp": bp(saved / value), "cost_bp": 0,
                    "worth_bp": bp(worth_of_sale), "rules": [],
                    "sentence": "Sells 12 shares of AAA, from 25.00% to 23.80% of the account (target 25.00%): takes "
                                "a loss of 480.00 USD, which saves 153.60 USD of tax; the household may not buy it "
                                "back before 2026-12-21.",
                },
            },
            buys("BBB", 4), buys("CCC", 8), buys("DDD", 20),
        ],
        "before": {
            "nav": usd(value), "cash": 0, "tracking_error": 0, "active_share": 0,
            "sectors": {"Health Care": 0, "Industrials": 0, "Staples": 0, "Technology": 0},
            "unrealised": unrealised(st_loss=100 * (100 - 140), lt_gain=150 * (100 - 60)),
        },
        "after": {
            "nav": usd(value), "cash": 0,
            "tracking_error": tracking_error(sold, bought, bought, bought),  # 0.2 sqrt(0.012^2 + 3 x 0.004^2)
            "active_share": weight((sold + 3 * bought) / 2),
            "sectors": {
                "Health Care": weight(bought), "Industrials": weight(-sold), "Staples": weight(bought),
                "Technology": weight(bought),
            },
            "unrealised": unrealised(st_loss=88 * (100 - 140), lt_gain=150 * (100 - 60)),
        },
        "tax": {"st_gain": usd(-loss), "lt_gain": 0, "liability": usd(-saved), "harvested_loss": usd(loss),
                "disallowed": 0},
        "objective_bp": {"total": bp(total), "risk": bp(risk), "tax": -bp(saved / value), "cost": 0, "tilt": 0,
                         "breach": 0, "lower_bound": bp(total), "gap": 0, "rounding": 0},
        "checks": checks(cash="cash after costs 0.00 USD, 0.00% of value; band 0.00% to 0.00%",
                         turnover="1.20%"),  # (1,200 sold + 1,200 bought) / 2 of 100,000
        "not_harvested": [{
            "lot_id": "t1-a-loss", "security_id": "AAA", "loss": usd(left), "code": "risk_outweighs",
            "sentence": "AAA, loss of 3,520.00 USD: selling it would save 1,126.40 USD of tax, but cost 4,224.00 USD "
                        "in tracking risk and trading as this plan weighs them.",
        }],
        "binding": [{
            "rule": "cash band", "price_bp": bp(cash_price / 100), "price_usd": usd(cash_price / 100 * value),
            "detail": "cash is at its maximum; price is for 1 % of value more to keep",
        }],
        "conflicts": [],
        "repair": "",
        "edited": [],
    })  # fmt: skip
    assert numbers(documents["T1"]["objective_bp"]["total"]) == Decimal("-7.68")
    assert numbers(documents["T1"]["after"]["tracking_error"]) == Decimal("0.00277128")


def test_the_ira_may_not_buy_what_its_household_sold_at_a_loss_and_has_nothing_else_to_do(documents):
    # I1: 30 EEE at 40, 1000 FFF at 50, 48,800 cash; the model wants half of each. FFF is at its target, cash may be
    # anything. EEE is 48.8 % under weight, but T1 sold EEE at a loss on 2026-11-10: no purchase until the 31st day
    # after. Selling the 30 EEE would only move the account away from its model.
    value = 30 * 40 + 1000 * 50 + 48_800
    missing = F(30 * 40, value) - F(1, 2)
    assert (value, missing) == (100_000, F("-0.488"))
    state = {
        "nav": usd(value), "cash": usd(48_800), "tracking_error": tracking_error(missing),  # 0.2 x 0.488
        "active_share": weight((-missing + F(48_800, value)) / 2),  # cash is the other side of it
        "sectors": {"Energy": weight(missing), "Financials": 0},
        "unrealised": unrealised(st_loss=30 * (40 - 41), lt_gain=1000 * (50 - 45)),
    }  # fmt: skip
    risk = RISK_PRICE * missing**2

    agree(documents["I1"], {
        "account_id": "I1",
        "as_of": "2026-11-20",
        "settings": {**SETTINGS, "max_cash": 1},
        "status": "optimal",
        "trades": [],
        "before": state,
        "after": state,
        "tax": {"st_gain": 0, "lt_gain": 0, "liability": 0, "harvested_loss": 0, "disallowed": 0},
        "objective_bp": {"total": bp(risk), "risk": bp(risk), "tax": 0, "cost": 0, "tilt": 0, "breach": 0,
                         "lower_bound": bp(risk), "gap": 0, "rounding": 0},
        "checks": checks(cash="cash after costs 48,800.00 USD, 48.80% of value; band 0.00% to 100.00%",
                         turnover="0.00%"),
        "not_harvested": [],  # an account that pays no tax has no losses to harvest
        # Free to buy, it would put its cash into the 48.8 % of EEE that are missing, and no risk would be left.
        "binding": [{
            "rule": "wash_sales EEE", "price_bp": bp(risk), "price_usd": usd(risk * value),
            "detail": "EEE could be bought without it; price is the most that lifting it could save",
        }],
        "conflicts": [],
        "repair": "",
        "edited": [],
    })  # fmt: skip
    assert numbers(documents["I1"]["objective_bp"]["risk"]) == Decimal("9525.76")


def test_a_withdrawal_is_raised_where_tax_and_risk_together_cost_least(documents):
    # T2: 505 AAA and 505 BBB at 100, half each, as the model wants; 1,000 leaves. V = 100,000 after it.
    before, value = 2 * 505 * 100, 2 * 505 * 100 - 1000
    assert (before, value) == (101_000, 100_000)

    # Both names stand at 50.5 % of V against 50 %, and 1 % must go. Long-term at 20 %: a dollar of AAA (bought at 60)
    # costs 0.2 x 0.40 = 0.08, a dollar of BBB (at 52) 0.2 x 0.48 = 0.096. With a + b = 0.01 and the marginal costs
    # equal, 8 (a - 0.005) + 0.08 = 8 (b - 0.005) + 0.096, so a - b = 0.002.
    tax_a, tax_b = F("0.2") * F(40, 100), F("0.2") * F(48, 100)
    difference = (tax_b - tax_a) / (2 * RISK_PRICE)
    sold_a, sold_b = (F("0.01") + difference) / 2, (F("0.01") - difference) / 2
    assert (sold_a * value / 100, sold_b * value / 100) == (6, 4)
    over = F("0.005")  # how far each is above its target before trading
    risk = RISK_PRICE * ((over - sold_a) ** 2 + (over - sold_b) ** 2)
    tax = 6 * 40 * F("0.2") + 4 * 48 * F("0.2")
    assert tax == F("48") + F("38.40")
    total = risk + tax / value

    # Without one of the two the other raises it all: 5 bp off either way, at its own tax.
    one_name = RISK_PRICE * 2 * over**2
    worth_a = one_name + F("0.01") * tax_b - total
    worth_b = one_name + F("0.01") * tax_a - total
    # One more dollar withdrawn comes from either name: 0.08 + 8 x (0.006 - 0.005) = 0.088.
    cash_price = tax_a + 2 * RISK_PRICE * (sold_a - over)

    def sells(security_id: str, count: int, lot_id: str, gain: int, weights: str, worth: F) -> dict[str, Any]:
        share = F(count * 100, value)
        taxed = gain * F("0.2")
        return {
            "security_id": security_id, "side": "sell", "quantity": count, "price": 100, "amount": usd(count * 100),
            "lots": [{"lot_id": lot_id, "quantity": count, "term": "LT", "gain": usd(gain)}],
            "reason": {
                "risk_bp": bp(RISK_PRICE * (over**2 - (over - share) ** 2)), "tax_bp": -bp(taxed / value),
                "cost_bp": 0, "worth_bp": bp(worth), "rules": [],
                "sentence": f"Sells {count} shares of {security_id}, from 50.50% to {weights} of the account (target "
                            f"50.00%): realises a gain of {gain}.00 USD taxed at {usd(taxed)} USD; brings the "
                            "account closer to its model.",
            },
        }  # fmt: skip

    agree(documents["T2"], {
        "account_id": "T2",
        "as_of": "2026-11-20",
        "settings": {**SETTINGS, "withdrawal": 1000},
        "status": "optimal",
        "trades": [
            sells("AAA", 6, "t2-a", 6 * 40, "49.90%", worth_a),
            sells("BBB", 4, "t2-b", 4 * 48, "50.10%", worth_b),
        ],
        "before": {
            "nav": usd(before), "cash": 0, "tracking_error": 0, "active_share": 0,
            "sectors": {"Industrials": 0, "Staples": 0},
            "unrealised": unrealised(lt_gain=505 * 40 + 505 * 48),
        },
        "after": {
            "nav": usd(value), "cash": 0, "tracking_error": tracking_error(over - sold_a, over - sold_b),
            "active_share": weight((abs(over - sold_a) + abs(over - sold_b)) / 2),
            "sectors": {"Industrials": weight(over - sold_a), "Staples": weight(over - sold_b)},
            "unrealised": unrealised(lt_gain=499 * 40 + 501 * 48),
        },
        "tax": {"st_gain": 0, "lt_gain": usd(6 * 40 + 4 * 48), "liability": usd(tax), "harvested_loss": 0,
                "disallowed": 0},
        "objective_bp": {"total": bp(total), "risk": bp(risk), "tax": bp(tax / value), "cost": 0, "tilt": 0,
                         "breach": 0, "lower_bound": bp(total), "gap": 0, "rounding": 0},
        "checks": checks(cash="cash after costs 0.00 USD, 0.00% of value; band 0.00% to 0.00%",
                         turnover="0.50%"),  # (1,000 sold + 0 bought) / 2 of 100,000
        "not_harvested": [],
        "binding": [{
            "rule": "cash band", "price_bp": bp(cash_price / 100), "price_usd": usd(cash_price / 100 * value),
            "detail": "cash is at its minimum; price is for 1 % of value more to spend",
        }],
        "conflicts": [],
        "repair": "",
        "edited": [],
    })  # fmt: skip
    assert numbers(documents["T2"]["objective_bp"]["total"]) == Decimal("8.72")


def test_the_ledger_lists_both_losses_and_where_the_disallowed_part_went(documents):
    # T2 sold 50 FFF on 2026-10-05 for 25, basis 30 a share: 5 a share lost. It bought 20 within 30 days: their loss
    # moves to them, and so do the days held, 2026-09-01 to 2026-10-05.
    held = date(2026, 10, 5) - date(2026, 9, 1)
    assert date(2026, 10, 20) - date(2026, 10, 5) <= WINDOW
    moved = 20 * 5
    # T1 sold 100 EEE on 2026-11-10 for 40, basis 50 a share. The IRA of the household had bought 30 within 30 days
    # before: 10 a share is lost for good.
    assert date(2026, 11, 10) - date(2026, 10, 20) <= WINDOW
    gone = 30 * 10

    def loss(transaction_id: str, account_id: str, security_id: str, day: str, **figures: Any) -> dict[str, Any]:
        return {"transaction_id": transaction_id, "account_id": account_id, "security_id": security_id,
                "trade_date": day, **figures}  # fmt: skip

    expected = {
        "losses": [
            loss(
                "t2-sell-fff", "T2", "FFF", "2026-10-05", quantity=50, proceeds=50 * 25, basis=1500,
                loss=1500 - 50 * 25, disallowed=moved, permanently_disallowed=0, allowed=1500 - 50 * 25 - moved,
                matches=[{
                    "transaction_id": "t2-rebuy-fff", "account_id": "T2", "quantity": 20, "basis_increase": moved,
                    "holding_start": (date(2026, 10, 20) - held).isoformat(),
                }],
            ),
            loss(
                "t1-sell-eee", "T1", "EEE", "2026-11-10", quantity=100, proceeds=100 * 40, basis=5000,
                loss=5000 - 100 * 40, disallowed=gone, permanently_disallowed=gone, allowed=5000 - 100 * 40 - gone,
                matches=[{
                    "transaction_id": "i1-buy-eee", "account_id": "I1", "quantity": 30, "basis_increase": 0,
                    "holding_start": None,
                }],
            ),
        ],
        # What is left: the 20 FFF were given away, the IRA's EEE keep their basis.
        "lots": [
            {"account_id": account_id, "lot_id": lot_id, "security_id": security_id, "quantity": quantity,
             "basis": quantity * cost, "acquired": acquired, "holding_start": None}
            for account_id, lot_id, security_id, quantity, cost, acquired in [
                ("I1", "i-eee", "EEE", 30, 41, "2026-10-20"), ("I1", "i-fff", "FFF", 1000, 45, "2025-01-10"),
                ("T1", "t1-a-gain", "AAA", 150, 60, "2025-01-10"), ("T1", "t1-a-loss", "AAA", 100, 140, "2026-03-02"),
                ("T1", "t1-b", "BBB", 250, 100, "2025-01-10"), ("T1", "t1-c", "CCC", 500, 50, "2025-01-10"),
                ("T1", "t1-d", "DDD", 1250, 20, "2025-01-10"), ("T2", "t2-a", "AAA", 505, 60, "2025-01-10"),
                ("T2", "t2-b", "BBB", 505, 52, "2025-01-10"),
            ]
        ],
        "locks": [{"household_id": "H1", "identical_group": "EEE", "cause": "t1-sell-eee", "rule": "no_buy",
                   "until": (date(2026, 11, 10) + WINDOW + timedelta(days=1)).isoformat()}],
        "not_visible": [],
    }  # fmt: skip

    assert numbers(documents["washsales"]) == numbers(expected)
    assert [each["allowed"] for each in documents["washsales"]["losses"]] == [150, 700]
    assert documents["washsales"]["losses"][0]["matches"][0]["holding_start"] == "2026-09-16"
    assert documents["washsales"]["locks"][0]["until"] == "2026-12-11"


def test_the_scan_ranks_the_accounts_by_dollars_at_stake_and_shows_each_as_it_stands(documents):
    def account(account_id: str, household: tuple[str, str], registration: str, **more: Any) -> dict[str, Any]:
        quiet = {"dollars_at_stake": 0, "reasons": [], "fenced": False, "locks": [], "moves": [], "problems": [],
                 "harvest": {"st_loss": 0, "lt_loss": 0, "tax_saved": 0, "lots": []},
                 "data_age_days": 0, "gains_left": None, "tracking_error": 0, "max_active_weight": 0,
                 "cash": {"usd": 0, "weight": 0, "min": 0, "max": 0}}  # fmt: skip
        return {"account_id": account_id, "household_id": household[0], "household": household[1], "advisor": "Ann",
                "registration": registration, **quiet, **more}  # fmt: skip

    def drift(names: dict[str, tuple[Any, Any]], sectors: dict[str, Any]) -> dict[str, Any]:
        return {
            "names": [
                {"security_id": name, "weight": weight(held), "target": target, "active": weight(F(held) - F(target)),
                 "restricted": False, "outside": False}
                for name, (held, target) in names.items()
            ],
            "sectors": [{"name": name, "active": weight(active), "outside": False} for name, active in sectors.items()],
            "factors": [{"name": "MARKET", "active": weight(sum(sectors.values())), "outside": False}],
        }  # fmt: skip

    loss = 100 * (140 - 100)
    saved = loss * F("0.32")
    short = F(30 * 40, 100_000) - F(1, 2)
    quarters = dict.fromkeys(["AAA", "BBB", "CCC", "DDD"], ("0.25", "0.25"))
    expected = {
        "as_of": "2026-11-20",
        "accounts": [
            account(
                "T1", ("H1", "Hill"), "taxable", custodian="One", model_id="FOUR", nav=100_000,
                dollars_at_stake=usd(saved), reasons=["harvestable"],
                drift=drift(quarters, dict.fromkeys(["Health Care", "Industrials", "Staples", "Technology"], 0)),
                harvest={"st_loss": usd(loss), "lt_loss": 0, "tax_saved": usd(saved), "lots": [
                    {"lot_id": "t1-a-loss", "security_id": "AAA", "quantity": 100, "term": "ST", "loss": usd(loss),
                     "tax_saved": usd(saved), "blocked": None, "until": None},
                ]},
            ),
            account(
                "I1", ("H1", "Hill"), "ira", custodian="One", model_id="PAIR", nav=100_000,
                cash={"usd": 48_800, "weight": "0.488", "min": 0, "max": 1},
                tracking_error=tracking_error(short), max_active_weight=weight(-short),
                drift=drift({"EEE": ("0.012", "0.5"), "FFF": ("0.5", "0.5")}, {"Energy": short, "Financials": 0}),
                locks=[{"identical_group": "EEE", "rule": "no_buy", "cause": "t1-sell-eee", "until": "2026-12-11"}],
            ),
            account(
                "T2", ("H2", "Lake"), "taxable", custodian="Two", model_id="TWO", nav=101_000,
                drift=drift({"AAA": ("0.5", "0.5"), "BBB": ("0.5", "0.5")}, {"Industrials": 0, "Staples": 0}),
            ),
        ],
    }  # fmt: skip

    assert numbers(documents["scan"]) == numbers(expected)
    assert documents["scan"]["accounts"][0]["dollars_at_stake"] == 1280
