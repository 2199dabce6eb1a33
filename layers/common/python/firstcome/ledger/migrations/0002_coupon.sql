-- The coupons. The two keys hold the promise: a ticket is one row, a person has one row.
-- Natural keys: an auto-increment id makes overlapping batches deadlock, these keys and sorted batches do not.
CREATE TABLE IF NOT EXISTS coupon (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ticket INT NOT NULL,
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  applied_at DATETIME(3) NOT NULL COMMENT 'the clock of Redis',
  issued_at DATETIME(3) NOT NULL COMMENT 'the clock of this server',
  PRIMARY KEY (event_id, ticket),
  UNIQUE KEY coupon_one_each (event_id, user_id),
  CONSTRAINT coupon_ticket CHECK (ticket >= 1)
) ENGINE = InnoDB
