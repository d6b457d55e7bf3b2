"""The Purkinje network: grown in the endocardium or read from file."""
