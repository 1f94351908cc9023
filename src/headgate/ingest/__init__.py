"""Ingestion: from files, under a contract, to bronze tables, with every row accounted for."""
