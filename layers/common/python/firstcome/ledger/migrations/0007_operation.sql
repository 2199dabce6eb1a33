-- What operators asked for, who they were, and what it came to: one row for each request that changes something.
CREATE TABLE IF NOT EXISTS operation (
  id BIGINT NOT NULL AUTO_INCREMENT,
  request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  at DATETIME(3) NOT NULL,
  actor VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  actor_kind ENUM('token', 'claimed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  action VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
  version_before INT NULL COMMENT 'the config_version of the event',
  version_after INT NULL,
  status ENUM('begun', 'working', 'done', 'refused', 'failed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  what MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'the fields as they were given, as JSON',
  answer MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'what a repeat is answered, as JSON',
  progress MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  lease CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  due_at DATETIME(3) NULL,
  PRIMARY KEY (id),
  UNIQUE KEY operation_request (request_id),
  KEY operation_event (event_id, id),
  KEY operation_person (event_id, user_id),
  KEY operation_due (status, due_at)
) ENGINE = InnoDB
