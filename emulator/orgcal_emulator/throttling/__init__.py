"""Limits, latency and scripted faults of requests, all of them deterministic."""
