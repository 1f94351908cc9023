"""How results, errors and progress look: as text for a person, or as one JSON document."""
