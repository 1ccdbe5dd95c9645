"""What studies leave: cells, their summary and comparison; a folder that a run goes on from."""

from routereval.results.folder import ResultsFolder, read_results
from routereval.results.results import Cell, Outcome, Results

__all__ = ["Cell", "Outcome", "Results", "ResultsFolder", "read_results"]
