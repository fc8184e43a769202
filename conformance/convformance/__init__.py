"""Problems, fills, backends and the judge: any tensor framework beside the loop oracle."""

from convformance.backend import Backend, Result, Unsupported
from convformance.problem import Case, LineError, Problem

__version__ = "0.1.0"

__all__ = ["Backend", "Case", "LineError", "Problem", "Result", "Unsupported", "__version__"]
