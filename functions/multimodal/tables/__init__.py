"""What clinical tables and expression matrices share: reading, spooling and writing a file of many cases."""
