"""Foreign results become records: one file per format, and what they share.

`rows` reads lines and checks cells, `long_table` gathers one record at a time, `eval_logs` reads
the folders of evaluation harnesses, `safe_pickle` reads pickles without calling what they name.
"""

from routereval.importers.importer import Importer, write_sample
from routereval.importers.registry import IMPORTERS, import_records

__all__ = ["IMPORTERS", "Importer", "import_records", "write_sample"]
