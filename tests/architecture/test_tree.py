"""The habits that no other tool checks, read off the source."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "engine", "connectors", "data")


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def calls(path: Path) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_the_engine_reads_no_clock_file_environment_or_chance():
    reads = re.compile(
        r"^(date\.today|datetime\.now|datetime\.utcnow|time\.|(time\.)?(perf_counter|monotonic|process_time)"
        r"|os\.getenv|open$|random\.|np\.random\.)"
    )

    found = [
        f"{path.relative_to(ROOT)}: {name}" for path in sources("engine") for name in calls(path) if reads.match(name)
    ]

    # The plan document tells how long the solver ran; that reading is no part of the plan's identity.
    assert found == ["engine/plan/run.py: perf_counter"]


def test_every_dataclass_of_the_engine_is_frozen():
    decorators = [
        f"{path}: {ast.unparse(decorator)}"
        for path in sources("engine")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if "dataclass" in ast.unparse(decorator)
    ]

    assert decorators
    assert [line for line in decorators if "frozen=True" not in line] == []


def test_no_file_has_a_name_that_says_nothing():
    vague = re.compile(r"^(utils?|helpers?|common|misc|base|managers?|services?)$")

    assert [str(path) for path in sources(*PACKAGES, "pages") if vague.match(path.stem)] == []


def test_pages_only_draw():
    logic = (ast.FunctionDef, ast.ClassDef, ast.While, ast.Try)
    found = [
        f"{path.name}:{node.lineno} {type(node).__name__}"
        for path in sources("pages")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, logic) and not (isinstance(node, ast.FunctionDef) and _is_fragment(node))
    ]

    assert sources("pages")
    assert found == []


def _is_fragment(node: ast.FunctionDef) -> bool:
    return any("fragment" in ast.unparse(d) or "dialog" in ast.unparse(d) for d in node.decorator_list)


def test_pages_call_use_cases_and_never_the_store_or_the_solver():
    barred = re.compile(
        r"^(data|connectors|sqlalchemy|cvxpy|scipy|engine\.(monitor|plan|review|execute|tax|risk))(\.|$)"
    )

    assert [f"{p.name}: {name}" for p in sources("pages") for name in imported(p) if barred.match(name)] == []


def test_only_the_session_touches_streamlit_state():
    touching = [
        str(path.relative_to(ROOT))
        for path in sources("app", "pages")
        if re.search(r"st\.(session_state|query_params)", path.read_text())
    ]

    assert [path for path in touching if not path.startswith("app/session/")] == []
    assert "app/session/__init__.py" in touching


def test_the_environment_is_read_in_one_place():
    reading = [
        str(path.relative_to(ROOT))
        for path in sources(*PACKAGES, "pages")
        if re.search(r"os\.(environ|getenv)", path.read_text()) and "sandbox" not in path.parts
    ]

    assert reading in (["app/settings.py"], [])


def test_only_the_fix_session_and_its_counterparty_import_quickfix():
    importing = [
        str(path.relative_to(ROOT))
        for path in sources(*PACKAGES, "pages")
        if any(name.split(".")[0] == "quickfix" for name in imported(path))
    ]

    assert set(importing) <= {"connectors/fix/session.py", "connectors/sandbox/custodian_session.py"}
    assert "connectors/fix/session.py" in importing


def test_connectors_know_nothing_of_their_stand_ins():
    knowing = [
        str(path)
        for path in sources("connectors")
        if "sandbox" not in path.parts and "sandbox" in path.read_text().lower()
    ]

    assert knowing == []


@pytest.mark.parametrize("package", ["app", "pages", "engine", "connectors", "data"])
def test_no_other_distribution_owns_one_of_our_package_names(package):
    owners = set(packages_distributions().get(package, ["lotsmith"]))

    assert owners <= {"lotsmith"}


def test_no_module_of_app_hides_a_package_or_the_standard_library():
    taken = set(sys.stdlib_module_names) | {"app", "pages", "engine", "connectors", "data"}

    assert [path.name for path in (ROOT / "app").glob("*.py") if path.stem in taken] == []


def test_the_lock_files_hash_everything_and_name_no_host():
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        pins = re.findall(r"^[A-Za-z0-9._\[\]-]+==", text, flags=re.MULTILINE)

        assert pins
        assert text.count("==") == len(pins)
        assert len(re.findall(r"==[^\\]+\\\n\s+--hash=sha256:", text)) == len(pins)
        assert "://" not in text
        assert "--index-url" not in text


def test_no_test_patches_our_own_code():
    patching = re.compile(r"MagicMock|mock\.patch|monkeypatch\.setattr|Mock\(")
    here = Path(__file__)

    assert [str(p) for p in sources("tests") if p != here and patching.search(p.read_text())] == []


def test_every_import_contract_holds():
    outcome = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert outcome.returncode == 0, outcome.stdout


def test_every_test_asserts_something():
    empty = [
        f"{path}:{node.lineno} {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not _asserts(node)
    ]

    assert empty == []


def _asserts(function: ast.FunctionDef) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call) and re.search(r"raises|assert|expect|agree|check", ast.unparse(node.func)):
            return True
    return False
