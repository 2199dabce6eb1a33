-- What a coupon is: line i of the upload is ticket i's code. Bytes and not text: `ascii_bin` pads, so that `CODE` would find
-- `CODE ` with a space at its end. The primary key stands for ever: a code that was spent is nobody else's.
CREATE TABLE IF NOT EXISTS coupon_code (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  code VARBINARY(64) NOT NULL,
  ticket INT NOT NULL,
  uploaded_at DATETIME(3) NOT NULL,
  spent_at DATETIME(3) NULL COMMENT 'its coupon was revoked',
  is_unspent TINYINT GENERATED ALWAYS AS (CASE WHEN spent_at IS NULL THEN 1 END) STORED,
  PRIMARY KEY (event_id, code),
  UNIQUE KEY coupon_code_unspent (event_id, ticket, is_unspent),
  CONSTRAINT coupon_code_ticket CHECK (ticket >= 1)
) ENGINE = InnoDB
