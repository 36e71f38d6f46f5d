"""The check in the CI of others: `action.yml`, and the summary and the badge that it writes."""
