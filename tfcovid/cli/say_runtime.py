import click


def say_runtime(system) -> None:
    """What is to be said of the choice of what runs the networks, where it is not what was to be expected."""
    if "note" in system.runtime:
        click.echo(f"  runtime {system.runtime['name']}: {system.runtime['note']}", err=True)
