"""What a clinician can see of a simulated heart: activation measures, ECG."""
