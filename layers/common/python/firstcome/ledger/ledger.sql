-- The statements of events, coupons and refusals, by name. They run on MySQL 8.4+ and on MariaDB 10.11+.
--
-- Batches travel as one JSON parameter, an array of arrays, so that the number of statements does not grow with the
-- batch. Their columns say charset and collation: without them `E` would match `e`, and no key could be used. Both
-- servers convert silently what does not fit, so every field is checked before it gets here.

-- name: next_read_committed()!
-- Holds for the next transaction only: its searches lock the rows they find, and not the gaps between them.
SET TRANSACTION ISOLATION LEVEL READ COMMITTED

-- == coupon ==========================================================================================================

-- name: insert_coupons(batch)!
-- The one insert: the rows that are in range, not refused and not there yet. A new row counts 1, all else 0.
-- The batch is sorted, so overlapping batches lock in one order. The join locks the event's row (shared): a refusal,
-- which locks it first, is before or after the whole batch. STRAIGHT_JOIN: with few events, both servers would rather
-- scan them all, and lock them all.
INSERT INTO coupon (event_id, ticket, user_id, applied_at, issued_at)
SELECT batch.event_id, batch.ticket, batch.user_id, batch.applied_at, UTC_TIMESTAMP(3)
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
  n FOR ORDINALITY,
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[0]',
  ticket INT PATH '$[1]',
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin PATH '$[2]',
  applied_at DATETIME(3) PATH '$[3]'
)) AS batch
STRAIGHT_JOIN coupon_event FORCE INDEX (PRIMARY) ON coupon_event.event_id = batch.event_id
LEFT JOIN refusal FORCE INDEX (PRIMARY)
  ON refusal.event_id = batch.event_id AND refusal.user_id = batch.user_id
WHERE batch.ticket BETWEEN 1 AND coupon_event.capacity AND refusal.user_id IS NULL
ORDER BY batch.n
ON DUPLICATE KEY UPDATE ticket = coupon.ticket

-- name: read_back(batch)
-- What the ledger says of each ticket of a batch, in its order. It locks: what counts is the newest committed row, and
-- not this transaction's snapshot. (MySQL raises 3569 for JSON_TABLE beside a locking clause; one level down, it works.)
SELECT coupon_event.capacity, refusal.user_id IS NOT NULL, mine.ticket, mine.applied_at, holder.user_id
FROM (
  SELECT n, event_id, ticket, user_id FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
    n FOR ORDINALITY,
    event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[0]',
    ticket INT PATH '$[1]',
    user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin PATH '$[2]'
  )) AS parsed
) AS batch
LEFT JOIN coupon_event FORCE INDEX (PRIMARY) ON coupon_event.event_id = batch.event_id
LEFT JOIN refusal FORCE INDEX (PRIMARY)
  ON refusal.event_id = batch.event_id AND refusal.user_id = batch.user_id
LEFT JOIN coupon AS mine FORCE INDEX (coupon_one_each)
  ON mine.event_id = batch.event_id AND mine.user_id = batch.user_id
LEFT JOIN coupon AS holder FORCE INDEX (PRIMARY)
  ON holder.event_id = batch.event_id AND holder.ticket = batch.ticket
ORDER BY batch.n
LOCK IN SHARE MODE

-- name: coupons_after(event_id, after, page)
SELECT ticket, user_id, applied_at FROM coupon FORCE INDEX (PRIMARY)
WHERE event_id = :event_id AND ticket > :after ORDER BY ticket LIMIT :page

-- name: coupons_below(event_id, below, page)
-- From the highest ticket down: whoever applied later than the owner of a higher one is then known at once.
SELECT ticket, user_id, applied_at FROM coupon FORCE INDEX (PRIMARY)
WHERE event_id = :event_id AND ticket < :below ORDER BY ticket DESC LIMIT :page

-- name: people(event_id, batch)
-- What the ledger says of some people, in their order, at one moment: their row, a refusal, an open failed row; and who
-- has a row with the ticket that is named beside them (NULL: none is).
SELECT coupon.ticket, coupon.applied_at, refusal.user_id IS NOT NULL, EXISTS (
  SELECT 1 FROM failed_event FORCE INDEX (failed_event_open)
  WHERE failed_event.event_id = :event_id AND failed_event.user_id = batch.user_id
    AND failed_event.ticket IS NOT NULL AND failed_event.is_open = 1
), holder.user_id
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
  n FOR ORDINALITY,
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin PATH '$[0]',
  ticket INT PATH '$[1]'
)) AS batch
LEFT JOIN coupon FORCE INDEX (coupon_one_each)
  ON coupon.event_id = :event_id AND coupon.user_id = batch.user_id
LEFT JOIN refusal FORCE INDEX (PRIMARY)
  ON refusal.event_id = :event_id AND refusal.user_id = batch.user_id
LEFT JOIN coupon AS holder FORCE INDEX (PRIMARY)
  ON holder.event_id = :event_id AND holder.ticket = batch.ticket
ORDER BY batch.n

-- name: coupon_of_locked(event_id, user_id)^
SELECT ticket, applied_at FROM coupon WHERE event_id = :event_id AND user_id = :user_id LOCK IN SHARE MODE

-- name: has_row(event_id, ticket)$
SELECT 1 FROM coupon WHERE event_id = :event_id AND ticket = :ticket

-- name: audit_counts(event_id)^
SELECT COUNT(*), COUNT(DISTINCT user_id), COUNT(DISTINCT ticket), MIN(ticket), MAX(ticket)
FROM coupon WHERE event_id = :event_id

