-- Where a coupon was used: one live row per ticket, found by the key that its caller chose. NULL stands for the ticket, and the
-- time, of a key that was taken back before anybody redeemed with it.
CREATE TABLE IF NOT EXISTS redemption (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  key_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the caller''s UUID',
  ticket INT NULL,
  caller VARCHAR(700) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the back end',
  redeemed_at DATETIME(3) NULL,
  taken_back_at DATETIME(3) NULL,
  is_live TINYINT GENERATED ALWAYS AS (CASE WHEN taken_back_at IS NULL THEN 1 END) STORED,
  PRIMARY KEY (event_id, key_hash),
  UNIQUE KEY redemption_live (event_id, ticket, is_live)
) ENGINE = InnoDB
