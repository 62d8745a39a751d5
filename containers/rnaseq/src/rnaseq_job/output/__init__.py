"""What the job writes: gene tables and documents."""
