"""Which change of policy is to be tried, and on whom? Said on screen, and started."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import streamlit as st

from app.panels import frame
from app.panels.settings import targets
from app.ports import Services
from app.session import memory
from app.steps.market import todays_market
from app.steps.policy import ESTIMATED, Asked, change_of_uploads
from app.steps.rehearsal import Sample, rehearse
from app.steps.workers import local
from app.tables.parts import literal
from engine.domain.accounts import Restriction, Rule
from engine.domain.change import DEFAULT, WITH_VALUE
from engine.domain.identifiers import ModelId
from engine.domain.lifecycle import User
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS
from engine.domain.policy import FIRM_SCOPE
from engine.domain.settings import PlanSettings, settings_from_toml, settings_to_dict

_SIZES: Final = (100, 500, 2000)
_WHOLE: Final = "whole firm"
_RULES: Final[Mapping[Rule, str]] = {
    Rule.DO_NOT_HOLD: "do not hold", Rule.DO_NOT_BUY: "do not buy", Rule.DO_NOT_SELL: "do not sell",
    Rule.MAX_WEIGHT: "hold at most", Rule.MIN_WEIGHT: "hold at least",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What was said, and the files for it by name."""

    asked: Asked
    risk: Mapping[str, bytes] = field(default_factory=dict)
    models: Mapping[str, bytes] = field(default_factory=dict)


def ask(services: Services, user: User, *, name: str) -> None:
    """Let the person choose a change and the accounts to try it on; a button starts the work of this name."""
    market = todays_market(services)
    with st.container(border=True):
        parts: dict[str, Callable[[], _Wanted]] = {
            "Setting": lambda: _setting(services),
            "Restriction": lambda: _restriction(services, market),
            "Risk model": _risk,
            "Index": lambda: _index(market),
        }
        kind = st.radio("What is to change", list(parts), key="policy", horizontal=True)
        wanted = parts[str(kind)]()
        sample = _sample(services)
        if st.button("Rehearse tonight's book", key="rehearse", type="primary", icon=":material/theater_comedy:",
                     help="Nothing is proposed, scanned or changed; people work on meanwhile"):  # fmt: skip
            started = frame.attempt(lambda: _start(services, user, name, wanted, sample))
            if started:
                st.rerun()


def _start(services: Services, user: User, name: str, wanted: _Wanted, sample: Sample) -> None:
    change = change_of_uploads(services, wanted.asked, risk=wanted.risk, models=wanted.models)
    hands = local(os.cpu_count() or 1)
    memory.start_work(
        name,
        "Rehearsing",
        lambda progress: rehearse(services, change, sample, actor=user, workers=hands, progress=progress),
    )


def _setting(services: Services) -> _Wanted:
    texts = services.firm.all_settings()
    which, value, where = st.columns([2, 1, 2])
    name = which.selectbox(
        "Setting", list(MEANINGS), key="policy_setting", format_func=lambda each: f"{MEANINGS[each].label} ({each})"
    )
    files = where.multiselect("In", [*texts, DEFAULT], key="policy_files", placeholder="all settings",
                              help=f"{DEFAULT}: accounts that name no settings file")  # fmt: skip
    text = value.text_input(f"New value, {MEANINGS[name].unit.value}", key=f"policy_value:{name}",
                            help="Fractions as in a settings file: 0.01 is 1 %; none takes a limit away")  # fmt: skip
    st.caption(literal(f"{MEANINGS[name].text} Now: {_present(name, texts)}."))
    return _Wanted(asked=Asked(settings={name: text.strip()} if text.strip() else {}, files=tuple(files)))


def _present(name: str, texts: Mapping[str, str]) -> str:
    found: dict[str, list[str]] = {}
    for file, text in (*texts.items(), (DEFAULT, "")):
        settings = settings_from_toml(text, source=file) if text else PlanSettings()
        value: Any = settings_to_dict(settings)[name]
        found.setdefault("none" if value is None or value in ([], {}) else str(value), []).append(file)
    return "; ".join(f"{value} in {', '.join(files)}" for value, files in found.items())


