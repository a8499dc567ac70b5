import click

# What runs the networks; as `tfcovid.inference.runtime.choose_runtime` has them, which is too slow to import for help.
runtime_option = click.option(
    "--runtime",
    type=click.Choice(["auto", "keras", "openvino", "litert"]),
    default="auto",
    show_default=True,
    help="What runs the networks; auto: openvino if installed and no GPU, else keras.",
)
