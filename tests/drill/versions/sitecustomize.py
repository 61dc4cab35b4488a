"""Makes the processes of a drill's town speak the version of the container's protocol that the drill wants."""

import os

from boomtown.container import protocol

protocol.PROTOCOL = int(os.environ["DRILL_PROTOCOL"])
