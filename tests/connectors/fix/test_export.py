"""An export is standard FIX, a lot sheet and a manifest, the same bytes each time, and never half there."""

import csv
import hashlib
import json
import shutil
import stat
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import simplefix

from connectors.fix.destinations import read_destinations
from connectors.fix.export import Release, export_files
from connectors.fix.wire import decode
from engine.domain.errors import DataError
from engine.domain.plans import Side

PROFILES = {"destinations": {"Beta & Co.": {"target": "BETA"}}}


@pytest.fixture
def blocks(block):
    return (
        block("SALE", side=Side.SELL, ticker="ABC", quantities=("30", "20")),
        block("BUY", ticker="BRK.B", quantities=("7",), cusip=None),
        block("OTHER", ticker="XYZ", quantities=("1", "2", "3"), custodian="Beta & Co."),
    )


@pytest.fixture
def export(blocks, tmp_path, released):
    def run(folder="out", **changes):
        given = changes.pop("blocks", blocks)
        profiles = read_destinations(changes.pop("profiles", PROFILES), {block.custodian for block in given})
        where = changes.pop("folder", tmp_path / folder)
        arguments = {"sender": "LOTSMITH", "at": released, "plan_ids": ("p2", "p1", "p2"), **changes}
        return export_files(Release(blocks=given, destinations=profiles, **arguments), where)

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_custodian_gets_its_orders_and_its_lot_sheet(export, tmp_path):
    export()

    assert sorted(contents(tmp_path / "out")) == [
        "lots-alpha.csv", "lots-beta-co.csv", "manifest.json", "orders-alpha.fix", "orders-beta-co.fix",
    ]  # fmt: skip
    alpha = decode((tmp_path / "out" / "orders-alpha.fix").read_bytes())
    assert [(m.get(11), m.get(49), m.get(56), m.get(34)) for m in alpha] == [
        ("SALE", "LOTSMITH", "ALPHA", "1"),
        ("BUY", "LOTSMITH", "ALPHA", "2"),
    ]


def test_the_lot_sheet_has_one_row_an_order_and_lot(export, tmp_path):
    export()

    with (tmp_path / "out" / "lots-alpha.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["cl_ord_id", "block_id", "account", "symbol", "cusip", "quantity", "acquired", "cost_per_share", "lot_id"],
        ["SALEO1", "SALE", "77-1", "ABC", "037833100", "30", "2020-05-06", "90.25", "LOT-1"],
        ["SALEO2", "SALE", "77-2", "ABC", "037833100", "20", "2020-05-06", "90.25", "LOT-2"],
    ]


