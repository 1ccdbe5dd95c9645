"""The tables of prompts and models that all records have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


PROMPT_KINDS = {"prompt_id": "String", "subset": "String", "text": "String", "chance": "Float64"}
"""The columns of the prompt table that all records have, with their kinds."""


def prompt_table(prompts: pl.DataFrame) -> pl.DataFrame:
    """The prompts with the columns that all records have in front, null where not given."""
    import polars as pl

    known = [
        (pl.col(name) if name in prompts.columns else pl.lit(None).alias(name)).cast(
            getattr(pl, kind)
        )
        for name, kind in PROMPT_KINDS.items()
    ]
    return prompts.select(*known, *[c for c in prompts.columns if c not in PROMPT_KINDS])


def model_table(models: Sequence[str], info: pl.DataFrame | None) -> pl.DataFrame:
    """One row per model, in column order, with what is known of it."""
    import polars as pl

    names = pl.DataFrame({"model": list(models)})
    if info is None:
        return names
    return names.join(
        info.unique("model", keep="first", maintain_order=True),
        on="model",
        how="left",
        maintain_order="left",
    )
