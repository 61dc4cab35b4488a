"""Adapters: how the container talks to each kind of agent program."""
