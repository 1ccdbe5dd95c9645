"""What a router is trained and tested on: pool (columns), split (rows), features attached."""

from routereval.tasks.mix import mix
from routereval.tasks.pool import GROUPS, PUBLISHED_SIZES, Pool
from routereval.tasks.split import PROTOCOLS, STREAMS, Rows, Split
from routereval.tasks.task import Part, Setting, Task

__all__ = [
    "GROUPS",
    "PROTOCOLS",
    "PUBLISHED_SIZES",
    "STREAMS",
    "Part",
    "Pool",
    "Rows",
    "Setting",
    "Split",
    "Task",
    "mix",
]
