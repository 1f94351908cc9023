"""A lake that a server keeps: what crosses the wire, and the facade over it."""
