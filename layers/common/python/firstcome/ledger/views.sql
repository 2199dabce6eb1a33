-- What an operator looks at, page by page: see ledger.sql for the rules that all statements follow.

-- name: events_after(after, state, page)
-- The highest ticket is one look at the key; counting the rows of every event would read all of them.
SELECT event_id, name, capacity, opens_at, closes_at, state, restore_epoch, config_version, created_at, ended_at,
  timezone, spread_ms, turn_secret,
  (SELECT MAX(ticket) FROM coupon WHERE coupon.event_id = coupon_event.event_id),
  (SELECT COUNT(*) FROM failed_event FORCE INDEX (failed_event_status)
    WHERE failed_event.event_id = coupon_event.event_id AND failed_event.status = 'waiting'),
  (SELECT COUNT(*) FROM failed_event FORCE INDEX (failed_event_status)
    WHERE failed_event.event_id = coupon_event.event_id AND failed_event.status = 'dead')
FROM coupon_event
WHERE state <> 'deleted' AND event_id > :after AND (:state IS NULL OR state = :state)
ORDER BY event_id LIMIT :page

-- name: winners_after(event_id, after, page)
SELECT coupon.ticket, coupon.user_id, coupon.applied_at, coupon.issued_at, coupon_code.code,
  redemption.redeemed_at, redemption.caller
FROM coupon FORCE INDEX (PRIMARY)
LEFT JOIN coupon_code FORCE INDEX (coupon_code_unspent)
  ON coupon_code.event_id = coupon.event_id AND coupon_code.ticket = coupon.ticket AND coupon_code.is_unspent = 1
LEFT JOIN redemption FORCE INDEX (redemption_live)
  ON redemption.event_id = coupon.event_id AND redemption.ticket = coupon.ticket AND redemption.is_live = 1
WHERE coupon.event_id = :event_id AND coupon.ticket > :after ORDER BY coupon.ticket LIMIT :page

-- name: issued_per_second(event_id, after, page)
-- By the clock of this server, in seconds since 1970. It reads all rows of the event: a million take about a second.
SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', issued_at) AS at_s, COUNT(*) FROM coupon FORCE INDEX (PRIMARY)
WHERE event_id = :event_id AND issued_at >= :after
GROUP BY at_s ORDER BY at_s LIMIT :page

-- name: winner(event_id, user_id)^
SELECT coupon.ticket, coupon.user_id, coupon.applied_at, coupon.issued_at, coupon_code.code,
  redemption.redeemed_at, redemption.caller
FROM coupon FORCE INDEX (coupon_one_each)
LEFT JOIN coupon_code FORCE INDEX (coupon_code_unspent)
  ON coupon_code.event_id = coupon.event_id AND coupon_code.ticket = coupon.ticket AND coupon_code.is_unspent = 1
LEFT JOIN redemption FORCE INDEX (redemption_live)
  ON redemption.event_id = coupon.event_id AND redemption.ticket = coupon.ticket AND redemption.is_live = 1
WHERE coupon.event_id = :event_id AND coupon.user_id = :user_id

-- name: refusal(event_id, user_id)^
SELECT reason, refused_at FROM refusal WHERE event_id = :event_id AND user_id = :user_id

-- name: failed_of(event_id, user_id, cut_at, page)
-- The newest first, whatever became of them.
SELECT id, event_id, user_id, ticket, applied_at, LEFT(payload, :cut_at), reason, detail, status, attempts, lease,
  source_topic, source_partition, source_offset, source_timestamp, next_attempt_at, created_at, updated_at,
  correlation_id, OCTET_LENGTH(payload)
FROM failed_event FORCE INDEX (failed_event_open)
WHERE event_id = :event_id AND user_id = :user_id ORDER BY id DESC LIMIT :page
