-- The statements of operations that take long: their rows of `operation` are `working` until they are finished.
-- Whoever works on one has its lease, for a while. See ledger.sql for the rules that all statements follow.

-- name: insert_long_operation(request_id, actor, actor_kind, action, event_id, what)!
-- 0 where the request has a row already.
INSERT INTO operation (request_id, at, actor, actor_kind, action, event_id, status, what, due_at)
VALUES (:request_id, UTC_TIMESTAMP(3), :actor, :actor_kind, :action, :event_id, 'working', :what, UTC_TIMESTAMP(3))
ON DUPLICATE KEY UPDATE request_id = operation.request_id

-- name: due_operation(operation_id, give_up_ms)^
-- The one that has waited longest; NULL stands for any. What somebody else is taking at this moment is passed over.
SELECT id, action, event_id, progress, at <= UTC_TIMESTAMP(3) - INTERVAL :give_up_ms * 1000 MICROSECOND
FROM operation FORCE INDEX (operation_due)
WHERE status = 'working' AND due_at <= UTC_TIMESTAMP(3) AND (:operation_id IS NULL OR id = :operation_id)
ORDER BY due_at LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: lease_operation(operation_id, lease, lease_ms)!
UPDATE operation SET lease = :lease, due_at = UTC_TIMESTAMP(3) + INTERVAL :lease_ms * 1000 MICROSECOND
WHERE id = :operation_id

-- name: keep_operation(operation_id, lease, next_lease, progress, lease_ms)!
-- Each piece takes a lease of its own, so a row that was ours always counts as changed. The same holds for the next ones.
UPDATE operation
SET lease = :next_lease, progress = :progress, due_at = UTC_TIMESTAMP(3) + INTERVAL :lease_ms * 1000 MICROSECOND
WHERE id = :operation_id AND lease = :lease AND status = 'working'

-- name: put_off_operation(operation_id, lease, wait_ms)!
UPDATE operation SET lease = NULL, due_at = UTC_TIMESTAMP(3) + INTERVAL :wait_ms * 1000 MICROSECOND
WHERE id = :operation_id AND lease = :lease AND status = 'working'

-- name: end_operation(operation_id, lease, status, answer)!
UPDATE operation SET status = :status, answer = :answer, progress = NULL, lease = NULL, due_at = NULL
WHERE id = :operation_id AND lease = :lease AND status = 'working'

-- name: erase_long_operations(event_id)!
-- What was found names people, whoever it is that is erased. One under way begins anew.
UPDATE operation
SET answer = IF(answer IS NULL, NULL, '{"erased": true}'), progress = NULL, lease = NULL
WHERE event_id = :event_id AND action IN ('audit', 'reconcile') AND (answer IS NOT NULL OR progress IS NOT NULL)
