"""Is an imported risk model whole? Three files that must name the same factors and cover the same securities."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from connectors.firm_folder import cells
from connectors.firm_folder.limits import MAX_FACTORS
from connectors.firm_folder.report import Report, shown
from connectors.firm_folder.schema import COVARIANCE, EXPOSURES, SPECIFIC, Column, File
from connectors.firm_folder.table import Rows, Source
from engine.domain.identifiers import SecurityId
from engine.domain.market import Array, RiskModel

QUALITY: Final = "imported with the firm folder"
_ROUNDING: Final = 1e-9  # relative to the largest entry: what is left of symmetry and definiteness after printing


def with_factors(schema: File, source: Source, report: Report) -> File:
    """Return the schema with a column for each factor that the file's header names."""
    names = [name for name in dict.fromkeys(source.header) if name not in {c.name for c in schema.columns}]
    if len(names) > MAX_FACTORS:
        report.add(source.found.label, 1, None, found=f"{len(names):,} factors", expected=f"at most {MAX_FACTORS:,}")
        names = []
    for name in names:
        try:
            cells.IDENTIFIER.parse(name or "\n")
        except ValueError:
            report.add(
                source.found.label, 1, shown(name), found="a bad factor name", expected=cells.IDENTIFIER.expected
            )
    return replace(schema, columns=schema.columns + tuple(Column(name=n, kind=cells.FLOAT) for n in names))


def risk_model(read: Mapping[str, tuple[str, Rows]], report: Report) -> RiskModel | None:
    """Return the risk model of the three files, by name with their labels; None, reported, where it is not whole."""
    names = (EXPOSURES.name, COVARIANCE.name, SPECIFIC.name)
    if not any(name in read for name in names):
        return None
    missing = [name for name in names if name not in read]
    for name in missing:
        report.add(f"{name}.csv", None, None, found="no such readable file", expected="all three risk files or none")
    if missing:
        return None
    (_, exposed), (label, related), (specific_label, specific) = (read[name] for name in names)
    factors = tuple(name for name in exposed.value if name != "security_id")
    securities = [SecurityId(cell) for cell in exposed.value["security_id"]]
    whole = _same("factors of risk/exposures", factors, related.text.get("factor", ()), label, report)
    whole &= _same("factors of risk/exposures", factors, [n for n in related.value if n != "factor"], label, report)
    whole &= _same("securities of risk/exposures", securities, specific.value["security_id"], specific_label, report)
    values = [v for rows in (exposed, related, specific) for column in rows.value.values() for v in column]
    if not whole or None in values:
        return None
    return _model(factors, exposed, related, specific, label, report)


def _same(what: str, wanted: Sequence[str], got: Sequence[str], label: str, report: Report) -> bool:
    lacking, strange = sorted(set(wanted) - set(got)), sorted(set(got) - set(wanted))
    for words, names in (("without", lacking), ("with also", strange)):
        if names:
            listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            report.add(label, None, None, found=f"{words} {listed}", expected=f"exactly the {what}")
    return not lacking and not strange


def _model(
    factors: tuple[str, ...], exposed: Rows, related: Rows, specific: Rows, label: str, report: Report
) -> RiskModel | None:
    order = sorted(range(len(exposed.lines)), key=lambda row: str(exposed.value["security_id"][row]))
    rows = {factor: row for row, factor in enumerate(related.value["factor"])}
    covariance = np.array([[related.value[column][rows[row]] for column in factors] for row in factors], dtype=float)
    covariance = covariance.reshape(len(factors), len(factors))
    if not _is_covariance(covariance, label, report):
        return None
    volatility = dict(zip(specific.value["security_id"], specific.value["specific_volatility"], strict=True))
    securities = tuple(SecurityId(exposed.value["security_id"][row]) for row in order)
    exposures = [[exposed.value[factor][row] for factor in factors] for row in order]
    return RiskModel(
        security_ids=securities,
        factors=factors,
        exposures=np.array(exposures, dtype=float).reshape(len(order), len(factors)),
        factor_covariance=covariance,
        specific_variance=np.array([volatility[security_id] ** 2 for security_id in securities], dtype=float),
        quality=QUALITY,
    )


def _is_covariance(matrix: Array, label: str, report: Report) -> bool:
    slack = _ROUNDING * float(np.abs(matrix).max(initial=0.0))
    asymmetry = float(np.abs(matrix - matrix.T).max(initial=0.0))
    if asymmetry > slack:
        report.add(label, None, None, found=f"entries that differ by {asymmetry:.3g} from their mirror image",
                   expected="a symmetric matrix")  # fmt: skip
        return False
    smallest = float(np.linalg.eigvalsh(matrix).min(initial=0.0))
    if smallest < -slack * max(len(matrix), 1):
        report.add(label, None, None, found=f"an eigenvalue of {smallest:.3g}",
                   expected="no negative eigenvalue (a positive semidefinite matrix)")  # fmt: skip
        return False
    return True
