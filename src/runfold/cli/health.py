"""`runfold health`: what Prometheus and Grafana need to watch a store."""

from __future__ import annotations

import typer

from runfold.cli.output import print_text

app = typer.Typer(help="Health: alert rules for Prometheus, and a dashboard for Grafana.", no_args_is_help=True)


@app.command("rules", epilog="Example: runfold health rules > /etc/prometheus/runfold.rules.yml")
def rules() -> None:
    """Print the alert rules for Prometheus. Each says what is wrong, and which page mends it."""
    from runfold.health.alerts import rules_text

    print_text(rules_text().rstrip("\n"))


@app.command("dashboard", epilog="Example: runfold health dashboard > runfold.json")
def dashboard() -> None:
    """Print the dashboard for Grafana: import it there, and choose the data source."""
    from runfold.health.dashboard import dashboard_text

    print_text(dashboard_text().rstrip("\n"))


def register(root: typer.Typer) -> None:
    """Add `runfold health`."""
    root.add_typer(app, name="health")
