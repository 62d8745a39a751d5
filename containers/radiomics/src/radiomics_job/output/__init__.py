"""What the job writes: volumes, overlay, documents."""
