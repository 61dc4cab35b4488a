"""The services for people, a module for each noun; `rig.town.Town` is all of them."""
