"""The town container: owns processes and worktrees, reports what it sees, obeys. Its own process, one per home.

It knows nothing of beads' rules and no SQL. The server speaks to it over `ContainerClient` (client.py); what goes over
the wire is in protocol.py.
"""
