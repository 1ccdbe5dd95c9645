"""The main jobs: evaluate one router, run the whole grid, keep and compare the results."""

from routereval.studies.evaluation import Evaluation, evaluate
from routereval.studies.grid import run
from routereval.studies.results import Cell, Results, read_results

__all__ = ["Cell", "Evaluation", "Results", "evaluate", "read_results", "run"]
