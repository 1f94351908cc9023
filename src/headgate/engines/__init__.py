"""Engines read a state of the lake and write data files; DuckDB is the one that is built in."""
