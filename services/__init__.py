"""Third-party servers for tests and for the curious: fetched from package indexes by checksum, started on loopback."""
