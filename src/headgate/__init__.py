"""headgate: a lakehouse in one Python package, in which nothing reaches `main` until its checks pass."""

from headgate.errors import HeadgateError
from headgate.lakehouse import Lakehouse, init_project, open  # noqa: A004 - `headgate.open`, as in `gzip.open`
from headgate.version import __version__

__all__ = ["HeadgateError", "Lakehouse", "__version__", "init_project", "open"]
