"""Values become JSON and come back equal, to the last exponent and bit."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from data.codec import codec, dumps, from_columns, loads
from engine.domain.accounts import Lot, Restriction, Rule
from engine.domain.market import Mark, RiskModel, RiskMonth, RiskQuality
from engine.domain.orders import Fill
from tests.rows import decimals


@given(decimals)
def test_a_decimal_keeps_its_sign_digits_and_exponent(value):
    assert codec(Decimal).read(codec(Decimal).write(value)).as_tuple() == value.as_tuple()


def test_lots_that_were_stored_as_json_columns_before_a_later_field_came_are_read():
    lot = Lot(account_id="A", lot_id="L", security_id="S", quantity=Decimal("1.50"), cost_per_share=Decimal(2),
              acquired=date(2025, 1, 2))  # fmt: skip
    before = {
        "account_id": ["A"], "lot_id": ["L"], "security_id": ["S"], "quantity": ["1.50"], "cost_per_share": ["2"],
        "acquired": ["2025-01-02"], "wash_adjustment": [None], "holding_start": [None],
    }  # fmt: skip

    assert from_columns(Lot, before) == (lot,)


@given(some.floats(allow_nan=False, allow_infinity=False), some.floats(allow_nan=False, allow_infinity=False))
def test_floats_of_a_risk_model_keep_every_bit(exposure, covariance):
    model = RiskModel(
        security_ids=("X",),
        factors=("f",),
        exposures=np.array([[exposure]]),
        factor_covariance=np.array([[covariance]]),
        specific_variance=np.array([0.0]),
    )

    back = loads(RiskModel, dumps(model))

    assert back.exposures.tobytes() == model.exposures.tobytes()
    assert back.factor_covariance.tobytes() == model.factor_covariance.tobytes()


def test_a_risk_model_without_names_or_factors_keeps_its_shapes():
    model = RiskModel(
        security_ids=(),
        factors=("a", "b"),
        exposures=np.zeros((0, 2)),
        factor_covariance=np.eye(2),
        specific_variance=np.zeros(0),
    )

    back = loads(RiskModel, dumps(model))

    assert (back.exposures.shape, back.factor_covariance.shape, back.specific_variance.shape) == ((0, 2), (2, 2), (0,))


def test_a_risk_model_that_nobody_judged_is_written_as_before_there_were_figures_and_read_so():
    """Word for word the document of the first release, whose hash stands in every stored plan."""
    document = (
        b'{"exposures":{"shape":[1,1],"values":[1.0]},"factor_covariance":{"shape":[1,1],"values":[0.04]},'
        b'"factors":["f"],"quality":"by hand","security_ids":["X"],"specific_variance":{"shape":[1],"values":[0.09]}}'
    )

    model = loads(RiskModel, document)

    assert model.judged is None
    assert dumps(model) == document


def test_the_figures_of_a_judged_risk_model_come_back():
    judged = RiskQuality(
        made="by hand", hindsight=True, names=1, short_histories=0, from_day=date(2025, 1, 2), to_day=date(2026, 1, 2),
        test_days=21, portfolios=2, bias=1.01, robust=0.99, within=0.5, low=0.7, high=1.3,
        months=(RiskMonth(ends=date(2026, 1, 2), predicted=0.01, realised=0.1 + 0.2),),
    )  # fmt: skip
    model = RiskModel(
        security_ids=(),
        factors=(),
        exposures=np.zeros((0, 0)),
        factor_covariance=np.zeros((0, 0)),
        specific_variance=np.zeros(0),
        judged=judged,
    )

    assert loads(RiskModel, dumps(model)).judged == judged


def test_a_risk_model_with_a_nan_is_not_written():
    model = RiskModel(
        security_ids=(),
        factors=("a",),
        exposures=np.zeros((0, 1)),
        factor_covariance=np.array([[np.nan]]),
        specific_variance=np.zeros(0),
    )

    with pytest.raises(ValueError, match="JSON"):
        dumps(model)


def test_optional_enumerated_and_timed_fields_come_back_as_their_types():
    restriction = Restriction(scope="firm", target="X", rule=Rule.MAX_WEIGHT, value=None, until=None, reason="é")
    fill = Fill(
        exec_id="1",
        cl_ord_id="B",
        quantity=Decimal("1.0"),
        price=Decimal("2"),
        executed_at=datetime(2026, 3, 31, 20, 0, 0, 1, tzinfo=UTC),
    )

    assert loads(Restriction, dumps(restriction)) == restriction
    assert loads(Restriction, dumps(restriction)).rule is Rule.MAX_WEIGHT
    assert loads(Fill, dumps(fill)) == fill


def test_a_mapping_keeps_its_order():
    marks = {name: Mark(price=Decimal(1), on=date(2026, 1, 1)) for name in ("Z", "A", "M")}
    kept = codec(Mapping[str, Mark])

    assert list(kept.read(kept.write(marks))) == ["Z", "A", "M"]


@pytest.mark.parametrize("kind", [complex, set[str], list[int] | dict[str, int] | None])
def test_a_type_without_an_exact_form_is_refused(kind):
    with pytest.raises((TypeError, ValueError)):
        codec(kind)
