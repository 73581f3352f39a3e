"""The commands as a shell sees them: what goes to which stream, which exit code, and that a refusal changes nothing."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from data.columns import packed_json, unpacked_json
from engine.domain.lifecycle import PlanState

COMMANDS = (
    ["demo"], ["import"], ["export"], ["sync", "addepar"], ["sync", "salesforce"], ["salesforce", "check"], ["scan"],
    ["plan"], ["compare"], ["frontier"], ["sensitivity"], ["nightly"], ["washsales"], ["push"], ["approve"], ["send"],
    ["reconcile"], ["replay"], ["audit", "verify"], ["serve"], ["user", "add"], ["user", "list"],
)  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_json_is_one_document_on_standard_output_and_nothing_else(hand):
    for name, said in hand[1].items():
        document, end = json.JSONDecoder().raw_decode(said.out)

        assert said.code == 0, name
        assert isinstance(document, dict)
        assert said.out[end:] == "\n"
        assert "{" not in said.err
    assert "Scanning" in hand[1]["scan"].err


@pytest.mark.parametrize(
    "arguments", [["compare", "T1", "A"], ["frontier", "T1"], ["sensitivity", "T1"], ["audit", "verify"]]
)
def test_the_other_documents_are_alone_on_standard_output_too(desk, hand_firm, arguments):
    wanted = [str(hand_firm / "settings" / "fully_invested.toml") if each == "A" else each for each in arguments]

    said = desk.run(*wanted, "--json")

    assert (said.code, said.err) == (0, "")
    assert isinstance(json.loads(said.out), dict)


def test_sensitivity_tells_what_a_step_of_each_setting_changes(desk):
    said = desk.run("sensitivity", "T1", "--json")
    steps = {each["setting"]: each for each in json.loads(said.out)["settings"]}

    # T1 invests all its cash: with a step more of it kept, the rest follows the model a little less.
    assert {"risk_aversion", "tax_weight", "max_cash"} <= steps.keys()
    assert (steps["max_cash"]["value"], steps["max_cash"]["tighter"], steps["max_cash"]["looser"]["value"]) == (
        0, None, 0.001
    )  # fmt: skip
    assert (steps["risk_aversion"]["tighter"]["value"], steps["risk_aversion"]["looser"]["value"]) == (125, 75)
    assert (
        steps["risk_aversion"]["tighter"]["tracking_error"] <= 0 <= steps["risk_aversion"]["looser"]["tracking_error"]
    )
    assert "risk_aversion                 100        125" in desk.run("sensitivity", "T1").out


def test_sensitivity_and_frontier_take_settings_and_end_with_one_where_there_is_no_plan(desk):
    impossible = ("--set", "withdrawal=1000", "--set", "max_turnover=0")
    for command in ("sensitivity", "frontier"):
        said = desk.run(command, "T1", *impossible)

        assert (said.code, said.out) == (
            1, "no plan obeys the account's rules; lotsmith plan names those in the way\n"
        )  # fmt: skip
    points = json.loads(desk.run("frontier", "T1", "--set", "risk_aversion=50", "--json").out)["points"]
    assert len(points) == 20
    assert points[0]["risk_aversion"] == pytest.approx(50 / 30)


def test_a_plan_computed_again_is_the_same_document_and_replays_to_the_byte(hand, documents):
    desk, _ = hand
    plan_id = documents["T1"]["plan_id"]

    again = json.loads(desk.run("plan", "T1", "--json").out)
    replayed = desk.shell("replay", plan_id[:12])

    assert {**again, "run": None} == {**documents["T1"], "run": None}
    assert (replayed.code, replayed.out) == (0, f"{plan_id}\tidentical\n"), replayed.err


def test_a_stored_plan_that_was_tampered_with_does_not_replay(desk, plan_of):
    plan_id = plan_of(desk, "T2")
    with sqlite3.connect(desk.folder / "firm.db") as connection:
        (packed,) = connection.execute("SELECT document FROM plans").fetchone()
        changed = json.dumps(unpacked_json(packed)).replace("86.4", "85.4")
        connection.execute("UPDATE plans SET document = ?", [packed_json(json.loads(changed))])
    connection.close()

    said = desk.run("replay", plan_id)

    assert (said.code, said.out) == (1, "")
    assert "expected a document of that hash" in said.err


def test_inputs_that_were_exchanged_do_not_replay(desk, plan_of):
    plan_id, other = plan_of(desk, "T2"), plan_of(desk, "T1")
    with sqlite3.connect(desk.folder / "firm.db") as connection:
        ((own,), (others,)) = (
            connection.execute("SELECT snapshot_hash FROM plans WHERE plan_id = ?", [each]).fetchone()
            for each in (plan_id, other)
        )
        connection.execute(
            "UPDATE documents SET (body, size) = (SELECT body, size FROM documents WHERE hash = ?) WHERE hash = ?",
            [others, own],
        )
    connection.close()

    said = desk.run("replay", plan_id)

    assert (said.code, said.out) == (1, "")
    assert f"document {own}" in said.err


def test_the_audit_log_verifies_until_a_row_is_changed_behind_its_back(desk, plan_of):
    plan_of(desk, "T1")
    sound = desk.run("audit", "verify", "--json")
    with sqlite3.connect(desk.folder / "firm.db") as connection:
        ((trigger,),) = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit' AND sql LIKE '%UPDATE%'"
        ).fetchall()
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("UPDATE audit SET actor = 'alan' WHERE seq = 2")
        connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE audit SET actor = 'alan' WHERE seq = 2")
    connection.close()

    tampered = desk.shell("audit", "verify")

    report = json.loads(sound.out)
    assert sound.code == 0
    assert report["problems"] == []
    assert report["rows"] == 1 + 5 + 1  # the import, five people, a plan
    assert (tampered.code, tampered.err) == (1, "")
    assert "row 2: expected hash" in tampered.out
    assert "its content was changed" in tampered.out


def test_a_head_that_was_noted_elsewhere_is_sought_in_the_chain(desk, plan_of):
    head = json.loads(desk.run("audit", "verify", "--json").out)["head"]
    plan_of(desk, "T1")

    assert desk.run("audit", "verify", "--witness", head).code == 0
    stranger = desk.run("audit", "verify", "--witness", head[::-1])
    assert stranger.code == 1
    assert "expected the head noted earlier" in stranger.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["plan", "T9"], "unknown account 'T9'"),
        (["plan", "T1", "--set", "risk_aversoin=3"], "unknown setting risk_aversoin; did you mean risk_aversion?"),
        (["plan", "T1", "--set", "risk_aversion=brave"], "risk_aversion: expected a finite number, found 'brave'"),
        (["plan", "T1", "--set", "risk_aversion"], "--set risk_aversion: expected KEY=VALUE"),
        (["plan", "T1", "--settings", "gone.toml"], "gone.toml: expected a readable settings file"),
        (["plan", "T1", "--as", "nobody"], "unknown user 'nobody'"),
        (["import", "gone"], "firm folder gone: found no such folder"),
        (["washsales", "--household", "H9"], "unknown household 'H9'"),
        (["replay", "feed"], "unknown plan 'feed'; none is known"),
        (["push", "feed", "--as", "maya"], "unknown plan 'feed'"),
        (["reconcile", "--fills", "gone.fix"], "gone.fix: expected a readable file of FIX messages"),
        (["sync", "addepar"], "Addepar is not connected: expected a section [addepar]"),
        (["sync", "salesforce"], "no CRM is connected: expected a section [salesforce]"),
        (["--db", "firm.db", "scan"], "database: expected sqlite:////absolute/path.db"),
        (["scann"], "Did you mean 'scan'?"),
        (["send"], "Missing argument 'PLAN...'"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence_that_names_it(desk, arguments, says):
    said = desk.run(*arguments)

    assert (said.code, said.out) == (2, "")
    assert says in said.err
    assert "Traceback" not in said.err


def test_without_a_firm_a_command_says_what_to_do(tmp_path, desk):
    said = desk.run("--db", f"sqlite:///{tmp_path / 'empty.db'}", "scan", "--json")

    assert (said.code, said.out) == (2, "")
    assert "no firm yet: import a firm folder or make the demo firm" in said.err


def test_a_decision_takes_a_person(desk, plan_of):
    plan_id = plan_of(desk, "T1")

    said = desk.run("push", plan_id)

    assert said.code == 2
    assert "who is acting? expected --as USER or LOTSMITH_USER" in said.err


def test_a_database_server_that_is_not_there_ends_with_3(desk):
    said = desk.run("--db", "postgresql://127.0.0.1:1/firm", "scan")

    assert (said.code, said.out) == (3, "")
    assert "cannot be opened" in said.err


def test_an_account_without_a_possible_plan_ends_with_1_and_says_which_rule_is_in_the_way(desk):
    said = desk.run("plan", "T1", "--set", "withdrawal=100001", "--json")
    document = json.loads(said.out)

    assert said.code == 1
    assert (document["status"], document["trades"]) == ("infeasible", [])
    assert document["conflicts"] == ["withdrawal"]
    assert "worth 100,000.00 USD" in document["repair"]


def test_a_bad_firm_is_refused_with_every_problem_at_once_and_the_old_one_stays(desk, hand_firm, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(hand_firm, bad)
    spoil = {
        "lots.csv": ("T1,t1-b,BBB,250,100", "T1,t1-b,BBB,-250,100"),
        "accounts.csv": ("T2,H2,taxable", "T2,H7,taxable"),
        "models.csv": ("TWO,AAA,0.5", "TWO,AAA,0.6"),
        "prices.csv": ("DDD,2026-11-20,20", "DDD,2026-11-20,cheap"),
    }
    for name, (old, new) in spoil.items():
        text = (bad / name).read_text()
        assert old in text
        (bad / name).write_text(text.replace(old, new))
    before = json.loads(desk.run("audit", "verify", "--json").out)
    assert desk.run("export", str(tmp_path / "before")).code == 0

    said = desk.shell("import", str(bad))

    assert (said.code, said.out) == (2, "")
    assert "found 4 problems" in said.err
    assert "lots.csv, line 6, quantity: found '-250'; expected a number" in said.err
    assert "accounts.csv, line 4, household_id: found 'H7'" in said.err
    assert "models.csv, line 6" in said.err
    assert "prices.csv, line 5, close: found 'cheap'; expected a number" in said.err
    assert desk.run("export", str(tmp_path / "after")).code == 0
    assert files(tmp_path / "after") == files(tmp_path / "before")
    assert json.loads(desk.run("audit", "verify", "--json").out) == before


def test_an_exported_firm_imports_again_without_any_difference(desk, tmp_path, documents):
    first, second, url = tmp_path / "first", tmp_path / "second", f"sqlite:///{tmp_path / 'other.db'}"
    assert desk.run("export", str(first)).code == 0

    assert desk.run("--db", url, "import", str(first)).code == 0
    assert desk.run("--db", url, "export", str(second)).code == 0

    assert files(first) == files(second)
    assert json.loads(desk.run("--db", url, "plan", "T1", "--json").out)["plan_id"] == documents["T1"]["plan_id"]


def test_import_if_empty_leaves_a_firm_alone(desk, hand_firm):
    said = desk.run("import", str(hand_firm), "--if-empty")

    assert (said.code, said.err) == (0, "Hand-written firm is there already\n")


def test_people_are_added_changed_and_listed(desk):
    rita = ["user", "add", "rita", "--name", "Rita Risk", "--email", "rita@lotsmith.example"]
    assert desk.run(*rita, "--role", "compliance").code == 0
    assert desk.run(*rita, "--role", "compliance", "--role", "advisor").code == 0

    said = desk.run("user", "list")

    assert said.code == 0
    assert said.out.splitlines() == [
        "ada\tAda Advisor\tadvisor",
        "alan\tAlan Approver\tapprover",
        "cora\tCora Compliance\tcompliance",
        "maya\tMaya Manager\tportfolio_manager",
        "pia\tPia Both\tapprover, portfolio_manager",
        "rita\tRita Risk\tadvisor, compliance",
    ]


@pytest.mark.parametrize(
    ("user", "email", "role", "says"),
    [
        ("eve", "Approver@Lotsmith.example", "approver", "which is Alan Approver's"),
        ("system", "system@lotsmith.example", "approver", "system is Lotsmith itself"),
        ("eve", "eve@lotsmith.example", "system", "'system' is not one of"),
        ("eve", "eve@lotsmith.example", "king", "'king' is not one of"),
    ],
)
def test_nobody_takes_anothers_address_or_the_place_of_the_machine(desk, user, email, role, says):
    said = desk.run("user", "add", user, "--name", "Eve", "--email", email, "--role", role)

    assert said.code == 2
    assert says in said.err
    assert "Eve" not in desk.run("user", "list").out


def test_a_night_proposes_for_the_accounts_that_need_it_and_says_what_the_others_came_to(desk, documents):
    said = desk.run("nightly", "--as", "maya", "--workers", "1", "--json")

    services = desk.services()
    proposed = [head.plan_id for head in services.plans.heads(states=[PlanState.PROPOSED])]
    services.database.close()
    assert said.code == 0, said.err
    assert json.loads(said.out)["outcomes"] == {"calm": 2, "proposed": 1}
    assert proposed == [documents["T1"]["plan_id"]]


def test_a_night_brings_data_in_first_and_plans_nothing_where_that_fails(desk, hand_firm, tmp_path):
    folder = shutil.copytree(hand_firm, tmp_path / "firm")
    (folder / "models.csv").write_text("model_id,security_id,weight\nFOUR,AAA,0.9\n")

    refused = desk.run("nightly", "--as", "maya", "--import", str(folder))
    taken = desk.run("nightly", "--as", "maya", "--workers", "1", "--import", str(hand_firm))

    services = desk.services()
    nights = services.runs.newest()
    services.database.close()
    assert (refused.code, taken.code) == (2, 0), taken.err
    assert "sum to 0.9" in refused.err
    assert len(nights) == 1


def test_a_night_by_a_person_who_may_not_run_one_brings_in_nothing(desk, hand_firm):
    said = desk.run("nightly", "--as", "cora", "--import", str(hand_firm))

    services = desk.services()
    assert said.code != 0
    assert "Cora Compliance may not propose plans" in said.err
    assert len(services.audit.rows(what="firm.replace")) == 1  # the desk's own
    services.database.close()


def test_the_machine_itself_proposes_nothing(desk):
    said = desk.run("nightly")

    assert said.code == 1
    assert "Lotsmith may not propose plans" in said.err


def test_plain_words_say_what_the_documents_say(desk):
    scan, plan, ledger = desk.run("scan"), desk.run("plan", "T1"), desk.run("washsales", "--household", "H2")

    assert scan.out.split() == ["T1", "1,280.00", "harvestable"]
    assert "Harvests $480 of losses; tax now saves $154." in plan.out
    assert "sell           12 AAA                1,200.00  Sells 12 shares of AAA" in plan.out
    assert ledger.out == "2026-10-05 T2 FFF: loss 250.00, allowed 150.00\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(desk, command):
    said = desk.run(*command, "--help")

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: lotsmith {' '.join(command)}")
    assert "TEXT" not in said.out.replace("--comment TEXT", "")  # a placeholder says what to put there
