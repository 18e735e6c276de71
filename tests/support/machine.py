"""Folders of a user's machine, as `orgcal uninstall` meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orgcal.operations.uninstall import UninstallPlan, plan_uninstall, remove_all
from tests.support.stack_exports import exported

ENGINE = "3.274.1-linux-amd64"


class Machine:
    """A user's folders: cache and data of orgcal, and a project."""

    def __init__(self, root: Path) -> None:
        self.data, self.cache, self.project = root / "data", root / "cache", root / "project"
        self.environ = {
            "ORGCAL_DATA_DIR": str(self.data),
            "ORGCAL_CACHE_DIR": str(self.cache),
            "PULUMI_HOME": str(root / "pulumi"),
        }
        self.project.mkdir()

    def engine(self) -> Path:
        program = self.cache / "engine" / ENGINE / "bin" / "pulumi"
        program.parent.mkdir(parents=True)
        program.write_text("x" * 1000)
        (self.cache / "engine" / f"{ENGINE}.lock").touch()
        return program

    def folder(self, stack: str, project: str = "") -> Path:
        of_project = self.data / "projects" / project if project else self.data
        folder = of_project / "stacks" / stack
        folder.mkdir(parents=True)
        for name in ("passphrase", "tenants.sqlite"):
            (folder / name).write_text("kept")
        return folder

    def state(self, stack: str, project: str = "orgcal", *, backend: Path | None = None, **latest: Any) -> Path:
        """The state of a stack that was deployed and then destroyed, unless `latest` says otherwise."""
        root = (backend or self.data / "state") / ".pulumi"
        path = root / "stacks" / project / f"{stack}.json"
        for kind in ("history", "backups", "locks/organization"):
            (root / kind / project / stack).mkdir(parents=True)
            (root / kind / project / stack / "1.json").write_text("{}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
        path.with_name(f"{path.name}.bak").write_text("{}")
        return path

    def held_state(self, stack: str, project: str = "orgcal", **more: Any) -> Path:
        return self.state(stack, project, **more, **held()["deployment"])

    def plan(self, **environ: str) -> UninstallPlan:
        return plan_uninstall({**self.environ, **environ}, self.project)

    def uninstall(self, **environ: str) -> UninstallPlan:
        plan = self.plan(**environ)
        remove_all(plan)
        return plan


def held() -> dict[str, Any]:
    """A state with one resource besides the stack."""
    state = exported([1], 1)
    state["deployment"]["resources"][1]["custom"] = True
    return state
