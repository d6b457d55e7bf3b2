"""Which heart: image → labels → surfaces → tetrahedra → regions, coordinates, fibres."""
