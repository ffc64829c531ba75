"""The one source of an assignment: read, checked, cut, and turned into notebooks."""
