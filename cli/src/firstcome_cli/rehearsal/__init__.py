"""A dress rehearsal of an opening: a crowd that comes at its own pace, and a report of what it met."""
