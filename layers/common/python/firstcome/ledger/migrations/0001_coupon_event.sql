-- One campaign. What the operator decides stands here first, and the gate is told afterwards.
CREATE TABLE IF NOT EXISTS coupon_event (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  capacity INT NOT NULL,
  opens_at DATETIME(3) NOT NULL,
  closes_at DATETIME(3) NOT NULL,
  state ENUM('draft', 'open', 'paused', 'closed', 'ended') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  restore_epoch INT NOT NULL DEFAULT 1 COMMENT 'raised by every restore of the gate',
  config_version INT NOT NULL DEFAULT 1 COMMENT 'raised by every change of this row: an older one tells the gate nothing',
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  ended_at DATETIME(3) NULL,
  PRIMARY KEY (event_id),
  CONSTRAINT coupon_event_capacity CHECK (capacity >= 1),
  CONSTRAINT coupon_event_window CHECK (opens_at < closes_at)
) ENGINE = InnoDB
