"""Descriptions of the procedures, all made from their registry: JSON schemas, TypeScript types, OpenAPI, a page."""
