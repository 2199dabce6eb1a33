-- What an erasure looks at, and what it replaces: see ledger.sql for the rules that all statements follow.

-- name: over(event_id, retention_days)^
-- Found if the event is over for good: its gate will not be restored any more. Locked, as by a refusal.
SELECT event_id FROM coupon_event
WHERE event_id = :event_id AND state = 'ended' AND ended_at <= UTC_TIMESTAMP(3) - INTERVAL :retention_days DAY
FOR UPDATE

-- name: owed(event_id, user_id)$
-- Open failed rows of the person, or of anybody: somebody has to decide first.
SELECT COUNT(*) FROM failed_event FORCE INDEX (failed_event_open)
WHERE event_id = :event_id AND user_id IS NOT NULL AND is_open = 1 AND (:user_id IS NULL OR user_id = :user_id)
FOR UPDATE

-- name: erase_coupon(event_id, user_id, erased_id)!
UPDATE coupon SET user_id = :erased_id WHERE event_id = :event_id AND user_id = :user_id

-- name: erase_coupons(event_id, low, high)!
UPDATE coupon SET user_id = CONCAT('erased#', LOWER(HEX(RANDOM_BYTES(16))))
WHERE event_id = :event_id AND ticket BETWEEN :low AND :high AND LEFT(user_id, 7) <> 'erased#'

-- name: erase_refusal(event_id, user_id, erased_id)!
-- The reason goes as well: it is free text, and may say who.
UPDATE refusal SET user_id = :erased_id, reason = 'erased' WHERE event_id = :event_id AND user_id = :user_id

-- name: erase_refusals(event_id)!
UPDATE refusal SET user_id = CONCAT('erased#', LOWER(HEX(RANDOM_BYTES(16)))), reason = 'erased'
WHERE event_id = :event_id AND LEFT(user_id, 7) <> 'erased#'

-- name: erase_failed(event_id, user_id, erased_id)!
-- With the raw record, and the server's words about it. A row that does not say whose it is may name the person in its
-- record (or a longer id that contains theirs: it goes as well). Whoever it was for, the event is over.
UPDATE failed_event
SET user_id = IF(user_id IS NULL, NULL, :erased_id), payload = '', detail = 'erased', correlation_id = NULL, lease = NULL,
  status = IF(status IN ('waiting', 'dead'), 'refused', status), updated_at = UTC_TIMESTAMP(3)
WHERE event_id = :event_id AND (user_id = :user_id OR (user_id IS NULL AND LOCATE(:user_id, payload) > 0))

-- name: erase_all_failed(event_id)!
UPDATE failed_event
SET user_id = IF(user_id IS NULL, NULL, 'erased#'), payload = '', detail = 'erased', correlation_id = NULL, lease = NULL,
  status = IF(status IN ('waiting', 'dead'), 'refused', status), updated_at = UTC_TIMESTAMP(3)
WHERE event_id = :event_id AND detail <> 'erased'

-- name: erase_strays(user_id, erased_id, days)!
-- The same in the rows of no event that we know, once they are old; NULL stands for anybody.
UPDATE failed_event
SET user_id = IF(user_id IS NULL, NULL, :erased_id), payload = '', detail = 'erased', correlation_id = NULL, lease = NULL,
  status = IF(status IN ('waiting', 'dead'), 'refused', status), updated_at = UTC_TIMESTAMP(3)
WHERE detail <> 'erased' AND created_at <= UTC_TIMESTAMP(3) - INTERVAL :days DAY
  AND (event_id IS NULL OR event_id NOT IN (SELECT coupon_event.event_id FROM coupon_event))
  AND (:user_id IS NULL OR user_id = :user_id OR (user_id IS NULL AND LOCATE(:user_id, payload) > 0))

-- name: strays(user_id)$
-- How many rows of no event that we know name the person.
SELECT COUNT(*) FROM failed_event
WHERE detail <> 'erased' AND (event_id IS NULL OR event_id NOT IN (SELECT coupon_event.event_id FROM coupon_event))
  AND (user_id = :user_id OR (user_id IS NULL AND LOCATE(:user_id, payload) > 0))

-- name: events_naming(user_id)
-- One look at each table's key for each event: a person's events are asked for rarely, and events are few.
SELECT event_id FROM coupon_event
WHERE EXISTS (SELECT 1 FROM coupon FORCE INDEX (coupon_one_each)
    WHERE coupon.event_id = coupon_event.event_id AND coupon.user_id = :user_id)
  OR EXISTS (SELECT 1 FROM refusal
    WHERE refusal.event_id = coupon_event.event_id AND refusal.user_id = :user_id)
  OR EXISTS (SELECT 1 FROM failed_event FORCE INDEX (failed_event_open)
    WHERE failed_event.event_id = coupon_event.event_id
      AND (failed_event.user_id = :user_id OR (failed_event.user_id IS NULL AND LOCATE(:user_id, payload) > 0)))
  OR EXISTS (SELECT 1 FROM operation FORCE INDEX (operation_person)
    WHERE operation.event_id = coupon_event.event_id AND operation.user_id = :user_id)
ORDER BY event_id

-- name: events_kept_too_long(days)
-- Those that ended longer ago, and still name people. `erased#` to `erased$` are all that are erased, in the key's order.
SELECT event_id FROM coupon_event
WHERE state = 'ended' AND ended_at <= UTC_TIMESTAMP(3) - INTERVAL :days DAY
  AND (EXISTS (SELECT 1 FROM coupon FORCE INDEX (coupon_one_each)
      WHERE coupon.event_id = coupon_event.event_id AND (coupon.user_id < 'erased#' OR coupon.user_id >= 'erased$'))
    OR EXISTS (SELECT 1 FROM refusal
      WHERE refusal.event_id = coupon_event.event_id AND (refusal.user_id < 'erased#' OR refusal.user_id >= 'erased$'))
    OR EXISTS (SELECT 1 FROM failed_event FORCE INDEX (failed_event_open)
      WHERE failed_event.event_id = coupon_event.event_id AND failed_event.detail <> 'erased')
    OR EXISTS (SELECT 1 FROM operation FORCE INDEX (operation_person)
      WHERE operation.event_id = coupon_event.event_id
        AND (operation.user_id < 'erased#' OR operation.user_id >= 'erased$')))
ORDER BY event_id
