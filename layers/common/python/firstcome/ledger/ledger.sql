-- Every statement of the ledger, by name. It runs on MySQL 8.4+ and on MariaDB 10.11+.
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

-- == failed_event ====================================================================================================

-- name: insert_failed(batch)!
-- Ignores what is there already, by either key, and nothing else: INSERT IGNORE would swallow bad data too.
-- (`id = failed_event.id` would raise 1869 on MySQL for a duplicate inside the batch.)
INSERT INTO failed_event (
  event_id, user_id, ticket, applied_at, payload, reason, detail, status, next_attempt_at,
  source_topic, source_partition, source_offset, source_timestamp, created_at, updated_at, correlation_id
)
SELECT batch.event_id, batch.user_id, batch.ticket, batch.applied_at, FROM_BASE64(batch.payload), batch.reason,
  batch.detail, 'waiting', UTC_TIMESTAMP(3), batch.source_topic, batch.source_partition, batch.source_offset,
  batch.source_timestamp, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), batch.correlation_id
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
  n FOR ORDINALITY,
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[0]',
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]',
  ticket INT PATH '$[2]',
  applied_at DATETIME(3) PATH '$[3]',
  payload LONGTEXT CHARACTER SET ascii COLLATE ascii_bin PATH '$[4]',
  reason VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[5]',
  detail VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[6]',
  source_topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin PATH '$[7]',
  source_partition INT PATH '$[8]',
  source_offset BIGINT PATH '$[9]',
  source_timestamp BIGINT PATH '$[10]',
  correlation_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin PATH '$[11]'
)) AS batch
ORDER BY batch.n
ON DUPLICATE KEY UPDATE attempts = failed_event.attempts

-- name: outcomes(batch)
-- Whether it is known what became of each record of a batch, in its order: a row or a refusal of its person, or a failed
-- row from its very place, or about its ticket.
SELECT coupon.ticket IS NOT NULL OR refusal.user_id IS NOT NULL OR placed.id IS NOT NULL OR waits.id IS NOT NULL
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
  n FOR ORDINALITY,
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[0]',
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]',
  ticket INT PATH '$[2]',
  source_topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin PATH '$[3]',
  source_partition INT PATH '$[4]',
  source_offset BIGINT PATH '$[5]',
  source_timestamp BIGINT PATH '$[6]'
)) AS batch
LEFT JOIN coupon FORCE INDEX (coupon_one_each)
  ON coupon.event_id = batch.event_id AND coupon.user_id = batch.user_id
LEFT JOIN refusal FORCE INDEX (PRIMARY)
  ON refusal.event_id = batch.event_id AND refusal.user_id = batch.user_id
LEFT JOIN failed_event AS placed FORCE INDEX (failed_event_source)
  ON placed.source_topic = batch.source_topic AND placed.source_partition = batch.source_partition
    AND placed.source_offset = batch.source_offset AND placed.source_timestamp = batch.source_timestamp
LEFT JOIN failed_event AS waits FORCE INDEX (failed_event_open)
  ON waits.event_id = batch.event_id AND waits.user_id = batch.user_id AND waits.ticket = batch.ticket
    AND waits.is_open = 1
ORDER BY batch.n

-- name: due_failed(page)
-- Rows that another retry has locked at this moment are passed over, not waited for.
SELECT id, event_id, user_id, ticket, applied_at, payload, reason, detail, status, attempts, lease,
  source_topic, source_partition, source_offset, source_timestamp, next_attempt_at, created_at, updated_at,
  correlation_id, OCTET_LENGTH(payload)
FROM failed_event FORCE INDEX (failed_event_due)
WHERE status = 'waiting' AND next_attempt_at <= UTC_TIMESTAMP(3)
ORDER BY next_attempt_at LIMIT :page
FOR UPDATE SKIP LOCKED

-- name: lease_failed(ids, lease, lease_ms)!
UPDATE failed_event
SET attempts = attempts + 1, lease = :lease, updated_at = UTC_TIMESTAMP(3),
  next_attempt_at = UTC_TIMESTAMP(3) + INTERVAL :lease_ms * 1000 MICROSECOND
WHERE id IN :ids

-- name: bury_exhausted(ids)!
UPDATE failed_event SET status = 'dead', lease = NULL, updated_at = UTC_TIMESTAMP(3) WHERE id IN :ids

