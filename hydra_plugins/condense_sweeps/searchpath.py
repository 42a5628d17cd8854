"""A user's own conf/ in the working directory joins the search path, so its experiments are found by name."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

__all__ = ["WorkingDirectorySearchPath"]


class WorkingDirectorySearchPath(SearchPathPlugin):
    """Appends ./conf behind the config of condense, unless it is that one."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append it."""
        own = Path("conf").resolve()
        known = {entry.path for entry in search_path.get_path()}
        if own.is_dir() and f"file://{own}" not in known:
            search_path.append("working-directory", f"file://{own}")
