-- What could not become a coupon row: a retry works on it (waiting), or an operator decides (dead).
-- NULL stands for what could not be read of a record, and for the source of a ticket that the sweep wrote.
CREATE TABLE IF NOT EXISTS failed_event (
  id BIGINT NOT NULL AUTO_INCREMENT,
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ticket INT NULL,
  applied_at DATETIME(3) NULL,
  payload MEDIUMBLOB NOT NULL COMMENT 'the raw record',
  reason ENUM(
    'no_value', 'not_base64', 'not_json', 'unknown_version', 'bad_field', 'wrong_topic',
    'unknown_event', 'ticket_out_of_range', 'ticket_taken', 'ledger_rejected'
  ) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detail VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  status ENUM('waiting', 'dead', 'resolved', 'refused') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  is_open TINYINT GENERATED ALWAYS AS (CASE WHEN status IN ('waiting', 'dead') THEN 1 END) STORED,
  attempts INT NOT NULL DEFAULT 0,
  next_attempt_at DATETIME(3) NOT NULL,
  lease CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the retry that works on it',
  source_topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NULL,
  source_partition INT NULL,
  source_offset BIGINT NULL,
  source_timestamp BIGINT NULL COMMENT 'ms; a topic that was made anew starts its offsets again',
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (id),
  -- One open row per ticket of a person. A NULL in a unique key equals nothing, so closed rows do not count.
  UNIQUE KEY failed_event_open (event_id, user_id, ticket, is_open),
  -- One row per record, however often it is delivered.
  UNIQUE KEY failed_event_source (source_topic, source_partition, source_offset, source_timestamp),
  KEY failed_event_due (status, next_attempt_at),
  KEY failed_event_status (event_id, status)
) ENGINE = InnoDB
