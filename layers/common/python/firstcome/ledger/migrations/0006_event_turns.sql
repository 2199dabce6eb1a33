-- Turns: who may ask is spread over `spread_ms` from `opens_at` on, by a secret that is made when the event is first opened.
-- And the zone in which people are told the event's times, and the state of a draft that was deleted.
ALTER TABLE coupon_event
  MODIFY COLUMN state ENUM('draft', 'open', 'paused', 'closed', 'ended', 'deleted')
    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ADD COLUMN timezone VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'UTC',
  ADD COLUMN spread_ms INT NOT NULL DEFAULT 0,
  ADD COLUMN turn_secret BINARY(32) NULL,
  DROP CONSTRAINT coupon_event_window,
  ADD CONSTRAINT coupon_event_window CHECK (
    spread_ms BETWEEN 0 AND 3600000 AND opens_at + INTERVAL spread_ms * 1000 MICROSECOND < closes_at
  )
