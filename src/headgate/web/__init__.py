"""The lake over HTTP: the Iceberg REST catalog, headgate's own API, and who may ask."""
