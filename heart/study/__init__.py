"""Questions built from the layers below: the CRT lead screen."""
