"""The gate: who gets which ticket."""
