"""A risk model or models alone, from files: read as an import reads them, every problem named."""

from decimal import Decimal

import pytest

from connectors.firm_folder.policy import read_model_file, read_risk
from engine.domain.errors import DataError

NAMES = ("A", "B")
FILES = {
    "exposures.csv": "security_id,MARKET\nA,1\nB,0.5\n",
    "factor_covariance.csv": "factor,MARKET\nMARKET,0.04\n",
    "specific.csv": "security_id,specific_volatility\nA,0.2\nB,0.3\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def told(error):
    return [(problem.file, problem.row, problem.found) for problem in error.value.problems]


def test_the_three_files_are_a_risk_model_beside_whatever_else_lies_there(folder):
    (folder / "notes.csv").write_text("anything")

    model = read_risk(folder, NAMES)

    assert (model.security_ids, model.factors) == (("A", "B"), ("MARKET",))
    assert model.exposures.tolist() == [[1.0], [0.5]]
    assert model.specific_variance.tolist() == pytest.approx([0.04, 0.09])


def test_they_may_lie_in_the_folder_risk_of_a_firm_folder(folder):
    home = folder / "firm" / "risk"
    home.mkdir(parents=True)
    for name, text in FILES.items():
        (home / name).write_text(text)

    assert read_risk(home.parent, NAMES).factors == ("MARKET",)


def test_a_risk_model_of_which_a_file_is_missing_is_no_risk_model(folder):
    (folder / "specific.csv").unlink()

    with pytest.raises(DataError, match="risk model") as error:
        read_risk(folder, NAMES)

    assert told(error) == [("risk/specific.csv", None, "no such readable file")]


def test_a_security_that_the_firm_does_not_have_is_named_with_its_line(folder):
    (folder / "specific.csv").write_text("security_id,specific_volatility\nA,0.2\nZ,0.3\n")

    with pytest.raises(DataError) as error:
        read_risk(folder, NAMES)

    assert ("risk/specific.csv", 3, "'Z'") in told(error)


def test_an_empty_folder_holds_no_risk_model(tmp_path):
    with pytest.raises(DataError, match="found none; expected exposures, factor_covariance and specific"):
        read_risk(tmp_path, NAMES)


def test_a_file_of_weights_is_models_by_name(tmp_path):
    file = tmp_path / "next-quarter.csv"
    file.write_text("model_id,security_id,weight\nM,B,0.25\nM,A,0.75\n")

    [model] = read_model_file(file, NAMES)

    assert (model.model_id, model.weights) == ("M", (("A", Decimal("0.75")), ("B", Decimal("0.25"))))


def test_weights_that_do_not_sum_to_one_are_refused_with_their_sum(tmp_path):
    file = tmp_path / "models.csv"
    file.write_text("model_id,security_id,weight\nM,A,0.75\n")

    with pytest.raises(DataError, match=r"models .*found 1 problem in models\.csv") as error:
        read_model_file(file, NAMES)

    assert told(error) == [("models.csv", 2, "weights of 'M' that sum to 0.75")]


@pytest.mark.parametrize("name", ["missing.csv", "models.txt"])
def test_what_is_no_table_is_refused(tmp_path, name):
    (tmp_path / "models.txt").write_text("model_id,security_id,weight\n")

    with pytest.raises(DataError, match=r"expected a file that ends in \.csv or \.parquet"):
        read_model_file(tmp_path / name, NAMES)


def test_a_file_without_a_row_changes_nothing_and_says_so(tmp_path):
    file = tmp_path / "models.csv"
    file.write_text("model_id,security_id,weight\n")

    with pytest.raises(DataError, match="found no row; expected model_id, security_id and weight"):
        read_model_file(file, NAMES)
