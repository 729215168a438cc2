"""Compiled core of the exact solver: hours as convex pieces, the year by dynamic programming on them.

Importing this module imports numba; it is imported where the solver runs, nowhere else.
"""

from megawatt.dispatch.solvers.compiled_hour import pieces, relieve, settle
from megawatt.dispatch.solvers.compiled_year import NO_STATE, backward, forward

__all__ = ["NO_STATE", "backward", "forward", "pieces", "relieve", "settle"]