def _restriction(services: Services, market: MarketSnapshot) -> _Wanted:
    present = {f"{each.scope} · {each.target} · {_rule(each)}": each for each in services.firm.restrictions()}
    how = st.radio("Restriction", ["new", "take away"], key="policy_restriction", horizontal=True,
                   label_visibility="collapsed")  # fmt: skip
    if how == "take away":
        if not present:
            st.caption("The firm has no restriction.")
            return _Wanted(asked=Asked())
        gone = present[st.selectbox("Restriction to take away", list(present), key="policy_lift")]
        return _Wanted(asked=Asked(lift=((gone.scope, gone.target, gone.rule.value),)))
    labels = memory.remember(("targets", market.as_of, id(market)), lambda: targets(market))
    holder, what, rule_at, value_at = st.columns([2, 3, 2, 1])
    scope = holder.text_input(
        "Holds for", FIRM_SCOPE, key="policy_scope", help="firm, or the id of a household or account"
    )
    target = what.selectbox("Of", list(labels), key="policy_target", format_func=labels.__getitem__)
    rule = rule_at.selectbox("Rule", list(_RULES), key="policy_rule", format_func=_RULES.__getitem__)
    written = rule.value
    if rule in WITH_VALUE:
        weight = value_at.number_input("Weight, %", 0.0, 100.0, 1.0, 0.1, key="policy_weight")
        written = f"{rule.value}={round(weight / 100, 8)}"
    return _Wanted(asked=Asked(restrict=((scope.strip(), target, written),)))


def _rule(restriction: Restriction) -> str:
    value = "" if restriction.value is None else f" {float(restriction.value):.2%}"
    return f"{_RULES[restriction.rule]}{value}"


def _risk() -> _Wanted:
    how = st.radio("Risk model", ["from files", "estimated from the firm's prices"], key="policy_risk", horizontal=True,
                   label_visibility="collapsed")  # fmt: skip
    if how != "from files":
        return _Wanted(asked=Asked(risk=ESTIMATED))
    uploaded = st.file_uploader(
        "Folder with exposures.csv, factor_covariance.csv and specific.csv", accept_multiple_files="directory",
        key="policy_risk_files",
    )  # fmt: skip
    return _Wanted(asked=Asked(), risk={file.name: file.getvalue() for file in uploaded})


def _index(market: MarketSnapshot) -> _Wanted:
    how = st.radio("Index", ["one name", "from a file"], key="policy_index", horizontal=True,
                   label_visibility="collapsed")  # fmt: skip
    if how == "from a file":
        file = st.file_uploader("Weights, a file like models.csv", type=["csv", "parquet"], key="policy_model_file")
        return _Wanted(asked=Asked(), models={} if file is None else {file.name: file.getvalue()})
    labels = {name: f"{each.ticker} {each.name}" for name, each in market.securities.items()}
    model_at, name_at, weight_at = st.columns([2, 3, 1])
    model = model_at.selectbox("Model", list(market.models), key="policy_model")
    security = name_at.selectbox("Name", list(labels), key="policy_name", format_func=labels.__getitem__)
    now = float(dict(market.models[ModelId(model)].weights).get(security, 0))
    weight = weight_at.number_input("New weight, %", 0.0, 99.99, 0.0, 0.1, key="policy_model_weight", format="%.4f")
    st.caption(f"Now {now:.4%}. 0 drops the name; the others share the rest in proportion.")
    return _Wanted(asked=Asked(weights=((str(model), str(security), str(round(weight / 100, 8))),)))


def _sample(services: Services) -> Sample:
    households = services.firm.households()
    count, segment_at, advisor_at = st.columns(3)
    total = len(services.firm.accounts())
    sizes = [_WHOLE, *(size for size in _SIZES if size < total)]
    size = count.selectbox("Accounts", sizes, key="policy_accounts", format_func=lambda each: _size(each, total),
                           help="A sample is always the same households, whole")  # fmt: skip
    segment = segment_at.selectbox("Segment", sorted({each.segment for each in households if each.segment}), index=None,
                                   key="policy_segment", placeholder="all")  # fmt: skip
    advisor = advisor_at.selectbox("Advisor", sorted({each.advisor for each in households}), index=None,
                                   key="policy_advisor", placeholder="all")  # fmt: skip
    return Sample(accounts=size if isinstance(size, int) else None, segment=segment, advisor=advisor)


def _size(size: int | str, total: int) -> str:
    return f"about {size:,}" if isinstance(size, int) else f"{size}, {total:,} accounts"
