"""What is done to the heart: leads, candidate sites, capture, timings."""
