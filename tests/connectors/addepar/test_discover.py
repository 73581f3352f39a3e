"""Does discovery find what a firm calls its lots, and leave alone what is right?"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router

from connectors.addepar.discover import Attribute, View, proposals, read_attributes, read_view, read_views
from connectors.addepar.mapping import AddeparMapping, mapping_from_table
from connectors.sandbox.loopback import listening


def attribute(key: str, display_name: str, usage: str = "columns") -> Attribute:
    return Attribute(key=key, display_name=display_name, usage=frozenset({usage}))


def proposed(place: str, attributes: list[Attribute], mapping: AddeparMapping, view: View | None = None) -> str:
    return next(one.proposed for one in proposals(attributes, mapping, view) if one.place == place)


def test_every_default_key_exists_in_the_stand_in_and_is_proposed_as_it_is(stand_in: Any) -> None:
    with stand_in.client() as client:
        found = proposals(read_attributes(client), AddeparMapping())

    assert [one.place for one in found if one.exists is False] == []
    assert all(one.proposed == one.written for one in found if one.exists)
    assert {one.place for one in found if one.exists is None} == {"holdings.ytd_st_gain", "holdings.ytd_lt_gain"}


def test_an_own_name_on_screen_leads_to_the_key_behind_it() -> None:
    attributes = [attribute("a17", "Tax Lot Open Date"), attribute("zebra", "Stripes"), attribute("q", "Lot Number")]

    assert proposed("holdings.lot_acquired", attributes, AddeparMapping()) == "a17"
    assert proposed("holdings.lot_id", attributes, AddeparMapping()) == "q"


def test_a_key_may_be_known_by_itself_where_the_screen_names_it_otherwise() -> None:
    assert proposed("holdings.lot_id", [attribute("lot_number", "Our Reference")], AddeparMapping()) == "lot_number"


def test_a_proposal_says_what_the_screen_calls_it_and_whether_the_present_key_serves() -> None:
    mapping = mapping_from_table({"holdings": {"lot": "parcel"}}, source="test")
    attributes = [attribute("parcel", "Parcel", "columns"), attribute("g", "Tax Lots", "groupings")]
    lot = next(one for one in proposals(attributes, mapping) if one.place == "holdings.lot")

    assert (lot.exists, lot.proposed, lot.display_name) == (False, "g", "Tax Lots")  # a column groups nothing


def test_nothing_is_proposed_where_nothing_is_alike() -> None:
    assert proposed("holdings.lot_acquired", [attribute("zebra", "Stripes")], AddeparMapping()) == ""


def test_a_column_is_not_proposed_as_a_grouping() -> None:
    attributes = [attribute("c", "Tax Lot", "columns"), attribute("g", "Tax Lots", "groupings")]

    assert proposed("holdings.lot", attributes, AddeparMapping()) == "g"


def test_arguments_stay_with_a_key_that_is_proposed_anew() -> None:
    mapping = mapping_from_table({"holdings": {"original_cost": {"key": "cost", "kind": "ORIGINAL"}}}, source="test")

    assert proposed("holdings.original_cost", [attribute("cb", "Cost Basis")], mapping) == "cb kind=ORIGINAL"


def test_what_a_saved_view_shows_comes_first_and_its_third_grouping_is_the_lot() -> None:
    mapping = mapping_from_table({"holdings": {"lot": "gone", "lot_acquired": "gone"}}, source="test")
    attributes = [attribute("shown", "Open Date"), attribute("better", "Tax Lot Open Date"),
                  attribute("_custom_9", "Parcel", "groupings")]  # fmt: skip
    view = View(view_id="1", name="Lots", groupings=("holding_account", "security", "_custom_9"), columns=("shown",))

    assert proposed("holdings.lot", attributes, mapping, view) == "_custom_9"
    assert proposed("holdings.lot_acquired", attributes, mapping, view) == "shown"
    assert proposed("holdings.lot_acquired", attributes, mapping) == "better"


def test_a_view_moves_no_grouping_that_exists_and_one_without_lots_says_nothing_of_them() -> None:
    right = [attribute("tax_lot", "Tax Lot", "groupings"), attribute("other", "Other", "groupings")]
    by_other = View(view_id="1", name="Other", groupings=("holding_account", "security", "other"))
    by_security = View(view_id="2", name="Short", groupings=("holding_account", "security"))

    assert proposed("holdings.lot", right, AddeparMapping(), by_other) == "tax_lot"
    assert proposed("holdings.lot", [], AddeparMapping(), by_security) == ""


def test_views_are_listed_by_name_and_a_view_may_hold_a_whole_query(stand_in: Any) -> None:
    async def listed(_: Request) -> JSONResponse:
        names = {"1": "Zeta", "2": "Alpha"}
        return JSONResponse({"data": [{"id": n, "attributes": {"display_name": name}} for n, name in names.items()]})

    async def whole(_: Request) -> JSONResponse:
        query = {"groupings": ["a", {"key": "b"}], "columns": [{"key": "c", "arguments": {}}]}
        shown = {"display_name": "Zeta", "parameters": {"data": {"attributes": query}}}
        return JSONResponse({"data": {"id": "1", "attributes": shown}})

    routes = [Route("/api/v1/portfolio/views", listed), Route("/api/v1/portfolio/views/1", whole)]
    with listening(Router(routes)) as url, stand_in.client(base_url=f"{url}/api") as client:
        assert [view.name for view in read_views(client)] == ["Alpha", "Zeta"]
        assert read_view(client, "1") == View(view_id="1", name="Zeta", groupings=("a", "b"), columns=("c",))


def test_saved_views_are_listed_and_read_from_the_stand_in(stand_in: Any) -> None:
    with stand_in.client() as client:
        listed, view = read_views(client), read_view(client, "8")

    assert [one.name for one in listed] == ["Overview", "Tax lots"]
    assert view.groupings == ("holding_account", "security", "tax_lot")
    assert view.columns == ("units", "tax_lot_id", "tax_lot_open_date", "cost_basis", "cost_basis")
