-- The ledger's whole schema, to be read: what the files of migrations/ come to. What a table is for stands there.
--
-- Nothing runs this file but a test, which builds one database from it and one from the migrations, and compares the two
-- (tests/integration/test_migrations.py). A deployment runs the migrations alone. A new migration is written here, too;
-- what it adds to a table stands at the end, as on a server that has had the table before.
--
-- Every id is ASCII, compared byte by byte (ascii_bin): `a` and `A` are two people on every server. Times are UTC, in
-- milliseconds. The words of each ENUM are those of its enum in rules.py; a test keeps the two equal.

CREATE TABLE coupon_event (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  -- How many coupons there are: the one insert refuses a ticket above it (I1).
  capacity INT NOT NULL,
  opens_at DATETIME(3) NOT NULL,
  closes_at DATETIME(3) NOT NULL,
  state ENUM('draft', 'open', 'paused', 'closed', 'ended', 'deleted') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  restore_epoch INT NOT NULL DEFAULT 1 COMMENT 'raised by every restore of the gate',
  config_version INT NOT NULL DEFAULT 1 COMMENT 'raised by every change of this row: an older one tells the gate nothing',
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  -- When it was ended, for the time after which its people may be erased. NULL before.
  ended_at DATETIME(3) NULL,
  -- An IANA name: the zone in which people are told the times.
  timezone VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'UTC',
  -- Over how many ms from opens_at on the turns are spread; 0: there are none.
  spread_ms INT NOT NULL DEFAULT 0,
  -- What the turns are drawn with: made when the event is first opened, told when it has ended. NULL before, and without turns.
  turn_secret BINARY(32) NULL,
  PRIMARY KEY (event_id),
  CONSTRAINT coupon_event_capacity CHECK (capacity >= 1),
  CONSTRAINT coupon_event_window CHECK (
    spread_ms BETWEEN 0 AND 3600000 AND opens_at + INTERVAL spread_ms * 1000 MICROSECOND < closes_at
  )
) ENGINE = InnoDB;

CREATE TABLE coupon (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ticket INT NOT NULL,
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  applied_at DATETIME(3) NOT NULL COMMENT 'the clock of Redis',
  issued_at DATETIME(3) NOT NULL COMMENT 'the clock of this server',
  PRIMARY KEY (event_id, ticket),
  UNIQUE KEY coupon_one_each (event_id, user_id),
  CONSTRAINT coupon_ticket CHECK (ticket >= 1)
) ENGINE = InnoDB;

CREATE TABLE refusal (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  refused_at DATETIME(3) NOT NULL,
  PRIMARY KEY (event_id, user_id)
) ENGINE = InnoDB;

