"""dbt in process: models, seeds, snapshots and tests of a project, built into a workspace."""

from headgate.transform.build import build
from headgate.transform.docs import generate_docs
from headgate.transform.plan import plan_models
from headgate.transform.project import open_project
from headgate.transform.values import BuildResult, DbtProject, Model, ModelPlan, PlannedModel, Test

__all__ = [
    "BuildResult",
    "DbtProject",
    "Model",
    "ModelPlan",
    "PlannedModel",
    "Test",
    "build",
    "generate_docs",
    "open_project",
    "plan_models",
]
