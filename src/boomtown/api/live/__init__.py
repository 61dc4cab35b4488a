"""Live subscriptions: the ledger's events, and the streams of all runs put into one order with one growing position."""