def test_the_manifest_states_hash_size_and_totals(export, tmp_path):
    manifest = export()

    document = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert document["at"] == "2024-03-04T15:04:05.678+00:00"
    assert document["plan_ids"] == ["p1", "p2"]
    assert (document["blocks"], document["orders"]) == (3, 6)
    assert (document["shares_bought"], document["shares_sold"]) == ("13", "50")
    assert [(f["name"], f["records"]) for f in document["files"]] == [
        ("orders-alpha.fix", 2), ("lots-alpha.csv", 2), ("orders-beta-co.fix", 1), ("lots-beta-co.csv", 0),
    ]  # fmt: skip
    for file in document["files"]:
        data = (tmp_path / "out" / file["name"]).read_bytes()
        assert (file["sha256"], file["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (manifest.shares_bought, manifest.shares_sold) == (Decimal(13), Decimal(50))


def test_exporting_again_gives_the_same_bytes_elsewhere_and_leaves_the_folder_alone(export, tmp_path):
    first = export()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}

    assert export() == first
    assert export("elsewhere") == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert contents(tmp_path / "elsewhere") == contents(tmp_path / "out")


def test_a_folder_with_another_export_is_refused_and_kept(export, tmp_path, released, blocks):
    export()
    before = contents(tmp_path / "out")

    with pytest.raises(DataError, match="found other content; export to another folder"):
        export(at=released + timedelta(seconds=1))
    with pytest.raises(DataError, match="found other content"):
        export(blocks=blocks[:2])
    with pytest.raises(DataError, match="found other content"):
        export(plan_ids=("p1",))
    assert contents(tmp_path / "out") == before


def test_an_altered_or_missing_file_is_noticed(export, tmp_path):
    export()
    sheet = tmp_path / "out" / "lots-alpha.csv"
    good = sheet.read_bytes()

    sheet.write_bytes(good.replace(b"LOT-1", b"LOT-9"))
    with pytest.raises(DataError, match=r"lots-alpha\.csv: expected a file of this export"):
        export()
    sheet.unlink()
    with pytest.raises(DataError, match=r"expected the lots-alpha\.csv that its manifest lists"):
        export()


def test_an_export_that_broke_off_before_its_manifest_is_completed(export, tmp_path):
    export()
    whole = contents(tmp_path / "out")
    (tmp_path / "out" / "manifest.json").unlink()
    (tmp_path / "out" / "orders-beta-co.fix").unlink()

    export()

    assert contents(tmp_path / "out") == whole


def test_other_peoples_files_in_the_folder_are_left_alone_and_ours_are_for_the_owner_only(export, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")

    export()

    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert stat.S_IMODE((tmp_path / "out" / "orders-alpha.fix").stat().st_mode) == 0o600


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_text(export, block, tmp_path, start):
    export(blocks=[block(side=Side.SELL, quantities=("5",), lot_id=f"{start}cmd|' /C calc'!A0")])

    with (tmp_path / "out" / "lots-alpha.csv").open(newline="") as file:
        (_, row) = csv.reader(file)
    assert row[-1] == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"blocks": ()}, "at least one block"),
        ({"sender": "LOT\x01SMITH"}, "FIX tag 49"),
        ({"folder": Path("/dev/null/out")}, "expected a folder that can be written"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_sentence(export, changes, found):
    with pytest.raises(DataError, match=found):
        export(**changes)


def test_custodians_whose_files_would_collide_or_have_no_name_are_refused(export, block, tmp_path):
    with pytest.raises(DataError, match="another custodian's too"):
        export(blocks=[block("B1"), block("B2", custodian="alpha")])
    with pytest.raises(DataError, match="expected letters or digits"):
        export(blocks=[block("B1", custodian="../")])
    assert not (tmp_path / "out").exists()


def test_a_hostile_account_number_cannot_add_a_field(export, block):
    with pytest.raises(DataError, match="FIX tag 79: expected printable ASCII"):
        export(blocks=[block(account="77\x0154=2")])


@pytest.mark.fix
def test_the_standard_dictionary_validates_every_exported_message(export, tmp_path):
    import quickfix as fix

    export()

    dictionary = fix.DataDictionary(str(Path(sys.prefix) / "share" / "quickfix" / "FIX44.xml"))
    stream = "".join(path.read_text() for path in (tmp_path / "out").glob("*.fix"))
    messages = [f"8=FIX{rest}" for rest in stream.split("8=FIX")[1:]]
    assert len(messages) == 3
    for text in messages:
        parsed = fix.Message(text, dictionary, True)  # refuses a wrong length or checksum
        dictionary.validate(parsed)
        group = fix.Group(78, 79)
        shares = []
        for place in range(1, int(parsed.getField(78)) + 1):
            parsed.getGroup(place, group)
            shares.append(Decimal(group.getField(80)))
        assert sum(shares) == Decimal(parsed.getField(38))


def test_an_independent_parser_agrees_on_length_and_checksum(export, tmp_path):
    export()
    parser = simplefix.FixParser()
    parser.append_buffer((tmp_path / "out" / "orders-alpha.fix").read_bytes())

    names = []
    while (found := parser.get_message()) is not None:
        claimed = (found.get(9), found.get(10))
        again = simplefix.FixMessage()
        for tag, value in found.pairs:
            if tag not in (b"9", b"10"):
                again.append_pair(tag, value)
        recoded = again.encode()
        assert claimed == tuple(recoded.split(marker)[1].split(b"\x01")[0] for marker in (b"\x019=", b"\x0110="))
        names.append(found.get(11))
    assert names == [b"SALE", b"BUY"]


@pytest.mark.skipif(shutil.which("tshark") is None or shutil.which("text2pcap") is None, reason="needs tshark")
@pytest.mark.parametrize("version", ["FIX.4.4", "FIX.5.0SP2", "FIX.4.2"])
@pytest.mark.parametrize("broken", [False, True])
def test_a_network_analyser_reads_the_exported_file(export, tmp_path, version, broken):
    lots = "sheet" if version == "FIX.4.2" else "order"
    export(profiles={"destinations": {"Alpha": {"version": version, "lots": lots}}})
    data = (tmp_path / "out" / "orders-alpha.fix").read_bytes()
    if broken:
        data = data.replace(b"\x0138=7\x01", b"\x0138=9\x01")
    dump = "\n".join(f"{i:06x} {data[i : i + 16].hex(' ')}" for i in range(0, len(data), 16))
    (tmp_path / "dump.txt").write_text(dump + "\n")
    pcap = tmp_path / "dump.pcap"
    subprocess.run(
        ["text2pcap", "-q", "-T", "40000,9878", tmp_path / "dump.txt", pcap], check=True, capture_output=True
    )

    found = subprocess.run(
        ["tshark", "-r", pcap, "-d", "tcp.port==9878,fix", "-Y", "fix", "-T", "fields", "-E", "separator=|",
         "-e", "fix.ClOrdID", "-e", "fix.AllocQty", "-e", "fix.checksum_bad"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip

    assert found.stdout.split() == [f"SALE,BUY|30,20,7|0,{int(broken)}"]
