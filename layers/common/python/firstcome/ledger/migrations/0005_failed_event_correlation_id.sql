-- The request that a failed row comes from: its log lines are found by this. NULL where the record did not say it.
ALTER TABLE failed_event
  ADD COLUMN correlation_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL
