"""The stream: a record on its way."""
