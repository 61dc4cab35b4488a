"""What people ask of the town: one method a procedure of CONTRACT section 5. Answers are ready for JSON."""

from __future__ import annotations

from boomtown.rig.people.backups import BackupService
from boomtown.rig.people.beads import BeadService
from boomtown.rig.people.rigs import RigService
from boomtown.rig.people.users import UserService
from boomtown.rig.people.whole import WholeService
from boomtown.rig.people.workers import WorkerService


class Town(RigService, BeadService, WorkerService, UserService, BackupService, WholeService):
    """The service behind command line, dashboard and scripts."""
