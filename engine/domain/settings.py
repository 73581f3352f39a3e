"""How shall a plan be made? Every setting, its default, its unit and its range."""

import difflib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from engine.domain.errors import DataError

MAX_DIGITS: Final = 15
_SMALLEST_EXPONENT: Final = -400  # the smallest float is 5e-324


class WashSalePolicy(StrEnum):
    BLOCK = "block"
    ALLOW = "allow"


class LotMethod(StrEnum):
    OPTIMAL = "optimal"
    HIFO = "hifo"
    FIFO = "fifo"
    LIFO = "lifo"
    MIN_TAX = "min_tax"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """Section [plan] of a settings file. Weights and rates are fractions; *_bp basis points; *_usd and money USD."""

    risk_aversion: float = 100.0
    tax_weight: float = 1.0
    cost_bp: float = 5.0
    impact_bp: float = 0.0
    net_taxes: bool = False
    carryforward_value: float = 0.5
    min_cash: float = 0.002
    max_cash: float = 0.01
    max_active_weight: float | None = 0.01
    max_sector_active: float | None = 0.02
    max_factor_active: float | None = None
    max_tracking_error: float | None = None
    max_turnover: float | None = None
    max_net_gain: Decimal | None = None
    gains_budget: Decimal | None = None
    min_trade_usd: Decimal = Decimal(0)
    max_trades: int | None = None
    max_names: int | None = None
    whole_shares: bool = True
    wash_sales: WashSalePolicy = WashSalePolicy.BLOCK
    harvest_min_loss_usd: Decimal = Decimal(0)
    harvest_min_loss_pct: float = 0.0
    lot_method: LotMethod = LotMethod.OPTIMAL
    gap_tolerance_bp: float = 0.1
    deposit: Decimal = Decimal(0)
    withdrawal: Decimal = Decimal(0)
    exclude: tuple[str, ...] = ()
    tilt: Mapping[str, float] = field(default_factory=dict)
    breach_penalty: float = 10.0
    enforce: bool = False
    liquidate: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_cash <= self.max_cash <= 1:
            raise DataError(
                f"settings: expected 0 <= min_cash <= max_cash <= 1, found min_cash = {self.min_cash}, "
                f"max_cash = {self.max_cash}"
            )
        for name in ("risk_aversion", "tax_weight", "cost_bp", "impact_bp", "harvest_min_loss_pct", "gap_tolerance_bp",
                     "breach_penalty", "carryforward_value", "min_trade_usd", "harvest_min_loss_usd", "deposit",
                     "withdrawal", "max_active_weight", "max_sector_active", "max_factor_active", "max_tracking_error",
                     "max_turnover", "max_trades", "max_names"):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise DataError(f"settings: {name} must be a number >= 0, found {value}")


def settings_from_toml(text: str, *, source: str) -> PlanSettings:
    """Return the settings written in a TOML text with one section [plan].

    source names the text in errors. Raises DataError for bad TOML, an unknown key (with a suggestion) or a bad value.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{source}: not TOML: {error}") from error
    stray = sorted(set(document) - {"plan"})
    if stray:
        raise DataError(f"{source}: expected one section [plan], found also {', '.join(stray)}")
    return override(PlanSettings(), document.get("plan", {}), source=source)


def override(settings: PlanSettings, changes: Mapping[str, Any], *, source: str) -> PlanSettings:
    """Return settings with some keys changed; values may be TOML values or the text after KEY= on a command line.

    Raises DataError naming the source, the key, what was found and what was expected.
    """
    unknown = [key for key in changes if key not in _KINDS]
    if unknown:
        near = difflib.get_close_matches(unknown[0], _KINDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise DataError(f"{source}: unknown setting {unknown[0]}{hint}")
    return replace(settings, **{key: _convert(key, value, source) for key, value in changes.items()})


def settings_to_dict(settings: PlanSettings) -> dict[str, Any]:
    """Return the settings as JSON values in the order of their definition; USD amounts are exact strings."""
    return {f.name: _plain(getattr(settings, f.name)) for f in fields(PlanSettings)}


def settings_from_dict(values: Mapping[str, Any]) -> PlanSettings:
    """Return the settings that settings_to_dict wrote. Raises DataError as override does."""
    return override(PlanSettings(), values, source="settings")


def settings_to_toml(settings: PlanSettings) -> str:
    """Return a TOML text of what differs from the defaults, which settings_from_toml reads back equal."""
    usual = PlanSettings()
    names = [f.name for f in fields(PlanSettings) if getattr(settings, f.name) != getattr(usual, f.name)]
    return "\n".join(["[plan]", *(f"{name} = {_toml(getattr(settings, name))}" for name in names), ""])


def is_sized(number: Decimal) -> bool:
    """Return whether a finite number has at most MAX_DIGITS digits before the point, and is none that no float holds.

    Written out, a number of another size can fill the memory.
    """
    return _SMALLEST_EXPONENT <= number.adjusted() < MAX_DIGITS


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(sorted(value.items()))
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_toml(key)} = {_toml(each)}' for key, each in value.items())} }}"
    if isinstance(value, int | float):
        return repr(value)
    # A decimal goes as text, which keeps it exact; JSON's escapes are TOML's, but for the one sign that it lets pass.
    return json.dumps("none" if value is None else str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _convert(key: str, value: Any, source: str) -> Any:
    kind = _KINDS[key]
    if kind.endswith("None") and value in (None, "", "none"):
        return None
    try:
        return _CONVERTERS[kind.removesuffix(" | None")](value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise DataError(f"{source}: {key}: expected {error}, found {value!r}") from error


def _number(value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError("a finite number")
    if not is_sized(number):
        raise ValueError(f"a number of at most {MAX_DIGITS} digits before the point")
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise ValueError("a whole number")
    return int(number)


def _flag(value: Any) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise ValueError("true or false")
    return str(value).lower() == "true"


def _choice(choices: type[StrEnum]) -> Callable[[Any], StrEnum]:
    def convert(value: Any) -> StrEnum:
        if value not in set(choices):
            raise ValueError("one of " + ", ".join(choices))
        return choices(value)

    return convert


def _names(value: Any) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ValueError("a list of securities, sector:NAME or tag:NAME")
    return tuple(item.strip() for item in items if item.strip())


def _tilts(value: Any) -> dict[str, float]:
    if isinstance(value, str):
        value = dict(pair.rsplit("=", 1) for pair in value.split(",") if "=" in pair)
    if not isinstance(value, Mapping):
        raise TypeError("a table of name = expected active return")
    return {str(name): float(_number(amount)) for name, amount in sorted(value.items())}


_KINDS: Final = {f.name: f.type.__name__ if isinstance(f.type, type) else str(f.type).replace("decimal.", "")
                 for f in fields(PlanSettings)}  # fmt: skip
_CONVERTERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "float": lambda value: float(_number(value)),
    "Decimal": _number,
    "int": _whole,
    "bool": _flag,
    "WashSalePolicy": _choice(WashSalePolicy),
    "LotMethod": _choice(LotMethod),
    "tuple[str, ...]": _names,
    "collections.abc.Mapping[str, float]": _tilts,
}
