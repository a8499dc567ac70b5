"""The command line: thin click commands, one a file, each imported only when it is called."""

import os
from importlib import import_module

import click

from tfcovid import __version__
from tfcovid.errors import InputError

# TensorFlow tells of every processor feature and missing GPU library; errors still arrive as exceptions.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Command -> its line in `tfcovid --help`. Here so that the help needs none of the modules.
_COMMANDS = {
    "demo": "Train a small system on phantoms and diagnose a scan, from nothing.",
    "index": "List the scans of a folder and their labels in a manifest (CSV).",
    "check": "Look for leaks, duplicates and broken scans in a manifest.",
    "preview": "Show what the network of a config will see of a scan.",
    "prepare": "Crop the scans of a manifest once and keep the slices in a store.",
    "train": "Train a config on a manifest and write a bundle.",
    "ensemble": "Join bundles into one that answers with their mean.",
    "evaluate": "Say how well a bundle does on a split of a manifest.",
    "compare": "Say whether systems differ, or train variants and compare them.",
    "predict": "Diagnose a scan, or a folder of scans, with a bundle.",
    "segment": "Outline lungs and infection of a scan with a bundle, helped by clicks.",
    "explain": "Show where in a scan a bundle sees what it calls.",
    "export": "Write a bundle for TF Serving, edge devices, ONNX or OpenVINO, verified.",
    "client": "Have a scan diagnosed by a TF Serving that serves an export.",
    "runs": "List bundles and unfinished runs, or compare some.",
    "devices": "Say what training will run on, and check it.",
    "weights": "List pretrained weights, and convert PyTorch checkpoints.",
    "phantom": "Write a cohort of synthetic chest CT with truth.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return getattr(import_module(f"tfcovid.cli.{name}"), name) if name in _COMMANDS else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple:
        from difflib import get_close_matches

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], _COMMANDS, 1)
            ctx.fail(f"no command '{args[0]}'." + (f" Did you mean '{near[0]}'?" if near else " See tfcovid --help."))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except InputError as error:
            click.echo(f"tfcovid: {error}", err=True)
            ctx.exit(2)
        except OSError as error:
            click.echo(
                f"tfcovid: {error.strerror or error}: {error.filename2 or error.filename or 'no file named'}", err=True
            )
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("\ntfcovid: stopped. The same command goes on from what is finished.", err=True)
            ctx.exit(130)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tfcovid")
def main() -> None:
    """Chest CT in; a diagnosis, masks of lungs and lesions, and a report out. RESEARCH USE ONLY.

    \b
    A first look, on synthetic scans:      tfcovid demo
    Your own scan with the demo's bundle:  tfcovid demo --scan FOLDER_OF_DICOM
    The lungs in your own scan:            tfcovid segment lungs FOLDER_OF_DICOM -o out
    Your own system:                       tfcovid index CLASS_FOLDERS -o manifest.csv
                                           tfcovid train m3lung manifest.csv -o bundle
                                           tfcovid predict bundle FOLDER_OF_DICOM -o out
    """
