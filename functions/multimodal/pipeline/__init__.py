"""What spans the modalities: arrivals, the sweep, feature groups."""
