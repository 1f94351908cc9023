"""dbt in process: models, seeds, snapshots and tests of a project, built into a workspace.

Import from the modules: `project.open_project`, `plan.plan_models`, `build.build`, `docs.generate_docs`. Importing
those takes dbt's second; `values`, `versions` and `definition` do not.
"""
