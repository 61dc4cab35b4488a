"""Measures Boomtown beside a naive floor, in one run; `python -m bench` or `make bench`."""
