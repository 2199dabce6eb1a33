"""The console's libraries, brought from npm as files: `make vendor`."""
