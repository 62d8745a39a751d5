"""salmon and DRAGEN behind one interface."""
