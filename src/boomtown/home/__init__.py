"""The home on disk and the machine under it: paths, settings, keys, clock."""
