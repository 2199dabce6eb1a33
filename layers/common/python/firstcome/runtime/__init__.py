"""What any Lambda function needs."""
