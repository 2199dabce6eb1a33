"""The command line and the Python client of firstcome; `firstcome_cli.client` is the library."""
