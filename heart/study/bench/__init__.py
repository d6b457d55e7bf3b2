"""How fast it is, beside a peer where one can be run, with the bound that the machine sets."""
