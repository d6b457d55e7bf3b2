"""What every layer needs: units, parameters, errors, caching, progress, provenance."""
