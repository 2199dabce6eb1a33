"""What AWS limits, and what is assumed of its machines. Everything that capacity.py counts on and cannot measure here.

Quotas were looked up in AWS's documentation on 2026-11-25; what is marked *assumed* was not found there, or is ours. An
account of your own may have other quotas: capacity.py takes them as options.
"""

from __future__ import annotations

# --- API Gateway (developer guide: quotas) ---------------------------------------------------------------------------
# All APIs of an account and region together. Can be raised; the burst follows the rate and cannot be asked for.
API_REQUESTS_PER_S = 10_000
API_BURST = 5_000

# --- Lambda (developer guide: quotas, scaling behavior, understanding function scaling) ------------------------------
CONCURRENCY = 1_000  # an account and region; can be raised to tens of thousands
UNRESERVED = 100  # of it, which must be left to functions without a reservation
# "Each instance of your execution environment can serve up to 10 requests per second": synchronous invocations of a
# function are limited to ten times its concurrency, of an alias with provisioned concurrency to ten times that.
# Whether a reservation counts as "your concurrency limit" is not said; it is *assumed*, because the other way round
# would be the expensive mistake.
REQUESTS_PER_ENVIRONMENT_S = 10
STARTS = 1_000  # environments of one function that may start at once,
STARTS_PER_S = 100  # and how fast that is refilled. Cannot be raised
MB_PER_VCPU = 1_769
# *Assumed* (template.yaml): importing at half a core, and from a snapshot.
COLD_START_S = {"none": 1.0, "snapstart": 0.2, "provisioned": 0.0}

# --- the event source (developer guide: Kafka event poller scaling modes) --------------------------------------------
POLLER_BYTES_PER_S = 5_000_000  # of a provisioned one, or five invocations at a time
POLLERS_PER_UNIT = 10  # an event poller unit is what is billed
POLLERS_ON_DEMAND = 1  # it begins with one, and has others within minutes
EVENT_BYTES = 700  # a record of ours in the event, as dev/poller.py makes it

# --- MSK with IAM, a broker (developer guide: quota of standard brokers) ---------------------------------------------
CONNECTIONS_PER_S = 100  # m5, m7g: what KRaft takes
CONNECTIONS = 3_000
# *Assumed*: a follower's copy costs a broker half of what the leader's did, because it comes in larger pieces.
FOLLOWER = 0.5

# --- ElastiCache (user guide: large number of connections) -----------------------------------------------------------
CACHE_GIB = {"large": 6.38, "xlarge": 12.93, "2xlarge": 26.04, "4xlarge": 52.26, "8xlarge": 103.68}  # cache.m7g
CACHE_USABLE = 0.75  # of it; the rest is reserved
# *Assumed* of a large node: what it may send for more than some minutes; for those, ten times as much.
CACHE_BYTES_PER_S = 0.937e9 / 8
WINNER_BYTES = 275  # of the gate's memory, at the peak: the benchmark `gate` holds this to what it measures
FILTER_BYTES = 2  # a coupon, of the filter of winners that every environment fetches
FALSE_POSITIVES = 0.014  # losers who look like a winner to the filter

# --- RDS (user guide: quotas; the parameter's own default is a connection for each 12 MiB of memory) ------------------
DATABASE_CONNECTIONS_PER_VCPU = 4 * 1024 // 12  # of db.m7g, which has 4 GiB for each

# --- instances: sizes of one family have that many virtual CPUs, and cost in proportion ------------------------------
VCPUS = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}

# --- times that no machine of ours can tell, *assumed*; AWS's cores are taken to be as fast as those that measured ----
HOP_S = 0.0005  # to Redis or MySQL in another zone, and back
SEND_S = 0.005  # acks=all over three zones, beside what it costs the brokers; 1 to 10 ms
COMMIT_S = 0.003  # a commit of MySQL in two zones

USABLE = 0.7  # of what could be had: above, queues grow long before anything is full
