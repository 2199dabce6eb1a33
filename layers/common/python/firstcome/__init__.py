"""First come, first served: exactly N coupons to the first N people who ask."""
