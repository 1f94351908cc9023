"""Checks: reconciliation between tables, the books of the loads, and the gate."""
