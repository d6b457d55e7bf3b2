"""The YAML that asks the question: strict, with units, line numbers and a schema."""
