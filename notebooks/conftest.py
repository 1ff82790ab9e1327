"""Notebooks run side by side: each kernel listens at sockets of its own, for two may choose the same port."""

import sys
import tempfile
import uuid
from functools import partial
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbmake import nb_run
from traitlets import default


class Apart(AsyncKernelManager):
    """A kernel that is reached through files, whose names nobody else uses."""

    @default("transport")
    def _by_files(self):
        return "ipc"

    @default("ip")
    def _beginning_of_their_names(self):
        return str(Path(tempfile.gettempdir()) / f"kernel-{uuid.uuid4().hex}")


if sys.platform != "win32":
    nb_run.NotebookClient = partial(NotebookClient, kernel_manager_class=Apart)
