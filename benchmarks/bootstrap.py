"""What 1,000 bootstrap replicates of every metric add to the time of the whole demo grid.

The grid of ``routereval run demo`` is run with one process, once as it is and once with a single
replicate, alternately; everything else is the same. Medians are printed.

    python benchmarks/bootstrap.py
"""
