-- Every statement about codes, redemptions and revocation, by name; see ledger.sql for how it is read.
--
-- Codes travel in hexadecimal: they are bytes, and a JSON text would be converted on its way. Whoever writes a code holds the
-- event's row exclusively, whoever redeems holds it shared, and both take it first: so none of them meets another one's half.

-- == coupon_code =====================================================================================================

-- name: capacity_locked(event_id)$
SELECT capacity FROM coupon_event WHERE event_id = :event_id AND state <> 'deleted' FOR UPDATE

-- name: known_codes(event_id, batch)
-- What is there of a chunk, in its order: the ticket that has each code already, and whether its ticket has an unspent one. It
-- locks, as read_back does and in its form: what counts is the newest committed row.
SELECT batch.ticket, same.ticket, same.spent_at IS NOT NULL, own.ticket IS NOT NULL
FROM (
  SELECT n, ticket, code FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
    n FOR ORDINALITY,
    ticket INT PATH '$[0]',
    code VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]'
  )) AS parsed
) AS batch
LEFT JOIN coupon_code AS same FORCE INDEX (PRIMARY)
  ON same.event_id = :event_id AND same.code = UNHEX(batch.code)
LEFT JOIN coupon_code AS own FORCE INDEX (coupon_code_unspent)
  ON own.event_id = :event_id AND own.ticket = batch.ticket AND own.is_unspent = 1
ORDER BY batch.n
LOCK IN SHARE MODE

-- name: insert_codes(event_id, batch)!
INSERT INTO coupon_code (event_id, code, ticket, uploaded_at)
SELECT :event_id, UNHEX(batch.code), batch.ticket, UTC_TIMESTAMP(3)
FROM JSON_TABLE(:batch, '$[*]' COLUMNS (
  ticket INT PATH '$[0]',
  code VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]'
)) AS batch
ORDER BY batch.ticket

-- name: count_codes(event_id)^
-- Of the tickets within the capacity: how many have a code, and how many have a coupon row and none. And whether there is any.
SELECT
  (SELECT COUNT(*) FROM coupon_code FORCE INDEX (coupon_code_unspent)
    WHERE coupon_code.event_id = :event_id AND is_unspent = 1),
  (SELECT COUNT(*) FROM coupon
    LEFT JOIN coupon_code FORCE INDEX (coupon_code_unspent)
      ON coupon_code.event_id = coupon.event_id AND coupon_code.ticket = coupon.ticket AND is_unspent = 1
    WHERE coupon.event_id = :event_id AND coupon_code.ticket IS NULL),
  EXISTS (SELECT 1 FROM coupon_code WHERE coupon_code.event_id = :event_id),
  (SELECT COUNT(*) FROM redemption FORCE INDEX (redemption_live)
    WHERE redemption.event_id = :event_id AND ticket IS NOT NULL AND is_live = 1)

-- name: issued_without_code(event_id, page)
SELECT coupon.ticket FROM coupon
LEFT JOIN coupon_code FORCE INDEX (coupon_code_unspent)
  ON coupon_code.event_id = coupon.event_id AND coupon_code.ticket = coupon.ticket AND is_unspent = 1
WHERE coupon.event_id = :event_id AND coupon_code.ticket IS NULL
ORDER BY coupon.ticket LIMIT :page

-- name: spend_code(event_id, ticket)!
UPDATE coupon_code FORCE INDEX (coupon_code_unspent) SET spent_at = UTC_TIMESTAMP(3)
WHERE event_id = :event_id AND ticket = :ticket AND is_unspent = 1

-- name: wipe_codes(event_id)!
DELETE FROM coupon_code WHERE event_id = :event_id

-- == revoke ==========================================================================================================

-- name: coupon_of_exclusive(event_id, user_id)$
SELECT ticket FROM coupon WHERE event_id = :event_id AND user_id = :user_id FOR UPDATE

-- name: is_refused(event_id, user_id)$
SELECT 1 FROM refusal WHERE event_id = :event_id AND user_id = :user_id LOCK IN SHARE MODE

-- name: delete_coupon(event_id, ticket)!
DELETE FROM coupon WHERE event_id = :event_id AND ticket = :ticket

-- == redemption ======================================================================================================

-- name: lock_event_shared(event_id)$
-- A revocation, which takes it exclusively, is before or after all that a redemption reads and writes.
SELECT event_id FROM coupon_event WHERE event_id = :event_id AND state <> 'deleted' LOCK IN SHARE MODE

-- name: has_codes(event_id)$
SELECT 1 FROM coupon_code WHERE event_id = :event_id LIMIT 1 LOCK IN SHARE MODE

-- name: ticket_of_code(event_id, code)^
SELECT ticket, spent_at IS NOT NULL FROM coupon_code
WHERE event_id = :event_id AND code = UNHEX(:code) LOCK IN SHARE MODE

-- name: owner_exclusive(event_id, ticket)$
-- Whoever has this row first redeems the ticket, or takes it back, first.
SELECT user_id FROM coupon WHERE event_id = :event_id AND ticket = :ticket FOR UPDATE

-- name: ticket_of_key(event_id, key_hash)^
-- Not locked: it never changes, and says which coupon row to lock.
SELECT ticket FROM redemption WHERE event_id = :event_id AND key_hash = UNHEX(:key_hash)

-- name: redemption(event_id, key_hash)^
SELECT ticket, caller, redeemed_at, taken_back_at FROM redemption
WHERE event_id = :event_id AND key_hash = UNHEX(:key_hash) FOR UPDATE

-- name: is_redeemed(event_id, ticket)$
SELECT 1 FROM redemption FORCE INDEX (redemption_live)
WHERE event_id = :event_id AND ticket = :ticket AND is_live = 1 FOR UPDATE

-- name: insert_redemption(event_id, key_hash, ticket, caller)!
-- No ticket: the key is taken back before anybody redeemed with it.
INSERT INTO redemption (event_id, key_hash, ticket, caller, redeemed_at, taken_back_at)
VALUES (:event_id, UNHEX(:key_hash), :ticket, :caller,
  IF(:ticket IS NULL, NULL, UTC_TIMESTAMP(3)), IF(:ticket IS NULL, UTC_TIMESTAMP(3), NULL))

-- name: take_back(event_id, key_hash)!
UPDATE redemption SET taken_back_at = UTC_TIMESTAMP(3)
WHERE event_id = :event_id AND key_hash = UNHEX(:key_hash) AND taken_back_at IS NULL

-- name: wipe_redemptions(event_id)!
DELETE FROM redemption WHERE event_id = :event_id
