"""Pure functions on text and numbers; nothing here holds weights or touches files."""
