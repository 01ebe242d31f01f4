"""A scan in units of work: planned once, run anywhere and in any order, merged to the very bytes of a plain scan."""

from prunus.units.plan import Unit, UnitPlan
from prunus.units.planning import UNIT_BYTES, plan_units
from prunus.units.running import run_unit, scan_in_units
from prunus.units.workdir import WorkDirectory

__all__ = ["UNIT_BYTES", "Unit", "UnitPlan", "WorkDirectory", "plan_units", "run_unit", "scan_in_units"]
