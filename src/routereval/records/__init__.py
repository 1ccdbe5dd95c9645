"""The performance records: a prompts × models matrix on disk and in memory."""

from routereval.records.cache import cache_folder
from routereval.records.draft import Draft
from routereval.records.folder import read_records, write_collection
from routereval.records.import_report import ImportReport
from routereval.records.matrix import complete_block, score_matrix
from routereval.records.overview import Overview, overview
from routereval.records.records import Records

__all__ = [
    "Draft",
    "ImportReport",
    "Overview",
    "Records",
    "cache_folder",
    "complete_block",
    "overview",
    "read_records",
    "score_matrix",
    "write_collection",
]
