"""The only place that draws: figures, 3D scenes, the report page."""
