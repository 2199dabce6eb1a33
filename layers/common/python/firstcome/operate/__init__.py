"""The operator's actions."""
