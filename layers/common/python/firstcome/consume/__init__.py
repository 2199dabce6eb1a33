"""From a Kafka event to rows."""
