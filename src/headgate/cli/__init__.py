"""The command line: commands parse, call one function of the lakehouse, and hand the result to a writer."""