-- name: close_failed(failed_id, lease, status)!
-- The lease goes, so a row that was ours always counts as changed. The same holds for the next ones.
UPDATE failed_event SET status = :status, lease = NULL, updated_at = UTC_TIMESTAMP(3)
WHERE id = :failed_id AND lease = :lease AND status = 'waiting'

-- name: put_off_failed(batch, lease)!
-- A burst of records that can never be issued is put off in one statement, each with its own words and time.
UPDATE JSON_TABLE(:batch, '$[*]' COLUMNS (
  id BIGINT PATH '$[0]',
  status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]',
  wait_ms BIGINT PATH '$[2]',
  reason VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[3]',
  detail VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[4]',
  given_back INT PATH '$[5]'
)) AS batch
STRAIGHT_JOIN failed_event FORCE INDEX (PRIMARY) ON failed_event.id = batch.id
SET failed_event.status = batch.status, failed_event.lease = NULL, failed_event.reason = batch.reason,
  failed_event.detail = batch.detail, failed_event.updated_at = UTC_TIMESTAMP(3),
  failed_event.next_attempt_at = UTC_TIMESTAMP(3) + INTERVAL batch.wait_ms * 1000 MICROSECOND,
  failed_event.attempts = GREATEST(failed_event.attempts - batch.given_back, 0)
WHERE failed_event.lease = :lease AND failed_event.status = 'waiting'

-- name: move_failed(failed_id, lease, event_id, user_id, ticket, applied_at)!
-- Event and person too: the record may not have been readable when the row was made.
UPDATE failed_event
SET event_id = :event_id, user_id = :user_id, ticket = :ticket, applied_at = :applied_at, updated_at = UTC_TIMESTAMP(3)
WHERE id = :failed_id AND lease = :lease AND status = 'waiting'

-- name: lock_open(failed_id, event_id, up_to_id)$
-- How many, before: the count of an update leaves out the rows that it finds as they should be. NULL stands for any.
SELECT COUNT(*) FROM failed_event
WHERE status IN ('waiting', 'dead')
  AND (:failed_id IS NULL OR id = :failed_id) AND (:event_id IS NULL OR event_id = :event_id)
  AND (:up_to_id IS NULL OR id <= :up_to_id)
FOR UPDATE

-- name: redrive(failed_id, event_id, up_to_id)!
-- A retry that works on such a row loses its lease, and changes nothing any more.
UPDATE failed_event
SET status = 'waiting', attempts = 0, lease = NULL, next_attempt_at = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3)
WHERE status IN ('waiting', 'dead')
  AND (:failed_id IS NULL OR id = :failed_id) AND (:event_id IS NULL OR event_id = :event_id)
  AND (:up_to_id IS NULL OR id <= :up_to_id)

-- name: list_failed(event_id, status, after_id, cut_at, page)
-- The payload is cut by the server: a page of long ones would not fit into the memory of a function.
SELECT id, event_id, user_id, ticket, applied_at, LEFT(payload, :cut_at), reason, detail, status, attempts, lease,
  source_topic, source_partition, source_offset, source_timestamp, next_attempt_at, created_at, updated_at,
  correlation_id, OCTET_LENGTH(payload)
FROM failed_event
WHERE (:event_id IS NULL OR event_id = :event_id) AND (:status IS NULL OR status = :status) AND id > :after_id
ORDER BY id LIMIT :page

-- name: open_failed(event_id)
SELECT ticket, user_id, COALESCE(applied_at, created_at) FROM failed_event FORCE INDEX (failed_event_status)
WHERE event_id = :event_id AND status IN ('waiting', 'dead') AND user_id IS NOT NULL AND ticket IS NOT NULL
ORDER BY id

-- name: failed_between(event_id, low, high)
SELECT DISTINCT ticket, user_id FROM failed_event FORCE INDEX (failed_event_status)
WHERE event_id = :event_id AND status IN ('waiting', 'dead') AND user_id IS NOT NULL AND ticket BETWEEN :low AND :high

-- name: count_failed(event_id)
SELECT status, COUNT(*) FROM failed_event WHERE :event_id IS NULL OR event_id = :event_id GROUP BY status

-- name: count_open()
SELECT status, COUNT(*) FROM failed_event FORCE INDEX (failed_event_due)
WHERE status IN ('waiting', 'dead') GROUP BY status

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

-- == erasure =========================================================================================================

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
