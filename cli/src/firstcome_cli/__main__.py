"""python -m firstcome_cli: the same as `firstcome`."""

from firstcome_cli.app import main

main()
