-- What each function may do with each table, beside its own user's name. operate is the owner of the schema.
--
-- One grant a line: `operate migrate` reads them. A row that is read with FOR UPDATE takes the right to update a column
-- of its table, on MySQL; it is then the one that does the least harm. Nobody but the owner deletes a row.

-- apply faces the internet: it reads what it answers, and redeems coupons.
GRANT SELECT ON coupon_event TO apply
GRANT SELECT, UPDATE (issued_at) ON coupon TO apply
GRANT SELECT ON coupon_code TO apply
GRANT SELECT ON refusal TO apply
GRANT SELECT ON failed_event TO apply
GRANT SELECT, INSERT, UPDATE (taken_back_at) ON redemption TO apply

-- consume inserts coupon rows and failed rows. What it updates is a key that exists, to the value that it has; but
-- MariaDB asks for the right to update every column that such an insert names.
GRANT SELECT ON coupon_event TO consume
GRANT SELECT, INSERT, UPDATE ON coupon TO consume
GRANT SELECT ON refusal TO consume
GRANT SELECT, INSERT, UPDATE ON failed_event TO consume

-- retry does that, too; it moves and closes failed rows, refuses whom no ticket is left for, numbers a restore, and
-- works off what operators asked for. An audit reads all tables.
GRANT SELECT, UPDATE ON coupon_event TO retry
GRANT SELECT, INSERT, UPDATE ON coupon TO retry
GRANT SELECT ON coupon_code TO retry
GRANT SELECT, INSERT, UPDATE ON refusal TO retry
GRANT SELECT, INSERT, UPDATE ON failed_event TO retry
GRANT SELECT ON redemption TO retry
GRANT SELECT, UPDATE ON operation TO retry
