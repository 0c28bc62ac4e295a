"""Physical quantities in, plain numbers out."""

import importlib
from typing import Any


def plain(value: Any, unit: str | None) -> Any:
    """A number or an array as it is; a quantity of a units library as its value in `unit`.

    Quantities of saiunit, pint and astropy are understood, by their methods `to_decimal`, `to` and `to_value`.
    """
    if unit is None or isinstance(value, int | float):
        return value
    if hasattr(value, "to_decimal"):
        return value.to_decimal(_saiunit(unit))
    if hasattr(value, "to_value"):
        return value.to_value(unit)
    if hasattr(value, "magnitude"):
        return value.to(unit).magnitude
    return value


def _saiunit(unit: str) -> Any:
    saiunit = importlib.import_module("saiunit")

    if unit == "1/mV":
        return saiunit.mV**-1
    if unit == "1/(mM*ms)":
        return saiunit.mM**-1 / saiunit.ms
    if unit == "mV/ms":
        return saiunit.mV / saiunit.ms
    return getattr(saiunit, unit)
