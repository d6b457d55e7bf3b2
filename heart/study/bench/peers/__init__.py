"""Programs that peers run in their own environments; nothing here is imported by heart."""
