"""Cell models: equations as text, generated kernels, pacing of single cells."""
