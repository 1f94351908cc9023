"""The run: plan, branch, ingest, models, checks, gate, publish."""
