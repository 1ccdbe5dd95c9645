"""How often routing does harm: a metric with a column of evidence of its own."""

from __future__ import annotations

from routereval.scoring import Column, Metric

HARMED = Column(
    name="harmed",
    meaning="probability that the chosen model scores below the best single model",
    values=lambda of: of.sent_to(of.scores < of.of_model(of.best_single)[:, None]),
)

HARM = Metric(
    name="harm",
    symbol="harm",
    latex=r"\mathrm{harm}",
    formula=lambda of: of[HARMED],
    meaning="share of prompts on which the best single model would have scored higher",
    source="this example",
    higher_is_better=False,
    columns=(HARMED,),
)
