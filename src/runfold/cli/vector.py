"""`runfold vector`: collections of vectors and their indexes."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from runfold.cli._connection import open_database
from runfold.cli.output import Json, print_json, print_table, print_text

app = typer.Typer(help="Collections of vectors, and their indexes.", no_args_is_help=True)

User = Annotated[UUID | None, typer.Option("--user", help="Only collections of this user.", metavar="UUID")]
Collection = Annotated[str | None, typer.Option("--collection", help="Only collections of this name.", metavar="NAME")]

_COLUMNS = ["user", "collection", "rows", "dimensions", "state", "size"]


@app.command("list", epilog="Example: runfold vector list --json")
def list_(user: User = None, collection: Collection = None, as_json: Json = False) -> None:
    """List the collections, the largest first, and how each is searched."""
    from runfold.vectors.indexes import read_indexes

    with open_database(shared=True) as connection:
        found = read_indexes(connection, user_id=user, collection=collection)
    if as_json:
        print_json(found)
        return
    print_table([_row(each) for each in found], columns=_COLUMNS, empty="no collections")


@app.command("index", epilog="Example: runfold vector index --auto --dry-run")
def index(
    auto: Annotated[
        bool, typer.Option("--auto", help="Every collection that is too large to be searched exactly.")
    ] = False,
    user: User = None,
    collection: Collection = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the statements, and build nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Build the indexes of large collections, while others read and write; drop those of collections that are gone.

    With --auto, of more than 20,000 rows; else of the collection that --user and --collection name, whatever its size.
    It needs the login that owns the table. At most 64 collections have an index.
    """
    from runfold.vectors.indexes import EXACT_ROWS, abandoned_indexes, build_all, creation, read_indexes

    if auto == (user is not None and collection is not None):
        raise typer.BadParameter("give either --auto, or --user and --collection")
    least = EXACT_ROWS if auto else 0
    with open_database() as connection:
        if dry_run:
            wanted = [
                each
                for each in read_indexes(connection, user_id=user, collection=collection, least=least)
                if each.wanted
            ]
            statements = [creation(connection, each).as_string(connection) for each in wanted]
            gone = abandoned_indexes(connection)
        else:
            built = build_all(
                connection,
                user_id=user,
                collection=collection,
                least=least,
                progress=lambda said: print_text(said, err=True),
            )
    if dry_run and as_json:
        print_json({"build": wanted, "statements": statements, "drop": gone})
    elif dry_run:
        for line in statements:
            print_text(f"{line};")
        for name in gone:
            print_text(f"DROP INDEX CONCURRENTLY public.{name};")
        print_text(f"{len(statements)} indexes to build, {len(gone)} to drop", err=True)
    elif as_json:
        print_json({"built": built})
    else:
        print_text(f"{len(built)} indexes built")


def _row(each: Any) -> dict[str, Any]:
    return {
        "user": each.user_id,
        "collection": each.collection_name,
        "rows": f"{each.rows:,}",
        "dimensions": each.dimensions,
        "state": {"build": "wants an index", "rebuild": "its index is invalid"}.get(each.state, each.state),
        "size": None if each.bytes is None else f"{each.bytes / 1024**2:,.1f} MB",
    }


def register(root: typer.Typer) -> None:
    """Add `runfold vector`."""
    root.add_typer(app, name="vector")
