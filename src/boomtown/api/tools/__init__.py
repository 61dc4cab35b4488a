"""The town's tools for agents: what they are called, what they do, what they answer. Light: agents start it often."""
