"""The audit: the promise I1 to I7, held against Redis, Kafka and MySQL in repeatable pieces."""