-- name: standing(event_id, user_id)^
SELECT coupon_event.state, coupon.ticket, coupon.applied_at, coupon.issued_at, refusal.user_id IS NOT NULL,
  failed_event.status, failed_event.ticket, failed_event.applied_at,
  EXISTS (SELECT 1 FROM coupon_code AS one WHERE one.event_id = coupon_event.event_id), coupon_code.code
FROM coupon_event
LEFT JOIN coupon ON coupon.event_id = coupon_event.event_id AND coupon.user_id = :user_id
LEFT JOIN coupon_code FORCE INDEX (coupon_code_unspent)
  ON coupon_code.event_id = coupon.event_id AND coupon_code.ticket = coupon.ticket AND coupon_code.is_unspent = 1
LEFT JOIN refusal ON refusal.event_id = coupon_event.event_id AND refusal.user_id = :user_id
LEFT JOIN failed_event FORCE INDEX (failed_event_open)
  ON failed_event.event_id = coupon_event.event_id AND failed_event.user_id = :user_id AND failed_event.is_open = 1
WHERE coupon_event.event_id = :event_id
ORDER BY failed_event.id DESC LIMIT 1

-- == refusal =========================================================================================================

-- name: lock_event(event_id)^
-- The order of refusals and inserts: whoever has this row first is first.
SELECT event_id FROM coupon_event WHERE event_id = :event_id FOR UPDATE

-- name: insert_refusal(event_id, user_id, reason)!
INSERT INTO refusal (event_id, user_id, reason, refused_at)
VALUES (:event_id, :user_id, :reason, UTC_TIMESTAMP(3))
ON DUPLICATE KEY UPDATE reason = refusal.reason

-- name: lock_failed_of(event_id, user_id)
-- A person's open rows, and whether somebody has a coupon row with the ticket that they wait for.
SELECT failed_event.id, failed_event.ticket, coupon.user_id IS NOT NULL
FROM failed_event FORCE INDEX (failed_event_open)
LEFT JOIN coupon ON coupon.event_id = failed_event.event_id AND coupon.ticket = failed_event.ticket
WHERE failed_event.event_id = :event_id AND failed_event.user_id = :user_id AND failed_event.is_open = 1
ORDER BY failed_event.ticket
FOR UPDATE

-- name: refuse_failed(ids)!
UPDATE failed_event SET status = 'refused', lease = NULL, updated_at = UTC_TIMESTAMP(3) WHERE id IN :ids

-- name: lock_failed(failed_id, lease)^
SELECT id FROM failed_event WHERE id = :failed_id AND is_open = 1 AND (:lease IS NULL OR lease = :lease) FOR UPDATE

-- name: refusals(event_id)
SELECT user_id FROM refusal WHERE event_id = :event_id

-- name: refusals_after(event_id, after, page)
SELECT user_id FROM refusal WHERE event_id = :event_id AND user_id > :after ORDER BY user_id LIMIT :page

-- == coupon_event ====================================================================================================

-- name: create_event(event_id, name, capacity, opens_at, closes_at, timezone, spread_ms)!
INSERT INTO coupon_event (event_id, name, capacity, opens_at, closes_at, timezone, spread_ms, state, created_at, updated_at)
VALUES (:event_id, :name, :capacity, :opens_at, :closes_at, :timezone, :spread_ms, 'draft',
  UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))
ON DUPLICATE KEY UPDATE config_version = coupon_event.config_version

-- name: event(event_id)^
SELECT event_id, name, capacity, opens_at, closes_at, state, restore_epoch, config_version, created_at, ended_at,
  timezone, spread_ms, turn_secret
FROM coupon_event WHERE event_id = :event_id AND state <> 'deleted'

-- name: event_locked(event_id)^
SELECT event_id, name, capacity, opens_at, closes_at, state, restore_epoch, config_version, created_at, ended_at,
  timezone, spread_ms, turn_secret
FROM coupon_event WHERE event_id = :event_id AND state <> 'deleted' FOR UPDATE

-- name: gated_events(retention_days)
-- Few rows in all, so a scan: the events that have, or should have, a gate.
SELECT event_id, name, capacity, opens_at, closes_at, state, restore_epoch, config_version, created_at, ended_at,
  timezone, spread_ms, turn_secret
FROM coupon_event
WHERE state NOT IN ('ended', 'deleted') OR ended_at > UTC_TIMESTAMP(3) - INTERVAL :retention_days DAY
ORDER BY event_id

-- name: change_event(event_id, name, capacity, opens_at, closes_at, timezone, spread_ms, turn_secret, state)!
UPDATE coupon_event
SET name = :name, capacity = :capacity, opens_at = :opens_at, closes_at = :closes_at, timezone = :timezone,
  spread_ms = :spread_ms, turn_secret = :turn_secret, state = :state,
  config_version = config_version + 1,
  updated_at = UTC_TIMESTAMP(3), ended_at = IF(:state = 'ended', COALESCE(ended_at, UTC_TIMESTAMP(3)), NULL)
WHERE event_id = :event_id

-- name: next_restore_epoch(event_id)!
-- The version stays: nobody has decided anything, so whoever saw the event before has still seen it.
UPDATE coupon_event SET restore_epoch = restore_epoch + 1, updated_at = UTC_TIMESTAMP(3) WHERE event_id = :event_id

-- name: wipe_coupons(event_id)!
DELETE FROM coupon WHERE event_id = :event_id

-- name: wipe_refusals(event_id)!
DELETE FROM refusal WHERE event_id = :event_id

-- name: wipe_failed(event_id)!
DELETE FROM failed_event WHERE event_id = :event_id

-- name: wipe_event(event_id)!
DELETE FROM coupon_event WHERE event_id = :event_id