CREATE TABLE failed_event (
  id BIGINT NOT NULL AUTO_INCREMENT,
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ticket INT NULL,
  applied_at DATETIME(3) NULL,
  payload MEDIUMBLOB NOT NULL COMMENT 'the raw record',
  reason ENUM(
    'no_value', 'not_base64', 'not_json', 'unknown_version', 'bad_field', 'wrong_topic',
    'unknown_event', 'ticket_out_of_range', 'ticket_taken', 'ledger_rejected'
  ) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detail VARCHAR(1000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  status ENUM('waiting', 'dead', 'resolved', 'refused') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- 1 where somebody still has to act, NULL otherwise: see the key that it is for.
  is_open TINYINT GENERATED ALWAYS AS (CASE WHEN status IN ('waiting', 'dead') THEN 1 END) STORED,
  attempts INT NOT NULL DEFAULT 0,
  next_attempt_at DATETIME(3) NOT NULL,
  lease CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the retry that works on it',
  source_topic VARCHAR(249) CHARACTER SET ascii COLLATE ascii_bin NULL,
  source_partition INT NULL,
  source_offset BIGINT NULL,
  source_timestamp BIGINT NULL COMMENT 'ms; a topic that was made anew starts its offsets again',
  created_at DATETIME(3) NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  correlation_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
  PRIMARY KEY (id),
  UNIQUE KEY failed_event_open (event_id, user_id, ticket, is_open),
  UNIQUE KEY failed_event_source (source_topic, source_partition, source_offset, source_timestamp),
  -- What is due, for the retry.
  KEY failed_event_due (status, next_attempt_at),
  -- What is open of one event, for the operator and the audit.
  KEY failed_event_status (event_id, status)
) ENGINE = InnoDB;

-- What a coupon is, where an event has codes: line i of the upload is ticket i's code.
-- Read only by joining a coupon row: its owner's and the back end's. Never in the gate, the stream, a log or a metric.
CREATE TABLE coupon_code (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- Bytes and not text: `ascii_bin` pads, so that `CODE` would find `CODE ` with a space at its end.
  code VARBINARY(64) NOT NULL,
  ticket INT NOT NULL,
  uploaded_at DATETIME(3) NOT NULL,
  -- When its coupon was revoked: nobody gets a code that somebody else has seen. NULL before.
  spent_at DATETIME(3) NULL COMMENT 'its coupon was revoked',
  -- 1 where it is its ticket's code, NULL otherwise: see the key that it is for.
  is_unspent TINYINT GENERATED ALWAYS AS (CASE WHEN spent_at IS NULL THEN 1 END) STORED,
  -- For ever: a code that was spent is nobody else's.
  PRIMARY KEY (event_id, code),
  -- One unspent code per ticket. A NULL in a unique key equals nothing, so spent ones do not count.
  UNIQUE KEY coupon_code_unspent (event_id, ticket, is_unspent),
  CONSTRAINT coupon_code_ticket CHECK (ticket >= 1)
) ENGINE = InnoDB;

-- Where a coupon was used. Only the back end's API writes here.
CREATE TABLE redemption (
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  -- What the caller repeats its request by: of a key, nothing but this is kept.
  key_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the caller''s UUID',
  -- NULL, and no time, where the key was taken back before anybody redeemed with it: its late request finds this row.
  ticket INT NULL,
  caller VARCHAR(700) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the back end',
  redeemed_at DATETIME(3) NULL,
  taken_back_at DATETIME(3) NULL,
  -- 1 while it stands, NULL once it is taken back: see the key that it is for.
  is_live TINYINT GENERATED ALWAYS AS (CASE WHEN taken_back_at IS NULL THEN 1 END) STORED,
  -- A key is used once, and never again.
  PRIMARY KEY (event_id, key_hash),
  -- One live redemption per ticket, as one unspent code.
  UNIQUE KEY redemption_live (event_id, ticket, is_live)
) ENGINE = InnoDB;

-- What operators asked for, who they were, and what it came to: one row for each request that changes something.
CREATE TABLE operation (
  id BIGINT NOT NULL AUTO_INCREMENT,
  -- The caller's name for the request, or one that was made: a repeat finds its row, and gets its answer.
  request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  at DATETIME(3) NOT NULL,
  actor VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  -- The words of `rules.ActorKind`; a test keeps the two equal. So does it for the status.
  actor_kind ENUM('token', 'claimed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  action VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- Whom it was about, so that an erasure finds them here, too.
  user_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
  version_before INT NULL COMMENT 'the config_version of the event',
  version_after INT NULL,
  status ENUM('begun', 'working', 'done', 'refused', 'failed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  what MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'the fields as they were given, as JSON',
  answer MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'what a repeat is answered, as JSON',
  -- Of work that takes longer than a request: how far it has come, who works on it, and when it is due.
  progress MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  lease CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  due_at DATETIME(3) NULL,
  PRIMARY KEY (id),
  UNIQUE KEY operation_request (request_id),
  -- The history of one event.
  KEY operation_event (event_id, id),
  -- What names a person, for an erasure.
  KEY operation_person (event_id, user_id),
  -- What is due, for the schedule.
  KEY operation_due (status, due_at)
) ENGINE = InnoDB;

-- Which migrations have been applied, and what stood in them. `migrate` makes it before the first.
CREATE TABLE schema_migration (
  number INT NOT NULL,
  name VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  applied_at DATETIME(3) NOT NULL,
  PRIMARY KEY (number)
) ENGINE = InnoDB;
