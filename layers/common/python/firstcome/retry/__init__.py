"""What died elsewhere, finished by the schedule."""
