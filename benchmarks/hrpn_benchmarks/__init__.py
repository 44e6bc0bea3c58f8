"""Measurement of sessions: memory, latency, throughput and accuracy."""
