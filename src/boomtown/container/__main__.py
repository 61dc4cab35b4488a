import sys

# structlog would import rich for tracebacks that nobody looks at here: eight megabytes
sys.modules["rich"] = None  # type: ignore[assignment]

from boomtown.container.logs import write_plain_lines  # noqa: E402
from boomtown.container.main import main  # noqa: E402

write_plain_lines()
sys.exit(main())
