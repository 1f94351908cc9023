"""headgate: a lakehouse in one Python package, in which nothing reaches `main` until its checks pass."""

from headgate.lakehouse import Lakehouse, init_project, open  # noqa: A004 - `headgate.open`, as in `gzip.open`

__all__ = ["Lakehouse", "init_project", "open"]
__version__ = "0.1.0"
