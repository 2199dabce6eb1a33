-- The statements of `operation`: see ledger.sql for the rules that all of them follow.

-- name: insert_operation(request_id, actor, actor_kind, action, event_id, user_id, status, what, answer, version)!
-- 0 where the request has a row already; whoever is second waits until the first has committed.
INSERT INTO operation (
  request_id, at, actor, actor_kind, action, event_id, user_id, version_before, version_after, status, what, answer
)
VALUES (:request_id, UTC_TIMESTAMP(3), :actor, :actor_kind, :action, :event_id, :user_id, :version, :version, :status,
  :what, :answer)
ON DUPLICATE KEY UPDATE request_id = operation.request_id

-- name: decide_operation(request_id, user_id, before, after, status, answer)!
UPDATE operation
SET user_id = COALESCE(:user_id, user_id), version_before = :before, version_after = :after, status = :status,
  answer = :answer
WHERE request_id = :request_id

-- name: finish_operation(request_id, status, answer)!
UPDATE operation SET status = :status, answer = :answer WHERE request_id = :request_id

-- name: operation(request_id)^
SELECT id, request_id, at, actor, actor_kind, action, event_id, user_id, version_before, version_after, status, what,
  answer
FROM operation WHERE request_id = :request_id

-- name: operation_of_id(id)^
SELECT id, request_id, at, actor, actor_kind, action, event_id, user_id, version_before, version_after, status, what,
  answer
FROM operation WHERE id = :id

-- name: operations_before(event_id, before, page)
-- The newest first. NULL stands for every event.
SELECT id, request_id, at, actor, actor_kind, action, event_id, user_id, version_before, version_after, status, what,
  answer
FROM operation
WHERE (:event_id IS NULL OR event_id = :event_id) AND (:before IS NULL OR id < :before)
ORDER BY id DESC LIMIT :page

-- name: version_locked(event_id)$
SELECT config_version FROM coupon_event WHERE event_id = :event_id AND state <> 'deleted' FOR UPDATE

-- name: wipe_operations(event_id)!
DELETE FROM operation WHERE event_id = :event_id

-- name: erase_operations(event_id, user_id, erased_id)!
-- NULL stands for anybody. Whatever was said of a person goes: a reason may say who.
UPDATE operation SET user_id = :erased_id, what = '{}', answer = '{"erased": true}'
WHERE event_id = :event_id AND user_id IS NOT NULL AND LEFT(user_id, 7) <> 'erased#'
  AND (:user_id IS NULL OR user_id = :user_id)

-- name: erase_stray_operations(user_id, erased_id)!
-- The same in the rows of no event that we know.
UPDATE operation SET user_id = :erased_id, what = '{}', answer = '{"erased": true}'
WHERE user_id IS NOT NULL AND LEFT(user_id, 7) <> 'erased#' AND (:user_id IS NULL OR user_id = :user_id)
  AND (event_id IS NULL OR event_id NOT IN (SELECT coupon_event.event_id FROM coupon_event))
