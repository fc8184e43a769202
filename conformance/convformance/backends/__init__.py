"""The built-in adapters; importing this package imports no framework."""
