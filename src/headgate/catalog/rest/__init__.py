"""The Iceberg REST catalog as functions on JSON: what a request asks of a state, without HTTP and without an engine."""
