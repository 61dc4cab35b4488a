"""Boomtown: a self-hosted town of coding agents."""

__version__ = "0.1.0"
