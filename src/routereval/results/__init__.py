"""What studies leave: cells, their summary and comparison; a folder that a run goes on from."""

from routereval.results.results import Cell, Outcome, Results, ResultsFolder, read_results

__all__ = ["Cell", "Outcome", "Results", "ResultsFolder", "read_results"]
