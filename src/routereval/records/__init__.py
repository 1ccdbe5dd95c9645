"""The performance records: a prompts × LLMs matrix on disk and in memory, and its importers."""

from routereval.records.draft import Draft
from routereval.records.formats import FORMATS, import_records
from routereval.records.matrix import complete_block, score_matrix
from routereval.records.overview import Overview, overview
from routereval.records.records import Records, read_records, write_collection
from routereval.records.source import cache_folder, open_records, open_source

__all__ = [
    "FORMATS",
    "Draft",
    "Overview",
    "Records",
    "cache_folder",
    "complete_block",
    "import_records",
    "open_records",
    "open_source",
    "overview",
    "read_records",
    "score_matrix",
    "write_collection",
]
