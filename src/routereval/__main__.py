"""``python -m routereval``."""

from routereval.cli.main import main

main()
