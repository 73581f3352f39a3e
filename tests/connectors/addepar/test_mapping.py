"""Does a firm's mapping say what it means, and does a mistake in it show before a query is sent?"""

import tomllib
from datetime import date
from typing import Any

import pytest

from connectors.addepar.connection import connection_from_table
from connectors.addepar.mapping import AddeparMapping, Column, HouseholdField, mapping_from_table
from connectors.addepar.written import merged, settings_with, written_keys
from engine.domain.errors import DataError

WRITTEN = """
base_url = "https://acme.addepar.com/api"
firm_id = "17"
key = "k"
secret = "s"
accounts_per_job = 100

[entities]
household_key = "external_id_crm"
household_field = "household_id"

[holdings]
lot = "lot_number"
lot_holding_start = ""
original_cost = { key = "cost_basis", cost_basis_type = "ORIGINAL", accrued = "false" }
units_tolerance = 0.001

[transactions]
since = 2015-01-01

[transactions.types]
distribution = "gift"
buy = "ignore"
"""


def test_what_is_written_replaces_the_defaults_and_nothing_else() -> None:
    config, mapping = connection_from_table(tomllib.loads(WRITTEN), source="firm.toml")
    defaults = AddeparMapping()

    assert (config.firm_id, config.accounts_per_job) == ("17", 100)
    assert mapping.entities.household_field is HouseholdField.HOUSEHOLD_ID
    assert mapping.entities.account_key == defaults.entities.account_key
    assert mapping.holdings.lot == "lot_number"
    assert "lot_holding_start" not in mapping.holdings.columns()
    assert mapping.holdings.original_cost == Column(
        key="cost_basis", arguments={"cost_basis_type": "ORIGINAL", "accrued": "false"}
    )
    assert (mapping.transactions.types["distribution"], mapping.transactions.types["buy"]) == ("gift", "ignore")
    assert mapping.transactions.types["sell"] == "sell"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"holding": {}}, "unknown section holding; did you mean holdings?"),
        ({"holdings": {"lots": "x"}}, r"unknown \[holdings\] key lots; did you mean lot?"),
        ({"holdings": {"lot": 5}}, r"\[holdings\] lot: expected a text, found 5"),
        ({"holdings": {"lot_id": ""}}, r"\[holdings\] lot_id: expected the key of an Addepar attribute, found nothing"),
        ({"holdings": {"units": {"key": "units", "accrued": True}}}, r"\[holdings\] units: expected a key"),
        ({"holdings": {"units_tolerance": -1}}, "units_tolerance: expected 0 to 1 shares"),
        ({"holdings": {"cash_asset_classes": "Cash"}}, "cash_asset_classes: expected a list of texts"),
        ({"entities": {"account_field": "name"}}, "expected one of account_number, account_id, found 'name'"),
        ({"transactions": {"types": {"spinoff": "buys"}}}, r"\[transactions\] types: expected types of buy, sell"),
        ({"transactions": {"since": "2015-01-01"}}, "since: expected a date"),
        ({"transactions": 1}, r"expected a section \[transactions\], found 1"),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(table: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        mapping_from_table(table, source="firm.toml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"adress": "x"}, "unknown key adress"),
        ({"secret": None}, "expected secret, found nothing"),
        ({"secret": 12345}, "secret: expected a text, found a value of type int"),
        ({"accounts_per_job": "many"}, "accounts_per_job: expected a number, found a value of type str"),
    ],
)
def test_a_mistake_in_the_connection_is_named_without_the_secret(change: dict[str, Any], words: str) -> None:
    table = {**tomllib.loads(WRITTEN), **change}
    table = {name: value for name, value in table.items() if value is not None}

    with pytest.raises(DataError, match=words) as refused:
        connection_from_table(table, source="firm.toml")

    assert "12345" not in str(refused.value)


@pytest.mark.parametrize("line", ["cost_basis type", "cost_basis =x", "cost_basis a="])
def test_an_argument_without_a_name_or_a_value_is_refused(line: str) -> None:
    with pytest.raises(DataError, match="expected a key and name=value for each argument"):
        settings_with({}, {"holdings.units": line})


@pytest.mark.parametrize("place", ["lot", ".lot", "holdings.", ""])
def test_a_setting_without_its_section_is_refused(place: str) -> None:
    with pytest.raises(DataError, match="expected a setting such as"):
        settings_with({}, {place: "x"})


def test_a_mapping_reads_back_from_its_own_lines() -> None:
    _, mapping = connection_from_table(tomllib.loads(WRITTEN), source="firm.toml")
    kept = {"transactions": {"since": date(2015, 1, 1), "types": {"distribution": "gift", "buy": "ignore"}},
            "holdings": {"units_tolerance": 0.001}}  # fmt: skip

    assert mapping_from_table(settings_with(kept, written_keys(mapping)), source="test") == mapping


def test_a_saved_setting_outranks_the_file_and_leaves_its_neighbours() -> None:
    of_file = {"holdings": {"lot": "a", "units": "b"}, "entities": {"account_key": "c"}}

    assert merged(of_file, {"holdings": {"lot": "z"}}) == {
        "entities": {"account_key": "c"},
        "holdings": {"lot": "z", "units": "b"},
    }
