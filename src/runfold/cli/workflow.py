"""`runfold workflow`: list workflows, show a definition, its versions and how they differ, and restore one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import orjson
import typer

from runfold.cli._store import open_store, whole_id
from runfold.cli.output import Json, instant, print_facts, print_json, print_table, print_text
from runfold.cli.paging import After, Limit, parse_after, parse_id, print_next

if TYPE_CHECKING:
    from runfold.domain.definition import Change

app = typer.Typer(help="Workflows: their definitions, and the versions of these.", no_args_is_help=True)

WorkflowId = Annotated[str, typer.Argument(parser=parse_id, metavar="ID", help="The workflow's id, or its beginning.")]
_LONGEST = 60
_SHOWN = 40


@app.command("list", epilog="Example: runfold workflow list --active")
def list_(
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Only those that are active, or that are not.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Only those with this text in their name.")] = None,
    after: After = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List workflows, the last changed first. In JSON, each row has its `page_token` for --after."""
    from runfold.reading.pages import PageToken

    place = parse_after(after)
    with open_store() as store:
        found = store.workflows.list(
            active=active,
            name=name,
            after=None if place is None or place.time is None else (place.time, place.id),
            limit=limit,
        )
    rows = [{**asdict(one), "page_token": str(PageToken(one.updated_at, one.workflow_id))} for one in found]
    if as_json:
        print_json(rows)
        return
    print_table(
        [
            {
                **row,
                "id": row["workflow_id"],
                "changed": instant(row["updated_at"]),
                "state": row["deployment_status"].lower() if row["active"] else "inactive",
            }
            for row in rows
        ],
        columns=["id", "name", "version", "nodes", "state", "changed"],
        empty="no workflows",
    )
    print_next(rows, limit)


@app.command(epilog="Example: runfold workflow show 018f --version 3 --json")
def show(
    workflow_id: WorkflowId,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="A version of its history; by default the present.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a workflow's definition. In JSON, `definition` is what `store.workflows.save` takes."""
    with open_store() as store:
        if version is None:
            workflow = store.workflows.load(whole_id(store, "workflow", workflow_id))
            shown = asdict(workflow)
        else:
            whole = whole_id(store, "definition", workflow_id)
            shown = {
                "workflow_id": whole,
                "version": version,
                "definition": store.workflows.version(whole, version),
            }
    if as_json:
        print_json(shown)
        return
    definition = shown["definition"]
    facts = {name: value for name, value in shown.items() if name != "definition" and value is not None}
    print_facts({**facts, **{name: definition[name] for name in _FACTS if definition.get(name) is not None}})
    print_text("\nnodes")
    print_table(
        [
            {
                "node": node["node_id"],
                "type": f"{node['node_type']} {node['node_subtype']}",
                "name": node["name"],
                "attached": ", ".join(node["attached_nodes"]),
                "disabled": "disabled" if node["disabled"] else None,
            }
            for node in definition["nodes"]
        ],
        columns=["node", "type", "name", "attached", "disabled"],
        empty="no nodes",
    )
    print_text("\nconnections")
    print_table(
        [
            {
                "from": edge["source_node_id"],
                "to": edge["target_node_id"],
                "type": edge["connection_type"],
                "index": edge["connection_index"],
                "label": edge["label"],
            }
            for edge in definition["connections"]
        ],
        columns=["from", "to", "type", "index", "label"],
        empty="no connections",
    )


_FACTS = ("name", "description", "version", "active", "tags", "is_template", "template_category")


@app.command(epilog="Example: runfold workflow history 018f")
def history(workflow_id: WorkflowId, limit: Limit = 20, as_json: Json = False) -> None:
    """List the versions of a definition, the newest first, also of a deleted workflow."""
    with open_store() as store:
        found = store.workflows.history(whole_id(store, "definition", workflow_id), limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(
        [
            {
                **asdict(one),
                "saved": instant(one.saved_at),
                "digest": one.digest[:12],
                "body": "erased" if one.erased else None,
            }
            for one in found
        ],
        columns=["version", "saved", "by", "nodes", "connections", "digest", "body"],
        empty="no versions",
    )


@app.command(epilog="Example: runfold workflow diff 018f 3 4")
def diff(
    workflow_id: WorkflowId,
    before: Annotated[int, typer.Argument(min=1, help="A version.")],
    after: Annotated[
        int | None, typer.Argument(min=1, help="The version to compare with it; by default the present.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two versions of a definition, by nodes and connections. Exit code 1 when they differ."""
    with open_store() as store:
        found = store.workflows.diff(whole_id(store, "definition", workflow_id), before, after)
    if as_json:
        print_json(found)
    else:
        _print_changes(found)
    if found:
        raise typer.Exit(1)


@app.command(epilog="Example: runfold workflow restore 018f 3 --dry-run")
def restore(
    workflow_id: WorkflowId,
    version: Annotated[int, typer.Argument(min=1, help="The version to restore.")],
    expected: Annotated[
        int | None, typer.Option("--expected-version", min=0, help="The newest version that you have seen.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Make a definition what it was in a version, which makes a new version; also of a deleted workflow.

    Nodes that exist keep their place on the canvas. Exit code 1 when somebody else changed it meanwhile.
    """
    with open_store() as store:
        whole = whole_id(store, "definition", workflow_id)
        if dry_run:
            changes = _to_restore(store.workflows, whole, version)
            if as_json:
                print_json({"workflow_id": whole, "restores": version, "changes": changes})
            else:
                _print_changes(changes)
            return
        done = store.workflows.restore(whole, version, expected_version=expected)
    if as_json:
        print_json(done)
    elif done.changed:
        print_text(f"workflow {whole} is what it was in version {version}; that is version {done.version}")
    else:
        print_text(f"workflow {whole} is what it was in version {version} already")


def _to_restore(workflows: Any, workflow_id: UUID, version: int) -> Sequence[Change]:
    """Return what restoring a version changes; all of it where the workflow was deleted."""
    from runfold.domain.definition import changes_between
    from runfold.errors import UnknownWorkflow

    body = workflows.version(workflow_id, version)
    try:
        now = workflows.load(workflow_id).definition
    except UnknownWorkflow:
        now = {}
    return changes_between(now, body)


def _print_changes(changes: Sequence[Change]) -> None:
    if not changes:
        print_text("the definitions do not differ")
        return
    rows = [
        {"what": change.path, "before": _value(change.before), "after": _value(change.after)}
        for change in changes[:_SHOWN]
    ]
    print_table(rows, columns=["what", "before", "after"])
    if len(changes) > _SHOWN:
        print_text(f"… {len(changes) - _SHOWN:,} more, see --json")


def _value(value: Any) -> str | None:
    """Return a value as text of at most so many characters; None for what is not there."""
    if value is None:
        return None
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def register(root: typer.Typer) -> None:
    """Add `runfold workflow`."""
    root.add_typer(app, name="workflow")
