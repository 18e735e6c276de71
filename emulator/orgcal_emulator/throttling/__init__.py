"""What stands between a request and its answer: limits, latency, scripted faults. All of it deterministic."""
