"""Foreign results become records: one file per format, and what they share.

`rows` reads lines and checks cells, `long_table` gathers one record at a time, `eval_logs` reads
the folders of evaluation harnesses, `safe_pickle` reads pickles without calling what they name.
"""

from routereval.importers.registry import FORMATS, import_records

__all__ = ["FORMATS", "import_records"]
