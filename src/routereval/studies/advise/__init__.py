"""Is routing worth it, and which models to keep."""

from routereval.studies.advise.advice import Advice, advise

__all__ = ["Advice", "advise"]
