"""The code shared by every function: domain, services, ports, adapters and their wiring."""
