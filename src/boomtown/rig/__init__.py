"""The Rig: takes a command, runs it in one transaction, has `reconcile` decide, tells the container, lands branches."""
