"""The policy: findings become verdicts and a queue."""
