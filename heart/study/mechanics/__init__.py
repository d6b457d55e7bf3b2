"""Mechanics scenarios: from words to a deformed body, its fields, numbers and page."""
