"""From the equations of a cell model to vectorised C: graph, calculus, schemes and printing."""
