-- The statements of `failed_event`: see ledger.sql for the rules that all of them follow.

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
