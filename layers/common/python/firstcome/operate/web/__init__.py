"""The operator's API: the same actions over HTTP, for whom a verified token names."""
