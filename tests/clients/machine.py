"""An emulated machine with the boards of the test, and the truth about it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from clients import BOARDS

HERE = Path(__file__).resolve().parent

# Nobody answers here: a client that wants to call home is refused at once.
NO_NETWORK = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Machine:
    """Where the program, its Python and the files of one test are."""

    joulebench: Path
    folder: Path

    @property
    def state(self) -> Path:
        """The state file of the emulator."""
        return self.folder / "machine.state"

    def environment(self) -> dict[str, str]:
        """What a client sees: no settings of the person who runs the test, and no network."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
        proxies = {
            name: NO_NETWORK for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        }
        return {
            **kept,
            **proxies,
            "HOME": str(home),
            "TMPDIR": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(
        self, load: str, script: str, arguments: list[str], timeout_s: float
    ) -> subprocess.CompletedProcess:
        """Runs a script in front of a machine that is under a load."""
        command = [
            str(self.joulebench),
            "emulate",
            *(word for board in BOARDS for word in ("--gpu", board)),
            "--state",
            str(self.state),
            "--load",
            str(HERE / "loads" / f"{load}.toml"),
            "--",
            sys.executable,
            str(HERE / script),
            *arguments,
        ]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def true_energy_j(self, gpu: int, from_ns: int, to_ns: int) -> float:
        """What a GPU truly took between two moments on CLOCK_MONOTONIC."""
        command = [
            str(self.joulebench),
            "emulate",
            "truth",
            "--json",
            "--state",
            str(self.state),
            "--gpu",
            str(gpu),
            "--from",
            str(from_ns),
            "--to",
            str(to_ns),
        ]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(answer.stdout)["energy_j"]
