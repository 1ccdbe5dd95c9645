"""Is routing worth it, and which models to keep."""

from routereval.studies.advise.advice import Advice
from routereval.studies.advise.study import advise

__all__ = ["Advice", "advise"]
