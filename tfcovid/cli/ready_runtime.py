from pathlib import Path

import click


def ready_runtime(bundle: str | Path, runtime: str) -> None:
    """Imports TensorFlow quietly where a bundle needs it, and says so where that takes long: to compile it.

    Raises:
        InputError: not a bundle, or a runtime that is not installed.
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.inference.load import needs_keras
    from tfcovid.inference.runtime.choose_runtime import choose_runtime

    if not needs_keras(bundle, runtime):
        return
    chosen = choose_runtime(runtime)
    if chosen != "keras":
        click.echo(f"  {bundle} is compiled for {chosen}, once: this takes up to a few minutes", err=True)
    quiet_tensorflow()
