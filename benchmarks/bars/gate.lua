-- What every application reads, and what a winner's writes, with arguments of the same length; it answers a constant.
redis.call('HMGET', KEYS[1], 'capacity', 'opens_at_ms', 'closes_at_ms', 'state', 'coupon_count', 'restore_epoch',
  'write_seq', 'filter_bits', 'noted_ms', 'fresh_from_ms', 'sizes', 'given_ms', 'spread_ms', 'turn_secret')
redis.call('TIME')
redis.call('HGET', KEYS[2], ARGV[1])
redis.call('HLEN', KEYS[2])
-- sold out
redis.call('HSET', KEYS[2], ARGV[1], '123456 1790000000000 0123abcd')
redis.call('ZADD', KEYS[3], '1790000000000', ARGV[1])
redis.call('HSET', KEYS[1], 'write_seq', '123456', 'sizes', '123456 123456 123456 0', 'noted_ms', '1790000000000',
  'coupon_count', '123456', 'given_ms', '1790000000000')
