"""What a router is trained and tested on: pool (columns), split (rows), features attached."""

from routereval.tasks.benchmark import PreparedBenchmark
from routereval.tasks.mix import mix
from routereval.tasks.part import Part
from routereval.tasks.pool import GROUPS, PUBLISHED_SIZES, Pool
from routereval.tasks.split import PROTOCOLS, STREAMS, Rows, Split
from routereval.tasks.task import Task

__all__ = [
    "GROUPS",
    "PROTOCOLS",
    "PUBLISHED_SIZES",
    "STREAMS",
    "Part",
    "Pool",
    "PreparedBenchmark",
    "Rows",
    "Split",
    "Task",
    "mix",
]
