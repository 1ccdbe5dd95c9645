"""The main jobs, one module a command, named as the command: `run`, `evaluate` and others.

A verb stands in the module of its name, ``routereval.studies.run.run``; `routereval` has the most
used of them. Importing this package loads none of them.
"""
