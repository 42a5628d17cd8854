"""What a sweep's folder holds: its settings, the jobs as they were submitted, who has which, and with what code."""
