"""A package: its cloud or its servers end with its last test, so that no second poller is left on the topic."""
