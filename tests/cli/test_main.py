import subprocess
import sys

import pytest

COMMANDS = (
    *("demo", "index", "check", "prepare", "preview", "train", "ensemble", "evaluate", "predict"),
    *("compare", "explain", "export", "client", "devices", "runs", "phantom"),
)

_HELP = """
import sys
from tfcovid.cli import main
for words in ([], *[[name] for name in sys.argv[1:]]):
    try:
        main([*words, "--help"])
    except SystemExit as stop:
        assert stop.code == 0
print(*sorted({"tensorflow", "keras", "numpy", "cv2", "pydicom"} & set(sys.modules)), file=sys.stderr)
"""


def test_the_help_of_every_command_comes_without_heavy_imports():
    done = subprocess.run([sys.executable, "-c", _HELP, *COMMANDS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    assert done.stdout.count("Usage:") == 1 + len(COMMANDS)


def test_the_help_lists_every_command_and_what_it_is_not_for(run):
    text = run("--help").output
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert "RESEARCH USE ONLY" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_explained(run, name):
    options = run(name, "-h").output.split("Options:")[1]
    described = [line for line in options.splitlines() if line.strip()]
    # An option that stands alone on its line, with none below it, would have no explanation.
    for line, below in zip(described, [*described[1:], "  -"], strict=True):
        if line.startswith("  -") and len(line.strip().split("  ")) == 1:
            assert not below.startswith("  -"), f"{name}: {line.strip()}"


def test_a_mistyped_command_names_the_nearest(run):
    result = run("tarin")
    assert result.exit_code == 2 and "no command 'tarin'. Did you mean 'train'?" in result.stderr
    assert "See tfcovid --help" in run("xyzzy").stderr


def test_the_version_is_told(run):
    import tfcovid

    assert run("--version").output.split()[-1] == tfcovid.__version__


def test_stopping_by_hand_is_no_traceback(run, tmp_path, monkeypatch):
    import tfcovid.config

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tfcovid.config, "load_config", stop)
    result = run("train", "demo", tmp_path / "m.csv", "-o", tmp_path / "b")
    assert result.exit_code == 130 and "The same command goes on" in result.stderr
