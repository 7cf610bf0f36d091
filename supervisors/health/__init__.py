"""Readiness and liveness: probes, restarts and memory limits."""
