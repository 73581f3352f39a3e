"""What does a firm want to try? A risk model or models alone, in the files of the firm folder's format."""

from collections.abc import Iterable
from pathlib import Path

from connectors.firm_folder.files import find_risk, find_table
from connectors.firm_folder.read import read_rows
from connectors.firm_folder.reference import models
from connectors.firm_folder.references import check_models
from connectors.firm_folder.report import Report
from connectors.firm_folder.risk import risk_model
from connectors.firm_folder.schema import FILES, MODELS
from connectors.firm_folder.table import Known
from engine.domain.errors import DataError
from engine.domain.market import Model, RiskModel


def read_risk(folder: Path, securities: Iterable[str]) -> RiskModel:
    """Return the risk model of a folder that holds exposures, factor_covariance and specific, or has them in risk/.

    securities: the ids that it may name. Raises DataError with every problem found.
    """
    report, known = Report(), Known(ids={"security_id": frozenset(securities)})
    rows = {}
    for name, file in find_risk(folder, report).items():
        found = read_rows(file, FILES[name], known, report)
        if found is not None:
            rows[name] = (file.label, found)
    model = risk_model(rows, report)
    report.raise_if_any(folder, what="risk model")
    if model is None:
        raise DataError(f"risk model {folder}: found none; expected exposures, factor_covariance and specific there")
    return model


def read_model_file(file: Path, securities: Iterable[str]) -> tuple[Model, ...]:
    """Return the models of a file with the columns of models.csv.

    securities: the ids that it may name. Raises DataError with every problem found.
    """
    report, known = Report(), Known(ids={"security_id": frozenset(securities)})
    found = find_table(file, MODELS.name, report)
    rows = None if found is None else read_rows(found, MODELS, known, report)
    if rows is not None:
        check_models(file.name, rows, report)
    report.raise_if_any(file, what="models")
    read = () if rows is None else models(rows)
    if not read:
        raise DataError(f"models {file}: found no row; expected model_id, security_id and weight")
    return read
