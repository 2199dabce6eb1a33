"""The operator's API: the same actions over HTTP, for whoever a verified token names."""
