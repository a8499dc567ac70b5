import json
import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def devices(as_json):
    """Say what training will run on, and check it.

    Each device trains a small network for some seconds: its result is compared with the CPU's, its speed is measured
    in each precision, and a large piece of its memory is filled. Several devices are also checked together. What is
    wrong is said with the fix, and the exit code is then 1.

    \b
    tfcovid devices
    tfcovid devices --json > devices.json
    """
    from dataclasses import asdict
    from threading import Timer

    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow

    quiet_tensorflow()
    from tfcovid.training.check_devices import check_devices

    timer = None

    def say(words):
        # A driver that hangs never comes back.
        nonlocal timer
        if timer:
            timer.cancel()
        timer = Timer(180, _give_up, [words])
        timer.daemon = True
        timer.start()
        click.echo(f"  checking {words} ...", err=True)

    found = check_devices(say)
    timer.cancel()
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        _print(found)
    sys.exit(1 if found.faults else 0)


def _give_up(words):
    import os

    click.echo(
        f"tfcovid: no answer for three minutes while checking {words}. If it was of several devices, their connection "
        "hangs: try NCCL_P2P_DISABLE=1, or train with --strategy one. Otherwise restart the machine or its driver.",
        err=True,
    )
    os._exit(1)


def _print(found):
    cuda = f"built for CUDA {found.cuda}" if found.cuda else "built without CUDA"
    click.echo(f"TensorFlow {found.tensorflow}, {cuda}")
    for device in found.devices:
        memory = f", {device.memory / 2**30:.1f} GiB" if device.memory else ""
        click.echo(f"{device.name}: {device.model}{memory}")
        if device.difference is not None:
            click.echo(
                f"  three training steps change the weights as on the CPU in float64, to {device.difference:.1e}"
            )
        for precision, speed in device.slices_per_s.items():
            click.echo(f"  {precision:15} {speed:10,.0f} slices/s (a small network, 256 x 256)")
    if found.mirrored_difference is not None:
        click.echo(
            f"All together: three training steps change the weights as one does, to {found.mirrored_difference:.1e}"
        )
    count = len(found.devices)
    used = f"all {count} together" if found.strategy == "mirrored" else found.devices[0].name
    click.echo(f"--strategy auto trains on {used}.")
    for note in found.notes:
        click.echo(f"Note: {note}")
    for fault in found.faults:
        click.echo(f"Wrong: {fault}", err=True)
    if not found.faults:
        click.echo("Nothing is wrong.")
