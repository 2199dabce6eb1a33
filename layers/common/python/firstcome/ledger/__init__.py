"""The ledger: what counts."""
