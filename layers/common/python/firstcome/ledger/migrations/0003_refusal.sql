-- Who gets no coupon of an event, for good. The one insert honours it.
CREATE TABLE IF NOT EXISTS refusal (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  refused_at DATETIME(3) NOT NULL,
  PRIMARY KEY (event_id, user_id)
) ENGINE = InnoDB
